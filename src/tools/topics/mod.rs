//! `kafka-topics.sh` (`TopicCommand`).

mod create;
mod describe;

use super::files::{Files, command_config, set_up};
use super::options::{BOOTSTRAP_SERVER, COMMAND_CONFIG, HELP, Options, Spec, Unreadable, VERSION, switch, valued};
use super::out::{Out, ToolOutput};
use super::{NotBuilt, Program, Refusal};
use crate::base::Sort;
use crate::client::admin::{Admin, AdminConfig, Step, Stop, Throwable};
use std::sync::Arc;

const OPTIONS: &[Spec] = &[
    switch("alter", "Give a topic more partitions; its configs are altered by kafka-configs."),
    switch("at-min-isr-partitions", "With --describe: only partitions with exactly min.insync.replicas in sync."),
    BOOTSTRAP_SERVER,
    COMMAND_CONFIG,
    valued("config", "<String: name=value>", "With --create: a config of the topic; may be repeated."),
    switch("create", "Create a topic."),
    switch("delete", "Delete topics."),
    valued("delete-config", "<String: name>", "Has no effect since 4.0."),
    switch("describe", "Show topics with their partitions."),
    switch("exclude-internal", "With --list or --describe: leave out Kafka's own topics."),
    HELP,
    switch("if-exists", "With --alter, --delete or --describe: a topic that is missing is no error."),
    switch("if-not-exists", "With --create: a topic that is there already is no error."),
    switch("list", "List topics."),
    valued("partition-size-limit-per-response", "<Integer>", "With --describe: how many partitions a response holds."),
    valued("partitions", "<Integer: # of partitions>", "How many partitions the topic shall have."),
    valued("replica-assignment", "<String: 1:2,2:3>", "The brokers of each partition, the preferred leader first."),
    valued(
        "replication-factor",
        "<Integer: replication factor>",
        "With --create: how many replicas each partition has.",
    ),
    valued("topic", "<String: topic>", "The topic; a regular expression but for --create."),
    valued("topic-id", "<String: topic-id>", "With --describe: the topic by its id."),
    switch("topics-with-overrides", "With --describe: only topics with configs that are not Kafka's default."),
    switch("unavailable-partitions", "With --describe: only partitions whose leader is not there."),
    switch("under-min-isr-partitions", "With --describe: only partitions with fewer than min.insync.replicas in sync."),
    switch("under-replicated-partitions", "With --describe: only partitions with a replica that is not in sync."),
    VERSION,
];

const ABOUT: &str = "This tool helps to create, delete, describe, or change a topic.";
const ACTIONS: [&str; 5] = ["create", "list", "alter", "describe", "delete"];
/// The order in which the actions are looked at as what an option does not go with.
const ACTIONS_CHECKED: [&str; 5] = ["alter", "create", "describe", "list", "delete"];
const CONFIGS_ELSEWHERE: &str = " (To alter topic configurations, the kafka-configs tool can be used.)";

/// How many partitions one response describes unless told otherwise (`DescribeTopicsOptions`).
pub(super) const PARTITION_LIMIT: i32 = 2_000;

/// Topics of Kafka's own (`Topic.isInternal`).
const INTERNAL: [&str; 3] = ["__consumer_offsets", "__transaction_state", "__share_group_state"];

/// The tool with its options.
#[derive(Debug)]
struct Topics {
    options: Options,
    files: Files,
}

/// Reads the tool's arguments.
pub(super) fn read(args: &[String], files: &Files) -> Result<Arc<dyn Program>, Refusal> {
    let options = Options::read(OPTIONS, args).map_err(unreadable)?;
    check(&options)?;
    Ok(Arc::new(Topics { options, files: files.clone() }))
}

/// What a tool makes of options that cannot be read, when nothing in it catches that: message and stack trace.
pub(super) fn unreadable(why: Unreadable) -> Refusal {
    match why {
        Unreadable::Unbuilt(argument, what) => Refusal::NotBuilt(NotBuilt { argument: Some(argument), what }),
        Unreadable::Refused(thrown) => {
            let stderr = format!("{}\n{}\n", thrown.message(), thrown.stack_trace());
            Refusal::Ends(ToolOutput { stdout: String::new(), stderr, exit: 1 })
        }
    }
}

/// The rules on which options go together (`TopicCommandOptions.checkArgs`).
fn check(options: &Options) -> Result<(), ToolOutput> {
    if options.is_empty() {
        return Err(options.usage("Create, delete, describe, or change a topic."));
    }
    options.help_or_version(ABOUT).map_or(Ok(()), Err)?;
    if ACTIONS.iter().filter(|action| options.has(action)).count() != 1 {
        let message = "Command must include exactly one action: --list, --describe, --create, --alter or --delete";
        return Err(options.usage(message));
    }
    if options.has("describe") && options.has("if-exists") && !options.has("topic") && !options.has("topic-id") {
        return Err(options.usage("--topic or --topic-id is required to describe a topic"));
    }
    if !options.has("list") && !options.has("describe") {
        options.required(&["topic"])?;
    }
    if options.has("alter") {
        if options.has("config") {
            let both = "Option combination \"[[bootstrap-server], [config]]\" can't be used with option \"[alter]\"";
            return Err(options.usage(&format!("{both}{CONFIGS_ELSEWHERE}")));
        }
        options.required(&["partitions"])?;
    }
    check_invalid(options)
}

