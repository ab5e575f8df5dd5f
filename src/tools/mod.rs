//! Kafka's command-line tools, as programs over the admin client.
//!
//! A tool is given words, as a shell would give them, and what it finds on its standard input. Its arguments are read
//! and refused in the words of Kafka's own tool, with its exit status: that is the tool's behaviour and no mistake of
//! whoever typed it. What Kafka has and this build has not is refused by name before anything runs ([`NotBuilt`]).
//!
//! What then runs in the world is a [`Tool`]: a machine with an admin client. Its program asks, prints and ends; see
//! [`crate::client::admin`] for how a machine runs a program.
//!
//! There are no files in a world. `/dev/stdin` is what `<<END` brings; any other path is not there, and the tool says of
//! it what Java says.

mod api_versions;
mod arguments;
mod cluster;
mod configs;
mod consumer_groups;
mod features;
mod files;
mod get_offsets;
mod groups;
mod java;
mod leader_election;
mod log_dirs;
mod metadata_quorum;
mod options;
mod out;
mod topics;

pub use out::ToolOutput;

use crate::base::{Endpoint, SimTime};
use crate::client::admin::{Admin, AdminClient, AdminConfig, Step, Stop, Throwable};
use crate::machine::{Ctx, Input};
use files::Files;
use out::Out;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// A tool with its arguments, as it is typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invocation {
    /// The tool's name without `.sh`: one of [`names`].
    pub tool: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its standard input, if it has one.
    pub stdin: Option<String>,
}

/// The tools that Kafka has, without `.sh`, with what reads the arguments of those that are built.
const ALL: [(&str, Option<Reader>); 31] = [
    ("kafka-topics", Some(topics::read)),
    ("kafka-configs", Some(configs::read)),
    ("kafka-consumer-groups", Some(consumer_groups::read)),
    ("kafka-groups", Some(groups::read)),
    ("kafka-get-offsets", Some(get_offsets::read)),
    ("kafka-leader-election", Some(leader_election::read)),
    ("kafka-metadata-quorum", Some(metadata_quorum::read)),
    ("kafka-cluster", Some(cluster::read)),
    ("kafka-features", Some(features::read)),
    ("kafka-log-dirs", Some(log_dirs::read)),
    ("kafka-broker-api-versions", Some(api_versions::read)),
    ("kafka-console-producer", None),
    ("kafka-console-consumer", None),
    ("kafka-console-share-consumer", None),
    ("kafka-reassign-partitions", None),
    ("kafka-delete-records", None),
    ("kafka-transactions", None),
    ("kafka-producer-perf-test", None),
    ("kafka-consumer-perf-test", None),
    ("kafka-verifiable-producer", None),
    ("kafka-verifiable-consumer", None),
    ("kafka-share-groups", None),
    ("kafka-streams-groups", None),
    ("kafka-client-metrics", None),
    ("kafka-acls", None),
    ("kafka-delegation-tokens", None),
    ("kafka-dump-log", None),
    ("kafka-storage", None),
    ("kafka-metadata-shell", None),
    ("kafka-replica-verification", None),
    ("kafka-e2e-latency", None),
];

/// An exception that some tools print without its stack trace.
const TERSE: &str = "org.apache.kafka.tools.TerseException";

/// Reads a tool's arguments.
type Reader = fn(&[String], &Files) -> Result<Arc<dyn Program>, Refusal>;

/// The names of the tools that Kafka has, without `.sh`.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|(name, _)| *name)
}

/// Why a tool does not run.
#[derive(Debug)]
enum Refusal {
    /// It ends at once with this: it does not take these arguments, or they ask it for nothing but words.
    Ends(ToolOutput),
    /// This build lacks something of it.
    NotBuilt(NotBuilt),
}

impl From<ToolOutput> for Refusal {
    fn from(output: ToolOutput) -> Self {
        Self::Ends(output)
    }
}

/// Something that Kafka's tool has and this build has not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotBuilt {
    /// The argument that asks for it, counted from 0; none for the tool itself.
    pub argument: Option<usize>,
    /// What it is: a tool, an option, a value, in backquotes.
    pub what: String,
}

/// What comes of reading an invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The tool ends at once with this, without a word to the cluster.
    Ends(ToolOutput),
    /// It runs.
    Runs,
}

