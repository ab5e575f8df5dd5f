//! Arguments as the tools with subcommands read them (their parser is argparse4j).

use super::out::ToolOutput;
use super::{NotBuilt, Refusal};

/// An argument that a parser has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Argument {
    /// Its names, the first one being what it is called by.
    pub(super) names: &'static [&'static str],
    pub(super) kind: ArgumentKind,
    /// Whether it has to be there.
    pub(super) required: bool,
    /// Whether this build has it.
    pub(super) built: bool,
    /// What it is for, for the help.
    pub(super) about: &'static str,
}

/// What follows an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ArgumentKind {
    Switch,
    Text,
    Int,
}

const fn argument(names: &'static [&'static str], kind: ArgumentKind, about: &'static str) -> Argument {
    Argument { names, kind, required: false, built: true, about }
}

/// A switch.
pub(super) const fn flag(names: &'static [&'static str], about: &'static str) -> Argument {
    argument(names, ArgumentKind::Switch, about)
}

/// An argument with a text.
pub(super) const fn text(names: &'static [&'static str], about: &'static str) -> Argument {
    argument(names, ArgumentKind::Text, about)
}

/// An argument with a number.
pub(super) const fn int(names: &'static [&'static str], about: &'static str) -> Argument {
    argument(names, ArgumentKind::Int, about)
}

impl Argument {
    /// The same for one that has to be there.
    pub(super) const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// The same for one that Kafka has and this build has not.
    pub(super) const fn unbuilt(self) -> Self {
        Self { built: false, ..self }
    }

    fn called(&self) -> String {
        self.names.join("/")
    }
}

/// A parser: a tool's own, or that of a subcommand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parser {
    /// The subcommand; empty for the tool's own parser.
    pub(super) name: &'static str,
    /// How it is used, as Kafka's tool prints it.
    pub(super) usage: &'static str,
    /// What it is for, for the help.
    pub(super) about: &'static str,
    pub(super) arguments: &'static [Argument],
    /// Whether this build has it.
    pub(super) built: bool,
}

/// A tool with its subcommands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grammar {
    /// The tool's name.
    pub(super) tool: &'static str,
    pub(super) main: Parser,
    pub(super) commands: &'static [Parser],
    /// The exit status of `--help`: a tool that calls `parseArgsOrFail` fails with it.
    pub(super) help_exit: i32,
}

/// What was given.
#[derive(Clone, Debug)]
pub(super) struct Arguments {
    pub(super) command: &'static str,
    given: Vec<(&'static str, String)>,
}

impl Arguments {
    pub(super) fn has(&self, name: &str) -> bool {
        self.given.iter().any(|(given, _)| *given == name)
    }

    /// The last value of an argument.
    pub(super) fn one(&self, name: &str) -> Option<&str> {
        self.all(name).last()
    }

    /// All values of an argument.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.given.iter().filter(move |(given, _)| *given == name).map(|(_, value)| value.as_str())
    }
}

/// The width at which argparse4j breaks its lines.
const WIDTH: usize = 75;

impl Grammar {
    /// Reads arguments.
    pub(super) fn read(&self, args: &[String]) -> Result<Arguments, Refusal> {
        let mut parser = &self.main;
        let mut given = Vec::new();
        let mut next = 0;
        while let Some(word) = args.get(next) {
            let at = next;
            next += 1;
            if word == "-h" || word == "--help" {
                return Err(self.help(parser).into());
            }
            if !word.starts_with('-') || word == "-" {
                if !parser.name.is_empty() {
                    return Err(self.error(parser, &format!("unrecognized arguments: '{word}'")));
                }
                parser = self.command(word, at)?;
                continue;
            }
            let (name, attached) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (word.as_str(), None),
            };
            let Some(found) = parser.arguments.iter().find(|argument| argument.names.contains(&name)) else {
                return Err(self.error(parser, &format!("unrecognized arguments: '{word}'")));
            };
            if !found.built {
                return Err(Refusal::NotBuilt(NotBuilt { argument: Some(at), what: format!("`{word}`") }));
            }
            let value = self.value(parser, found, attached, args, &mut next)?;
            given.push((found.names[0], value));
        }
        if parser.name.is_empty() {
            return Err(self.error(parser, "too few arguments"));
        }
        let missing =
            |argument: &&Argument| argument.required && !given.iter().any(|(name, _)| *name == argument.names[0]);
        match parser.arguments.iter().find(missing) {
            Some(missing) => Err(self.error(parser, &format!("argument {} is required", missing.called()))),
            None => Ok(Arguments { command: parser.name, given }),
        }
    }

    fn command(&self, word: &str, at: usize) -> Result<&'static Parser, Refusal> {
        let commands: &'static [Parser] = self.commands;
        let Some(found) = commands.iter().find(|command| command.name == word) else {
            let choices: Vec<String> = commands.iter().map(|command| format!("'{}'", command.name)).collect();
            let message = format!("invalid choice: '{word}' (choose from {})", choices.join(", "));
            return Err(self.error(&self.main, &message));
        };
        match found.built {
            true => Ok(found),
            false => Err(Refusal::NotBuilt(NotBuilt { argument: Some(at), what: format!("`{word}`") })),
        }
    }

    fn value(
        &self,
        parser: &Parser,
        argument: &Argument,
        attached: Option<&str>,
        args: &[String],
        next: &mut usize,
    ) -> Result<String, Refusal> {
        if argument.kind == ArgumentKind::Switch {
            return Ok(String::new());
        }
        let following = args.get(*next).map(String::as_str).filter(|word| !word.starts_with('-') || is_number(word));
        let Some(value) = attached.or(following) else {
            return Err(self.error(parser, &format!("argument {}: expected one argument", argument.called())));
        };
        if attached.is_none() {
            *next += 1;
        }
        if argument.kind == ArgumentKind::Int && value.parse::<i32>().is_err() {
            let why = format!("could not convert '{value}' to Integer (For input string: \"{value}\")");
            return Err(self.error(parser, &format!("argument {}: {why}", argument.called())));
        }
        Ok(value.to_owned())
    }

    fn error(&self, parser: &Parser, message: &str) -> Refusal {
        let message = wrapped(&format!("{}: error: {message}", self.tool));
        let stderr = format!("usage: {}\n{message}\n", parser.usage);
        Refusal::Ends(ToolOutput { stdout: String::new(), stderr, exit: 1 })
    }

    fn help(&self, parser: &Parser) -> ToolOutput {
        let mut stdout = format!("usage: {}\n\n{}\n", parser.usage, parser.about);
        if parser.name.is_empty() {
            stdout += "\npositional arguments:\n";
            for command in self.commands {
                stdout += &format!("  {:<22} {}\n", command.name, command.about);
            }
        }
        stdout += "\noptional arguments:\n  -h, --help             Print this.\n";
        for argument in parser.arguments {
            stdout += &format!("  {:<22} {}\n", argument.names.join(", "), argument.about);
        }
        ToolOutput { stdout, stderr: String::new(), exit: self.help_exit }
    }
}