fn check_invalid(options: &Options) -> Result<(), ToolOutput> {
    let only_with = |used: &str, actions: &[&str], more: &[&str]| {
        let others = ACTIONS_CHECKED.iter().filter(|action| !actions.contains(action));
        let others: Vec<&str> = others.chain(more).copied().collect();
        options.invalid(used, &others)
    };
    only_with("config", &["alter", "create"], &[])?;
    only_with("partitions", &["alter", "create"], &[])?;
    only_with("replication-factor", &["create"], &[])?;
    only_with("replica-assignment", &["alter", "create"], &[])?;
    if options.has("create") {
        options.invalid("replica-assignment", &["partitions", "replication-factor"])?;
    }
    let reports =
        ["under-replicated-partitions", "under-min-isr-partitions", "at-min-isr-partitions", "unavailable-partitions"];
    for report in reports {
        only_with(report, &["describe"], &["topics-with-overrides"])?;
    }
    only_with("topics-with-overrides", &["describe"], &reports)?;
    only_with("if-exists", &["alter", "delete", "describe"], &[])?;
    only_with("if-not-exists", &["create"], &[])?;
    only_with("exclude-internal", &["list", "describe"], &[])
}

impl Program for Topics {
    fn configure(&self, config: &mut AdminConfig) -> Result<(), Throwable> {
        set_up(config, &command_config(&self.options, "command-config", &self.files)?)
    }

    fn run(&self, admin: &mut Admin<'_, '_>, out: &mut Out) -> Step<i32> {
        if self.options.has("delete-config") {
            let what = "delete-config option is no longer supported and deprecated since version 4.0.";
            out.error_line(format_args!("{what} The config will be fully removed in future releases."));
        }
        if self.options.has("create") {
            create::create(&self.options, admin, out)?;
        } else if self.options.has("alter") {
            create::alter(&self.options, admin)?;
        } else if self.options.has("list") {
            let topics = self.topics(admin)?;
            out.line(topics.join("\n"));
        } else if self.options.has("describe") {
            describe::describe(self, admin, out)?;
        } else {
            let topics = self.topics(admin)?;
            self.ensure_exists(&topics)?;
            admin.delete_topics(&topics)?;
        }
        Ok(0)
    }

    fn failed(&self, thrown: &Throwable, wall_clock_ms: i64, out: &mut Out) -> i32 {
        out.line(format_args!("Error while executing topic command : {}", thrown.message()));
        out.log(wall_clock_ms, "ERROR", thrown.stack_trace(), "org.apache.kafka.tools.TopicCommand");
        1
    }
}

impl Topics {
    /// The topics that `--topic` admits, by name.
    fn topics(&self, admin: &mut Admin<'_, '_>) -> Step<Vec<String>> {
        topics(&self.options, admin)
    }

    /// A topic that was asked for has to be there, unless `--if-exists` says otherwise.
    fn ensure_exists(&self, found: &[String]) -> Step<()> {
        ensure_exists(&self.options, found)
    }
}

fn topics(options: &Options, admin: &mut Admin<'_, '_>) -> Step<Vec<String>> {
    let without_internal = options.has("exclude-internal");
    let pattern = options.one("topic")?;
    let listed = admin.list_topics(!without_internal)?;
    let filter = pattern.map(TopicFilter::new).transpose()?;
    let allowed = |name: &String| {
        let internal = without_internal && INTERNAL.contains(&name.as_str());
        !internal && filter.as_ref().is_none_or(|filter| filter.allows(name))
    };
    let mut names: Vec<String> = listed.into_iter().map(|topic| topic.name).filter(allowed).collect();
    names.order();
    Ok(names)
}

fn ensure_exists(options: &Options, found: &[String]) -> Step<()> {
    match options.one("topic")? {
        Some(topic) if !topic.is_empty() && !options.has("if-exists") && found.is_empty() => {
            let message = format!("Topic '{topic}' does not exist as expected");
            Err(Stop::Failed(Throwable::new(Throwable::ILLEGAL_ARGUMENT, message)))
        }
        _ => Ok(()),
    }
}

/// Topics by a regular expression over the whole name (`IncludeList`).
#[derive(Debug)]
pub(super) struct TopicFilter(regex_lite::Regex);

impl TopicFilter {
    /// The filter as it is typed: commas stand for alternatives, and quotes around it are not part of it.
    ///
    /// # Errors
    /// When it is no regular expression.
    pub(super) fn new(raw: &str) -> Result<Self, Throwable> {
        let text = raw.trim().replace(',', "|").replace(' ', "");
        let text = text.trim_matches(['"', '\'']);
        match regex_lite::Regex::new(&format!("^(?:{text})$")) {
            Ok(regex) => Ok(Self(regex)),
            Err(_) => Err(Throwable::new(Throwable::RUNTIME, format!("{text} is an invalid regex."))),
        }
    }

    pub(super) fn allows(&self, topic: &str) -> bool {
        self.0.is_match(topic)
    }
}
