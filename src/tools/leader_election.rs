//! `kafka-leader-election.sh` (`LeaderElectionCommand`).

use super::files::{Files, command_config, set_up};
use super::java::{Json, hash_order, hash_order_sized};
use super::options::{BOOTSTRAP_SERVER, HELP, Options, Spec, VERSION, switch, unconvertible, valued};
use super::out::Out;
use super::topics::unreadable;
use super::{Program, Refusal};
use crate::base::{SimDuration, Sort, TopicPartition};
use crate::client::admin::{Admin, AdminConfig, ElectionType, Step, Throwable, caught};
use crate::wire::ErrorCode;
use std::sync::Arc;

const OPTIONS: &[Spec] = &[
    valued(
        "admin.config",
        "<String: config file>",
        "A file of admin client configs; /dev/stdin is what `<<END` brings.",
    ),
    switch("all-topic-partitions", "Elect for every partition that can have a leader elected."),
    BOOTSTRAP_SERVER,
    valued(
        "election-type",
        "<[PREFERRED|UNCLEAN]>",
        "Preferred: the first replica. Unclean: one that may lack records.",
    ),
    HELP,
    valued("partition", "<Integer: partition id>", "The partition of --topic."),
    valued("path-to-json-file", "<String: path>", "A file with partitions; /dev/stdin is what `<<END` brings."),
    valued("topic", "<String: topic name>", "The topic, with --partition."),
    VERSION,
];

const ABOUT: &str = "This tool attempts to elect a new leader for a set of topic partitions. The type of elections \
                     supported are preferred replicas and unclean replicas.";
const FAILED: &str = "org.apache.kafka.tools.AdminCommandFailedException";
const OPERATION: &str = "org.apache.kafka.tools.AdminOperationException";

#[derive(Debug)]
struct LeaderElection {
    options: Options,
    files: Files,
}

/// Reads the tool's arguments.
pub(super) fn read(args: &[String], files: &Files) -> Result<Arc<dyn Program>, Refusal> {
    let options = Options::read(OPTIONS, args).map_err(unreadable)?;
    options.help_or_version(ABOUT).map_or(Ok(()), Err)?;
    Ok(Arc::new(LeaderElection { options, files: files.clone() }))
}

impl Program for LeaderElection {
    fn configure(&self, config: &mut AdminConfig) -> Result<(), Throwable> {
        config.given_default_api_timeout = Some(SimDuration::from_secs(30));
        config.common.request_timeout = SimDuration::from_secs(15);
        set_up(config, &command_config(&self.options, "admin.config", &self.files)?)
    }

    fn run(&self, admin: &mut Admin<'_, '_>, out: &mut Out) -> Step<i32> {
        self.check()?;
        let kind = self.election_type()?;
        let partitions = self.partitions()?;
        let elected = match caught(admin.elect_leaders(kind, partitions.as_deref()))? {
            Ok(elected) => elected,
            Err(why) if why.is(ErrorCode::REQUEST_TIMED_OUT) => {
                return stopped("Timeout waiting for election results", why, out);
            }
            Err(why) if why.is(ErrorCode::CLUSTER_AUTHORIZATION_FAILED) => {
                return stopped("Not authorized to perform leader election", why, out);
            }
            Err(why) => {
                return Err(Throwable::around(Throwable::RUNTIME, Throwable::around(Throwable::EXECUTION, why)).into());
            }
        };
        print(kind, elected, out)
    }
}

impl LeaderElection {
    /// `LeaderElectionCommandOptions.validate`.
    fn check(&self) -> Result<(), Throwable> {
        let has = |name: &str| self.options.has(name);
        let failed = |message: &str| Err(Throwable::new(FAILED, message));
        if !has("election-type") {
            return failed("Missing required option(s): election-type");
        }
        let scopes = ["topic", "all-topic-partitions", "path-to-json-file"];
        if scopes.iter().filter(|scope| has(scope)).count() != 1 {
            let message = format!("One and only one of the following options is required: {}", scopes.join(", "));
            return failed(&message);
        }
        match (has("topic"), has("partition")) {
            (true, false) => failed("Missing required option(s): partition"),
            (false, true) => failed("Option partition is only allowed if topic is used"),
            _ => Ok(()),
        }
    }

    fn election_type(&self) -> Result<ElectionType, Throwable> {
        let text = self.options.one("election-type")?.unwrap_or_default();
        if text.eq_ignore_ascii_case("preferred") {
            return Ok(ElectionType::Preferred);
        }
        if text.eq_ignore_ascii_case("unclean") {
            return Ok(ElectionType::Unclean);
        }
        let why = format!("Value [{text}] is not one of [[PREFERRED,UNCLEAN]]");
        let message = format!("Cannot parse argument '{text}' of option election-type");
        let cause = Throwable::new("joptsimple.ValueConversionException", why);
        Err(Throwable::new("joptsimple.OptionArgumentConversionException", message).caused_by(cause))
    }