fn is_number(word: &str) -> bool {
    word.len() > 1 && word[1..].bytes().all(|b| b.is_ascii_digit())
}

/// A text in lines of [`WIDTH`], each but the last stretched to it by blanks between its words (`TextHelper.wrap`).
fn wrapped(text: &str) -> String {
    let mut lines = String::new();
    let mut line = String::new();
    for piece in pieces(text) {
        if line.chars().count() + piece.chars().count() > WIDTH {
            lines += &stretched(line.trim());
            lines.push('\n');
            line.clear();
        }
        line += piece;
    }
    lines + &line
}

/// Where a line may break: behind blanks, and behind hyphens.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let bytes = text.as_bytes();
    for at in 1..bytes.len() {
        let (before, here) = (bytes[at - 1], bytes[at]);
        if (before == b' ' && here != b' ') || (before == b'-' && here.is_ascii_alphabetic()) {
            pieces.push(&text[start..at]);
            start = at;
        }
    }
    pieces.push(&text[start..]);
    pieces
}

fn stretched(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let gaps = words.len() - 1;
    if gaps == 0 {
        return line.to_owned();
    }
    let missing = WIDTH - line.chars().count();
    let (each, more) = (missing / gaps, missing % gaps);
    // What cannot be shared evenly goes to the gaps in the middle.
    let first = (gaps - more).div_ceil(2);
    let mut text = words[0].to_owned();
    for (gap, word) in words[1..].iter().enumerate() {
        let extra = usize::from((first..first + more).contains(&gap));
        text += &" ".repeat(1 + each + extra);
        text += word;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Kafka's tools printed them.
    #[test]
    fn lines_are_broken_and_stretched_as_argparse4j_does() {
        for (text, lines) in [
            (
                "kafka-cluster: error: invalid choice: 'foo' (choose from 'cluster-id', 'unregister', 'list-endpoints')",
                "kafka-cluster: error:  invalid  choice:  'foo'  (choose  from 'cluster-id',\n'unregister', 'list-endpoints')",
            ),
            (
                "kafka-metadata-quorum: error: invalid choice: 'foo' (choose from 'describe', 'add-controller', 'remove-controller')",
                "kafka-metadata-quorum:  error:   invalid   choice:   'foo'   (choose   from\n'describe', 'add-controller', 'remove-controller')",
            ),
            (
                "kafka-features: error: invalid choice: 'foo' (choose from 'describe', 'upgrade', 'downgrade', 'disable', 'version-mapping', 'feature-dependencies')",
                "kafka-features: error:  invalid  choice:  'foo'  (choose  from  'describe',\n'upgrade',    'downgrade',    'disable',    'version-mapping',    'feature-\ndependencies')",
            ),
            (
                "kafka-cluster: error: argument --id/-i: could not convert 'x' to Integer (For input string: \"x\")",
                "kafka-cluster: error: argument --id/-i:  could  not  convert 'x' to Integer\n(For input string: \"x\")",
            ),
            (
                "kafka-metadata-quorum: error: argument --bootstrap-controller: not allowed with argument --bootstrap-server",
                "kafka-metadata-quorum: error: argument  --bootstrap-controller: not allowed\nwith argument --bootstrap-server",
            ),
            (
                "kafka-cluster: error: one of the arguments --bootstrap-server/-b --bootstrap-controller/-C is required",
                "kafka-cluster:  error:  one  of   the  arguments  --bootstrap-server/-b  --\nbootstrap-controller/-C is required",
            ),
        ] {
            assert_eq!(wrapped(text), lines);
        }
    }
}