impl Invocation {
    /// A tool, named without `.sh`, with these arguments and no standard input.
    pub fn new<'a>(tool: &str, args: impl IntoIterator<Item = &'a str>) -> Self {
        Self { tool: tool.to_owned(), args: args.into_iter().map(str::to_owned).collect(), stdin: None }
    }

    /// Reads the arguments, to know whether the tool runs.
    ///
    /// # Errors
    /// What this build lacks.
    pub fn read(&self) -> Result<Reading, NotBuilt> {
        match self.program() {
            Ok(_) => Ok(Reading::Runs),
            Err(Refusal::Ends(output)) => Ok(Reading::Ends(output)),
            Err(Refusal::NotBuilt(missing)) => Err(missing),
        }
    }

    fn program(&self) -> Result<Arc<dyn Program>, Refusal> {
        let reader = ALL.iter().find(|(name, _)| *name == self.tool).and_then(|(_, reader)| *reader);
        let missing = || Refusal::NotBuilt(NotBuilt { argument: None, what: format!("`{}.sh`", self.tool) });
        reader.ok_or_else(missing)?(&self.args, &Files::new(self.stdin.clone()))
    }
}

/// What a tool does.
trait Program: fmt::Debug + Send + Sync {
    /// Sets its admin client up, which has Kafka's defaults so far.
    ///
    /// # Errors
    /// What is thrown for configs that cannot be.
    fn configure(&self, _config: &mut AdminConfig) -> Result<(), Throwable> {
        Ok(())
    }

    /// Asks, prints, and gives its exit status.
    ///
    /// # Errors
    /// When it stops: for an answer, or for good.
    fn run(&self, admin: &mut Admin<'_, '_>, out: &mut Out) -> Step<i32>;

    /// What it makes of something that is thrown, and its exit status.
    fn failed(&self, thrown: &Throwable, _wall_clock_ms: i64, out: &mut Out) -> i32 {
        out.error_line(thrown.message());
        out.error_line(thrown.stack_trace());
        1
    }
}

/// What `future.get()` throws: an ExecutionException around what the call threw.
fn future<T>(step: Step<T>) -> Step<T> {
    step.map_err(|stop| match stop {
        Stop::Failed(thrown) => Stop::Failed(Throwable::around(Throwable::EXECUTION, thrown)),
        stop => stop,
    })
}

/// A tool's process.
#[derive(Clone, Debug)]
pub struct Tool {
    invocation: Invocation,
    program: Option<Arc<dyn Program>>,
    client: AdminClient,
    /// What was thrown before there was a client to ask with.
    thrown: Option<Throwable>,
    output: Option<ToolOutput>,
}

impl Tool {
    /// A tool that has not started yet, in a cluster that can be reached at `bootstrap`.
    pub fn new(invocation: Invocation, bootstrap: Vec<Endpoint>) -> Self {
        let mut config = AdminConfig::new("adminclient-1", bootstrap);
        let (program, output) = match invocation.program() {
            Ok(program) => (Some(program), None),
            Err(Refusal::Ends(output)) => (None, Some(output)),
            Err(Refusal::NotBuilt(missing)) => {
                let stderr = format!("{} is not built yet\n", missing.what);
                (None, Some(ToolOutput { stdout: String::new(), stderr, exit: 1 }))
            }
        };
        let thrown = program.as_ref().and_then(|program| program.configure(&mut config).err());
        let thrown = thrown.or_else(|| config.validate().err());
        Self { invocation, program, client: AdminClient::new(config), thrown, output }
    }

    /// What was typed.
    pub fn invocation(&self) -> &Invocation {
        &self.invocation
    }

    /// What it printed and how it ended, once it has.
    pub fn output(&self) -> Option<&ToolOutput> {
        self.output.as_ref()
    }

    /// Takes an input.
    pub fn handle(&mut self, input: Input, ctx: &mut Ctx<'_>) {
        self.client.handle(input, ctx);
        while self.output.is_none() && self.client.has_news() {
            self.pass(ctx);
        }
        if self.output.is_some() {
            self.client.close(ctx);
            ctx.exit();
        }
    }

    /// When it wants to be woken.
    pub fn next_deadline(&self) -> Option<SimTime> {
        if self.output.is_some() { None } else { self.client.next_deadline() }
    }

    /// Lets its program run until it needs an answer or ends.
    fn pass(&mut self, ctx: &mut Ctx<'_>) {
        let program = self.program.clone().expect("a tool without a program has its output");
        let (mut out, now_ms) = (Out::default(), ctx.wall_clock_ms());
        let thrown = self.thrown.take();
        let ended = match thrown {
            Some(thrown) => Err(Stop::Failed(thrown)),
            None => self.client.pass(ctx, |admin| program.run(admin, &mut out)),
        };
        let exit = match ended {
            Err(Stop::Pending) => return,
            Ok(exit) | Err(Stop::Exit(exit)) => exit,
            Err(Stop::Failed(thrown)) => program.failed(&thrown, now_ms, &mut out),
        };
        self.output = Some(out.ended(exit));
    }
}
