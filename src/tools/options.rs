//! Command-line options as most of Kafka's tools read them (their parser is JOpt Simple 5).

use super::java::{parse_int, parse_long};
use super::out::ToolOutput;
use crate::client::admin::Throwable;

/// An option that a tool has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spec {
    /// Its name without dashes.
    pub(super) name: &'static str,
    value: Value,
    /// Whether this build has it.
    built: bool,
    /// The options of which one has to be there too.
    available_if: &'static [&'static str],
    /// What it is for, for the help.
    about: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    None,
    /// Has to follow; what it is, for the help.
    Required(&'static str),
    /// May follow.
    Optional,
}

/// A switch.
pub(super) const fn switch(name: &'static str, about: &'static str) -> Spec {
    Spec { name, value: Value::None, built: true, available_if: &[], about }
}

/// An option with a value: `what` is that value, such as `<String: topic>`.
pub(super) const fn valued(name: &'static str, what: &'static str, about: &'static str) -> Spec {
    Spec { name, value: Value::Required(what), built: true, available_if: &[], about }
}

/// An option whose value may be left out.
pub(super) const fn optional(name: &'static str, about: &'static str) -> Spec {
    Spec { name, value: Value::Optional, built: true, available_if: &[], about }
}

impl Spec {
    /// The same for an option that Kafka has and this build has not.
    pub(super) const fn unbuilt(self) -> Self {
        Self { built: false, ..self }
    }

    /// The same for an option that goes with one of these only.
    pub(super) const fn available_if(self, options: &'static [&'static str]) -> Self {
        Self { available_if: options, ..self }
    }
}

/// The options that nearly every tool has.
pub(super) const BOOTSTRAP_SERVER: Spec =
    valued("bootstrap-server", "<String: server to connect to>", "The brokers to connect to; may be left out here.");
pub(super) const COMMAND_CONFIG: Spec = valued(
    "command-config",
    "<String: property file>",
    "A file of admin client configs; /dev/stdin is what `<<END` brings.",
);
pub(super) const HELP: Spec = switch("help", "Print this.");
pub(super) const VERSION: Spec = switch("version", "Print Kafka's version.");

/// The options that a tool was given.
#[derive(Clone, Debug)]
pub(super) struct Options {
    specs: &'static [Spec],
    /// Options in the order in which they came, each with its value.
    given: Vec<(&'static str, Option<String>)>,
    is_empty: bool,
}

/// Why options cannot be read.
#[derive(Debug)]
pub(super) enum Unreadable {
    /// Kafka's tool cannot either: an `OptionException`.
    Refused(Throwable),
    /// This build lacks the option, which is this argument.
    Unbuilt(usize, String),
}

fn option_exception(class: &'static str, message: String) -> Throwable {
    Throwable::new(class, message)
}

fn unrecognized(name: &str) -> Unreadable {
    let message = format!("{name} is not a recognized option");
    Unreadable::Refused(option_exception("joptsimple.UnrecognizedOptionException", message))
}

impl Options {
    /// Reads arguments. Those that belong to no option are passed over.
    pub(super) fn read(specs: &'static [Spec], args: &[String]) -> Result<Self, Unreadable> {
        let mut options = Self { specs, given: Vec::new(), is_empty: args.is_empty() };
        let mut next = 0;
        while let Some(word) = args.get(next) {
            let at = next;
            next += 1;
            if word == "--" {
                break;
            }
            let is_long = word.starts_with("--");
            let Some(text) = word.strip_prefix("--").or_else(|| word.strip_prefix('-')) else { continue };
            if text.is_empty() {
                continue;
            }
            let (name, attached) = match text.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (text, None),
            };
            let Some(spec) = specs.iter().find(|spec| spec.name == name) else {
                // One dash announces options of one letter each.
                return Err(unrecognized(if is_long {
                    name
                } else {
                    &text[..text.chars().next().map_or(0, char::len_utf8)]
                }));
            };
            if !spec.built {
                return Err(Unreadable::Unbuilt(at, format!("`{word}`")));
            }
            let value = spec.take_value(attached, args, &mut next)?;
            options.given.push((spec.name, value));
        }
        options.check_available()?;
        Ok(options)
    }

