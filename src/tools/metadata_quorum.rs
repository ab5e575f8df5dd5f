//! `kafka-metadata-quorum.sh` (`MetadataQuorumCommand`).

use super::arguments::{Argument, Arguments, Grammar, Parser, flag, text};
use super::files::{Files, set_up};
use super::java::{padded, properties};
use super::out::Out;
use super::{Program, Refusal, TERSE, future};
use crate::base::uuid_text;
use crate::client::admin::{Admin, AdminConfig, QuorumInfo, QuorumReplica, Step, Throwable};
use std::sync::Arc;

const CONNECTION: [Argument; 3] = [
    text(&["--bootstrap-server"], "The brokers to connect to; may be left out here."),
    text(&["--bootstrap-controller"], "The controllers to connect to.").unbuilt(),
    text(&["--command-config"], "A file of admin client configs; /dev/stdin is what `<<END` brings."),
];

const GRAMMAR: Grammar = Grammar {
    tool: "kafka-metadata-quorum",
    main: Parser {
        name: "",
        usage: "kafka-metadata-quorum [-h] [--command-config COMMAND_CONFIG]
                             (--bootstrap-server BOOTSTRAP_SERVER |
                             --bootstrap-controller BOOTSTRAP_CONTROLLER)
                             {describe,add-controller,remove-controller}
                             ...",
        about: "Looks at the metadata quorum.",
        arguments: &CONNECTION,
        built: true,
    },
    commands: &[
        Parser {
            name: "describe",
            usage: "kafka-metadata-quorum (--bootstrap-server BOOTSTRAP_SERVER |
                             --bootstrap-controller BOOTSTRAP_CONTROLLER)
                             describe [-h] [--status] [--replication]
                             [--human-readable]",
            about: "Show the quorum.",
            arguments: &[
                flag(&["--status"], "Its leader, epoch, high watermark, voters and observers."),
                flag(&["--replication"], "How far each replica of the metadata log is."),
                flag(&["--human-readable"], "With --replication: moments as spans of time."),
            ],
            built: true,
        },
        Parser { name: "add-controller", usage: "", about: "Add a controller.", arguments: &[], built: false },
        Parser { name: "remove-controller", usage: "", about: "Remove a controller.", arguments: &[], built: false },
    ],
    help_exit: 0,
};

#[derive(Debug)]
struct MetadataQuorum {
    arguments: Arguments,
    files: Files,
}

/// Reads the tool's arguments.
pub(super) fn read(args: &[String], files: &Files) -> Result<Arc<dyn Program>, Refusal> {
    Ok(Arc::new(MetadataQuorum { arguments: GRAMMAR.read(args)?, files: files.clone() }))
}

impl Program for MetadataQuorum {
    fn configure(&self, config: &mut AdminConfig) -> Result<(), Throwable> {
        let Some(path) = self.arguments.one("--command-config") else { return Ok(()) };
        let missing = |_| Throwable::new(TERSE, format!("Properties file {path} does not exists!"));
        set_up(config, &properties(self.files.read(path).map_err(missing)?))
    }

    fn run(&self, admin: &mut Admin<'_, '_>, out: &mut Out) -> Step<i32> {
        let has = |name: &str| self.arguments.has(name);
        let terse = |message: &str| Err(Throwable::new(TERSE, message).into());
        match (has("--status"), has("--replication")) {
            (true, true) => {
                terse("Only one of --status or --replication should be specified with describe sub-command")
            }
            (false, false) => terse("One of --status or --replication must be specified with describe sub-command"),
            (true, false) if has("--human-readable") => {
                terse("The option --human-readable is only supported along with --replication")
            }
            (true, false) => describe_status(admin, out),
            (false, true) => describe_replication(has("--human-readable"), admin, out),
        }
    }

    fn failed(&self, thrown: &Throwable, _: i64, out: &mut Out) -> i32 {
        out.error_line(thrown.message());
        if thrown.class() != TERSE {
            out.error_line(thrown.stack_trace());
        }
        1
    }
}

/// The leader among the voters. Where it is not among them, Java's `Optional.get` fails.
fn leader(quorum: &QuorumInfo) -> Result<&QuorumReplica, Throwable> {
    let found = quorum.voters.iter().find(|voter| voter.id == quorum.leader_id);
    found.ok_or_else(|| Throwable::new("java.util.NoSuchElementException", "No value present"))
}