    /// The partitions to elect for; none for all.
    fn partitions(&self) -> Result<Option<Vec<TopicPartition>>, Throwable> {
        if let Some(path) = self.options.one("path-to-json-file")? {
            let unreadable = |cause| {
                let why = Throwable::new("java.io.IOException", format!("Unable to read file {path}"));
                Throwable::around(Throwable::RUNTIME, why.caused_by(cause))
            };
            return from_json(self.files.read(path).map_err(unreadable)?).map(Some);
        }
        let topic = self.options.one("topic")?.map(str::to_owned);
        let partition = self.options.one("partition")?;
        let number = |text: &str| super::java::parse_int(text).map_err(|cause| unconvertible("partition", text, cause));
        let partition = partition.map(number).transpose()?;
        Ok(topic.zip(partition).map(|(topic, partition)| vec![TopicPartition::new(topic, partition)]))
    }
}

/// `{"partitions": [{"topic": "foo", "partition": 1}]}`, in the order of a set.
fn from_json(text: &str) -> Result<Vec<TopicPartition>, Throwable> {
    let Ok(json) = Json::parse(text) else {
        return Err(Throwable::new(OPERATION, "Replica election data is empty"));
    };
    let Some(list) = json.field("partitions") else {
        return Err(Throwable::new(OPERATION, "Replica election data is missing \"partitions\" field"));
    };
    let mapping = |message: String| {
        let class = "com.fasterxml.jackson.databind.JsonMappingException";
        Throwable::around(Throwable::RUNTIME, Throwable::new(class, message))
    };
    let mut partitions = Vec::new();
    for entry in list.elements().ok_or_else(|| mapping(format!("Expected JSON array, received {list}")))? {
        let field = |name: &str| entry.field(name).ok_or_else(|| mapping(format!("No such field exists: `{name}`")));
        let (Json::Text(topic), Json::Number(partition)) = (field("topic")?, field("partition")?) else {
            return Err(mapping(format!("Expected a topic and a partition, received {entry}")));
        };
        partitions.push(TopicPartition::new(topic.as_str(), *partition as i32));
    }
    let twice = |tp: &&TopicPartition| partitions.iter().filter(|other| other == tp).count() > 1;
    let mut duplicates: Vec<TopicPartition> = partitions.iter().filter(twice).cloned().collect();
    duplicates.order();
    duplicates.dedup();
    if !duplicates.is_empty() {
        let list: Vec<String> = in_set(duplicates).iter().map(TopicPartition::to_string).collect();
        let message = format!("Replica election data contains duplicate partitions: [{}]", list.join(", "));
        return Err(Throwable::new(OPERATION, message));
    }
    // `new HashSet<>(list)` is made for so many and a third more, at least 16.
    let made_for = (partitions.len() * 4 / 3 + 1).max(16);
    let ordered = hash_order_sized(partitions.into_iter().map(|tp| (tp, ())).collect(), made_for);
    Ok(ordered.into_iter().map(|(tp, ())| tp).collect())
}

fn in_set(partitions: Vec<TopicPartition>) -> Vec<TopicPartition> {
    hash_order(partitions.into_iter().map(|tp| (tp, ())).collect()).into_iter().map(|(tp, ())| tp).collect()
}

fn stopped(message: &str, why: Throwable, out: &mut Out) -> Step<i32> {
    out.line(message);
    Err(Throwable::new(FAILED, message).caused_by(why).into())
}

fn print(kind: ElectionType, elected: Vec<(TopicPartition, Option<Throwable>)>, out: &mut Out) -> Step<i32> {
    let results = hash_order(elected);
    let (mut done, mut needless, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for (tp, why) in results {
        match why {
            None => done.push(tp),
            Some(why) if why.is(ErrorCode::ELECTION_NOT_NEEDED) => needless.push(tp),
            Some(why) => failed.push((tp, why)),
        }
    }
    let list =
        |tps: Vec<TopicPartition>| in_set(tps).iter().map(TopicPartition::to_string).collect::<Vec<_>>().join(", ");
    if !done.is_empty() {
        out.line(format_args!("Successfully completed leader election ({kind}) for partitions {}", list(done)));
    }
    if !needless.is_empty() {
        out.line(format_args!("Valid replica already elected for partitions {}", list(needless)));
    }
    if failed.is_empty() {
        return Ok(0);
    }
    let mut all = Throwable::new(FAILED, format!("{} replica(s) could not be elected", failed.len()));
    for (tp, why) in hash_order(failed) {
        out.line(format_args!("Error completing leader election ({kind}) for partition: {tp}: {why}"));
        all = all.suppressing(why);
    }
    Err(all.into())
}