    fn check_available(&self) -> Result<(), Unreadable> {
        if self.has("help") || self.has("version") {
            return Ok(());
        }
        let missing = |spec: &&Spec| {
            self.has(spec.name)
                && !spec.available_if.is_empty()
                && !spec.available_if.iter().any(|other| self.has(other))
        };
        let unavailable: Vec<&str> = self.specs.iter().filter(missing).map(|spec| spec.name).collect();
        if unavailable.is_empty() {
            return Ok(());
        }
        let unavailable = unavailable.join(", ");
        let message = format!("Option(s) [{unavailable}] are unavailable given other options on the command line");
        Err(Unreadable::Refused(option_exception("joptsimple.UnavailableOptionException", message)))
    }

    /// Whether there were no arguments at all.
    pub(super) fn is_empty(&self) -> bool {
        self.is_empty
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.given.iter().any(|(given, _)| *given == name)
    }

    /// The options given, in their order, with repetitions.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.given.iter().map(|(name, _)| *name)
    }

    /// All values of an option that may be given several times (`valuesOf`).
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.given.iter().filter(move |(given, _)| *given == name).filter_map(|(_, value)| value.as_deref())
    }

    /// The value of an option that may be given once (`valueOf`).
    pub(super) fn one(&self, name: &str) -> Result<Option<&str>, Throwable> {
        let mut values = self.all(name);
        let first = values.next();
        if values.next().is_none() {
            return Ok(first);
        }
        let message = format!("Found multiple arguments for option {name}, but you asked for only one");
        Err(option_exception("joptsimple.MultipleArgumentsForOptionException", message))
    }

    /// The value of an option that is a 32-bit number.
    pub(super) fn int(&self, name: &str) -> Result<Option<i32>, Throwable> {
        self.one(name)?.map(|text| parse_int(text).map_err(|cause| unconvertible(name, text, cause))).transpose()
    }

    /// The value of an option that is a 64-bit number.
    pub(super) fn long(&self, name: &str) -> Result<Option<i64>, Throwable> {
        self.one(name)?.map(|text| parse_long(text).map_err(|cause| unconvertible(name, text, cause))).transpose()
    }

    /// What `--help` and `--version` print, if one of them was given; `about` is what the tool says of itself
    /// (`CommandLineUtils.maybePrintHelpOrVersion`).
    pub(super) fn help_or_version(&self, about: &str) -> Option<ToolOutput> {
        if self.is_empty { Some(self.usage(about)) } else { self.help_or_version_asked(about) }
    }

    /// The same for a tool that needs nothing but the cluster: without any argument it runs, because here the cluster
    /// need not be named.
    pub(super) fn help_or_version_asked(&self, about: &str) -> Option<ToolOutput> {
        if self.has("help") {
            return Some(self.usage(about));
        }
        self.has("version").then(version)
    }

    /// The first of these options that is missing (`checkRequiredArgs`).
    pub(super) fn required(&self, names: &[&str]) -> Result<(), ToolOutput> {
        match names.iter().find(|name| !self.has(name)) {
            Some(name) => Err(self.usage(&format!("Missing required argument \"[{name}]\""))),
            None => Ok(()),
        }
    }

    /// That the first option goes with none of the others (`checkInvalidArgs`).
    pub(super) fn invalid(&self, used: &str, others: &[&str]) -> Result<(), ToolOutput> {
        match others.iter().find(|other| self.has(used) && self.has(other)) {
            Some(other) => Err(self.usage(&format!("Option \"[{used}]\" can't be used with option \"[{other}]\""))),
            None => Ok(()),
        }
    }

    /// A message with the tool's options below (`printUsageAndExit`).
    pub(super) fn usage(&self, message: &str) -> ToolOutput {
        usage(self.specs, message)
    }
}

/// A message with a tool's options below.
pub(super) fn usage(specs: &[Spec], message: &str) -> ToolOutput {
    ToolOutput { stdout: String::new(), stderr: format!("{message}\n{}", help(specs)), exit: 1 }
}

/// What `--version` prints.
pub(super) fn version() -> ToolOutput {
    ToolOutput { stdout: "4.1.1\n".into(), stderr: String::new(), exit: 0 }
}