fn describe_status(admin: &mut Admin<'_, '_>, out: &mut Out) -> Step<i32> {
    let cluster_id = future(admin.describe_cluster(false))?.cluster_id.unwrap_or_else(|| "null".into());
    let quorum = future(admin.describe_metadata_quorum())?;
    let leader = leader(&quorum)?;
    let slowest = quorum.voters.iter().min_by_key(|voter| voter.log_end_offset).unwrap_or(leader);
    let lag_ms = match (leader.last_caught_up_ms, slowest.last_caught_up_ms) {
        _ if slowest.id == leader.id => 0,
        (Some(leader), Some(slowest)) => leader - slowest,
        _ => -1,
    };
    out.line(format_args!("ClusterId:              {cluster_id}"));
    out.line(format_args!("LeaderId:               {}", quorum.leader_id));
    out.line(format_args!("LeaderEpoch:            {}", quorum.leader_epoch));
    out.line(format_args!("HighWatermark:          {}", quorum.high_watermark));
    out.line(format_args!("MaxFollowerLag:         {}", leader.log_end_offset - slowest.log_end_offset));
    out.line(format_args!("MaxFollowerLagTimeMs:   {lag_ms}"));
    out.line(format_args!("CurrentVoters:          {}", replicas(&quorum, &quorum.voters)));
    out.line(format_args!("CurrentObservers:       {}", replicas(&quorum, &quorum.observers)));
    Ok(0)
}

fn replicas(quorum: &QuorumInfo, replicas: &[QuorumReplica]) -> String {
    let node = |replica: &QuorumReplica| {
        let mut text = format!("{{\"id\": {}", replica.id);
        if !replica.directory_id.is_nil() {
            text += &format!(", \"directoryId\": \"{}\"", uuid_text(replica.directory_id));
        }
        let endpoints = quorum.endpoints.iter().find(|(id, _)| *id == replica.id).map(|(_, endpoints)| &endpoints[..]);
        if let Some(endpoints @ [_, ..]) = endpoints {
            let quoted: Vec<String> = endpoints.iter().map(|endpoint| format!("\"{endpoint}\"")).collect();
            text += &format!(", \"endpoints\": [{}]", quoted.join(", "));
        }
        text + "}"
    };
    let nodes: Vec<String> = replicas.iter().map(node).collect();
    format!("[{}]", nodes.join(", "))
}

const COLUMNS: [&str; 7] =
    ["NodeId", "DirectoryId", "LogEndOffset", "Lag", "LastFetchTimestamp", "LastCaughtUpTimestamp", "Status"];

fn describe_replication(human_readable: bool, admin: &mut Admin<'_, '_>, out: &mut Out) -> Step<i32> {
    let quorum = future(admin.describe_metadata_quorum())?;
    let (_, now_ms) = admin.clock();
    let leader = leader(&quorum)?;
    let moment = |ms: Option<i64>, what: &str| match ms {
        None => Ok("-1".to_owned()),
        Some(ms) if human_readable => relative(ms, now_ms, what),
        Some(ms) => Ok(ms.to_string()),
    };
    let row = |replica: &QuorumReplica, status: &str| -> Result<[String; 7], Throwable> {
        Ok([
            replica.id.to_string(),
            uuid_text(replica.directory_id),
            replica.log_end_offset.to_string(),
            (leader.log_end_offset - replica.log_end_offset).to_string(),
            moment(replica.last_fetch_ms, "last fetch")?,
            moment(replica.last_caught_up_ms, "last caught up")?,
            status.to_owned(),
        ])
    };
    let mut rows = vec![row(leader, "Leader")?];
    for follower in quorum.voters.iter().filter(|voter| voter.id != leader.id) {
        rows.push(row(follower, "Follower")?);
    }
    for observer in &quorum.observers {
        rows.push(row(observer, "Observer")?);
    }
    print_table(&COLUMNS, &rows, out);
    Ok(0)
}

/// `ToolsUtils.prettyPrintTable`: columns as wide as their widest cell, each ended by a tab.
fn print_table<const N: usize>(columns: &[&str; N], rows: &[[String; N]], out: &mut Out) {
    let width = |column: usize| rows.iter().map(|row| row[column].len()).fold(columns[column].len(), usize::max);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut print = |cells: Vec<&str>| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| padded(cell, *width) + "\t");
        out.line(padded.collect::<String>());
    };
    print(columns.to_vec());
    rows.iter().for_each(|row| print(row.iter().map(String::as_str).collect()));
}

/// How long ago a moment was, as `NNN ms ago`; a moment that is still to come tells of clocks that differ.
fn relative(ms: i64, now_ms: i64, what: &str) -> Result<String, Throwable> {
    if ms > 0 && ms <= now_ms {
        return Ok(format!("{} ms ago", now_ms - ms));
    }
    let drift = "Error while computing relative time, possible drift in system clock.";
    let message = format!("{drift}\nCurrent timestamp is {now_ms}, {what} timestamp is {ms}");
    Err(Throwable::new(Throwable::KAFKA, message))
}
