//! The admin client (`KafkaAdminClient`): what Kafka's command-line tools ask a cluster with.
//!
//! A tool is a program: it lists topics, describes those that match, asks for their configs, prints. As a machine it
//! cannot stop in the middle to wait for an answer, so it is run anew from its beginning whenever one has come. Each of
//! its calls is a step with a number. A step that is over gives its result at once; the first that is not is sent, and
//! the program stops there with [`Stop::Pending`]. As the same program with the same results takes the same way, this
//! reads like Kafka's own straight-line code and is still a value that a snapshot can copy.
//!
//! | file | holds |
//! |---|---|
//! | `engine` | sending calls: nodes, retries, timeouts |
//! | `config` | `AdminClientConfig` |
//! | `call` | one call: its request, its route, how long it may take |
//! | `nodes` | the brokers and the controller, as last heard |
//! | `throwable` | errors as Java prints them |
//! | `driver` | operations over many keys that must first be looked up: partitions' leaders, groups' coordinators |
//! | the rest | Kafka's operations by family: one function each on [`Admin`] |

mod call;
mod cluster;
mod config;
mod configs;
mod driver;
mod elections;
mod engine;
mod features;
mod groups;
mod log_dirs;
mod nodes;
mod offsets;
mod quorum;
mod reassignments;
mod throwable;
mod topics;

pub use call::{Call, Route};
pub use cluster::{ClusterDescription, ClusterNode};
pub use config::AdminConfig;
pub use configs::{ConfigChange, ConfigEntry, ConfigResource, ConfigSynonym};
pub use elections::ElectionType;
pub use engine::AdminClient;
pub use features::{FeatureMetadata, FeatureUpdate, UpgradeType};
pub use groups::{CommittedOffset, GroupDescription, GroupFilter, GroupListing, GroupMember};
pub use log_dirs::{LogDir, LogDirReplica};
pub use offsets::ListedOffset;
pub use quorum::{QuorumInfo, QuorumReplica};
pub use reassignments::Reassignment;
pub use throwable::Throwable;
pub use topics::{NewPartitions, NewTopic, TopicDescription, TopicListing, TopicPartitionInfo};

use crate::base::{Endpoint, SimDuration, SimTime, SortedMap, TopicPartition};
use crate::machine::Ctx;
use crate::network::NodeId;
use crate::wire::{Response, StrBytes, TopicName};
use call::Place;
use engine::Step as EngineStep;
use std::sync::Arc;

/// Why a program stops where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// An answer has to come first; the program will be run again.
    Pending,
    /// Something was thrown.
    Failed(Throwable),
    /// The program ends with this exit status and has said why.
    Exit(i32),
}

/// What a step of a program comes to.
pub type Step<T> = Result<T, Stop>;

impl From<Throwable> for Stop {
    fn from(thrown: Throwable) -> Self {
        Self::Failed(thrown)
    }
}

/// Catches what a step throws.
///
/// # Errors
/// When the program stops for another reason.
pub fn caught<T>(step: Step<T>) -> Step<Result<T, Throwable>> {
    match step {
        Ok(value) => Ok(Ok(value)),
        Err(Stop::Failed(thrown)) => Ok(Err(thrown)),
        Err(stop) => Err(stop),
    }
}

/// A program's hold on its admin client while it runs. Every operation is a step: it gives [`Stop::Pending`] until its
/// answer is there.
#[derive(Debug)]
pub struct Admin<'a, 'w> {
    client: &'a mut AdminClient,
    ctx: &'a mut Ctx<'w>,
    /// The number of the program's next step.
    next: usize,
    /// Leaders of partitions that operations of this program have found.
    leaders: SortedMap<TopicPartition, NodeId>,
}

impl Admin<'_, '_> {
    /// Makes a call and gives its response.
    ///
    /// # Errors
    /// What the call throws.
    pub fn call(&mut self, call: Call) -> Step<Arc<Response>> {
        let mut results = self.call_all(vec![call])?;
        Ok(results.remove(0)?)
    }

    /// Makes calls at the same time and gives each one's response, or what it throws, once all are over.
    ///
    /// # Errors
    /// Only [`Stop::Pending`].
    pub fn call_all(&mut self, calls: Vec<Call>) -> Step<Vec<Result<Arc<Response>, Throwable>>> {
        let mut results = Vec::with_capacity(calls.len());
        let count = calls.len();
        for call in calls {
            if self.next == self.client.steps.len() {
                self.client.start(call, self.ctx);
            }
            if let EngineStep::Call(state) = &self.client.steps[self.next]
                && let Place::Done(result) = &state.place
            {
                results.push(result.clone());
            }
            self.next += 1;
        }
        if results.len() < count { Err(Stop::Pending) } else { Ok(results) }
    }

    /// The clock as it stands when the program first comes by here: the moment, and ms since the Unix epoch.
    pub fn clock(&mut self) -> (SimTime, i64) {
        if self.next == self.client.steps.len() {
            self.client.steps.push(EngineStep::Moment(self.ctx.now(), self.ctx.wall_clock_ms()));
        }
        self.next += 1;
        match &self.client.steps[self.next - 1] {
            EngineStep::Moment(moment, wall_clock_ms) => (*moment, *wall_clock_ms),
            EngineStep::Call(state) => panic!("a program took another way the second time: {state:?}"),
        }
    }

    /// Where a broker listens, as the client knows it by now.
    pub fn address(&self, broker: i32) -> Option<Endpoint> {
        self.client.endpoint(broker)
    }

    /// When an operation that starts here has to be over.
    fn deadline(&mut self, timeout: Option<SimDuration>) -> SimTime {
        let timeout = timeout.unwrap_or(self.client.config.default_api_timeout());
        self.clock().0 + timeout
    }
}

/// The body of a response to a call for this API.
macro_rules! body {
    ($kind:ident, $response:expr) => {
        match $response {
            $crate::wire::ResponseKind::$kind(body) => body,
            other => panic!("a response of another kind than its request: {other:?}"),
        }
    };
}
use body;

/// A name as the protocol carries it.
fn text(value: &str) -> StrBytes {
    StrBytes::from_string(value.to_owned())
}

/// A topic's name as the protocol carries it.
fn topic_name(name: &str) -> TopicName {
    TopicName(text(name))
}

/// The exception of a code with its message, if it is an error.
fn thrown(code: i16, message: Option<&StrBytes>) -> Option<Throwable> {
    let error = crate::wire::ErrorCode(code);
    (!error.is_ok()).then(|| Throwable::of(error, message.map(|message| &**message)))
}

/// The same as a result, for a call's check.
fn check(code: i16, message: Option<&StrBytes>) -> Result<(), Throwable> {
    thrown(code, message).map_or(Ok(()), Err)
}

/// A topic name that no request can carry (`topicNameIsUnrepresentable`).
fn unrepresentable(topic: &str) -> Throwable {
    let message = format!("The given topic name '{topic}' cannot be represented in a request.");
    Throwable::of(crate::wire::ErrorCode::INVALID_TOPIC_EXCEPTION, Some(&message))
}