/// A value that is not of its option's type.
pub(super) fn unconvertible(name: &str, value: &str, cause: Throwable) -> Throwable {
    let message = format!("Cannot parse argument '{value}' of option {name}");
    let reflected = Throwable::around("joptsimple.internal.ReflectionException", cause);
    option_exception("joptsimple.OptionArgumentConversionException", message).caused_by(reflected)
}

impl Spec {
    fn take_value(
        &self,
        attached: Option<&str>,
        args: &[String],
        next: &mut usize,
    ) -> Result<Option<String>, Unreadable> {
        if self.value == Value::None {
            return Ok(None);
        }
        if let Some(value) = attached {
            return Ok(Some(value.to_owned()));
        }
        let following = args.get(*next);
        // What has to be there is taken, whatever it looks like; what may be there is not taken if it is an option.
        let taken = match self.value {
            Value::Required(_) => following,
            _ => following.filter(|word| !word.starts_with('-') || *word == "-"),
        };
        if let Some(value) = taken {
            *next += 1;
            return Ok(Some(value.clone()));
        }
        if self.value == Value::Optional {
            return Ok(None);
        }
        let message = format!("Option {} requires an argument", self.name);
        Err(Unreadable::Refused(option_exception("joptsimple.OptionMissingRequiredArgumentException", message)))
    }
}

/// The options of a tool, one a line.
fn help(specs: &[Spec]) -> String {
    let title = |spec: &Spec| match spec.value {
        Value::None => format!("--{}", spec.name),
        Value::Required(what) => format!("--{} {what}", spec.name),
        Value::Optional => format!("--{} [String]", spec.name),
    };
    let width = specs.iter().map(|spec| title(spec).chars().count()).max().unwrap_or_default().max(6);
    let mut text = format!("{:<width$}  Description\n{:<width$}  -----------\n", "Option", "------");
    for spec in specs {
        text += &format!("{:<width$}  {}\n", title(spec), spec.about);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPECS: &[Spec] = &[
        switch("describe", "Look."),
        switch("list", "Look at all."),
        optional("state", "Which.").available_if(&["describe", "list"]),
        valued("topic", "<String: topic>", "Where."),
        valued("partitions", "<Integer>", "How many."),
        valued("away", "<String>", "Not here.").unbuilt(),
    ];

    fn read(text: &str) -> Result<Options, Unreadable> {
        Options::read(SPECS, &text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    fn refusal(text: &str) -> String {
        match read(text) {
            Err(Unreadable::Refused(thrown)) => thrown.message().to_owned(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn options_are_read_as_jopt_reads_them() {
        let options = read("--topic --partitions extra -list --state").unwrap();
        assert_eq!(options.one("topic").unwrap(), Some("--partitions"));
        assert!(options.has("list") && options.has("state") && !options.has("partitions"));
        assert_eq!(read("--topic=a=b").unwrap().one("topic").unwrap(), Some("a=b"));
        assert_eq!(read("--topic= b").unwrap().one("topic").unwrap(), Some(""));
        assert_eq!(read("--partitions -3").unwrap().int("partitions").unwrap(), Some(-3));
        assert_eq!(read("--list --state Stable").unwrap().one("state").unwrap(), Some("Stable"));
        assert!(!read("-- --list").unwrap().has("list"));
    }

    #[test]
    fn refusals_are_jopts() {
        assert_eq!(refusal("--bogus"), "bogus is not a recognized option");
        assert_eq!(refusal("-xyz"), "x is not a recognized option");
        assert_eq!(refusal("--topic"), "Option topic requires an argument");
        assert_eq!(refusal("--state"), "Option(s) [state] are unavailable given other options on the command line");
        let twice = read("--topic a --topic b").unwrap();
        let message = "Found multiple arguments for option topic, but you asked for only one";
        assert_eq!(twice.one("topic").unwrap_err().message(), message);
        let many = read("--partitions many").unwrap().int("partitions").unwrap_err();
        assert_eq!(many.message(), "Cannot parse argument 'many' of option partitions");
        assert!(matches!(read("--list --away x"), Err(Unreadable::Unbuilt(1, _))));
    }
}
