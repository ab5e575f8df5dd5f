//! The gateway: a simulated cluster on real TCP sockets, so that any Kafka client or tool talks to it.
//!
//! Every broker has a port. What a client sends goes into the world as it is, frame by frame, and what the broker
//! answers goes back as the bytes that Kafka would send; faults, time and determinism stay ours. The world's clock
//! follows the machine's: a thread sleeps until the world's next event or a socket's, then lets happen whatever is due.
//! A command may let time jump; it never goes back.
//!
//! The network of the cluster's spec lies between its brokers. Clients come over real sockets, which have a latency of
//! their own, and the world adds none to it, unless a command asks for it: `slow link outside broker 1 --latency 50ms`.
//!
//! A broker reads a socket as Kafka's `Selector` does: one request at a time, and the next one when the answer is on its
//! way. So a client is held back by its own socket, and a connection costs one request's memory at most.
//!
//! What comes from outside is an input like a typed command: the session can keep it, each piece with its place in
//! history, so that a recorded run replays to the same trace hash, in the page too.
//!
//! | file | holds |
//! |---|---|
//! | `setup` | the script as the gateway runs it: ports, host names, date, network |
//! | `drive` | the thread: world, sockets and clock, turn by turn |
//! | `port` | a broker's port, open while its process runs |
//! | `peer` | a client's connection: frames in, frames out |
//! | `control` | the control port: commands in, one answer a line |
//! | `clock` | the world's time by the machine's clock |
//!
//! ```no_run
//! use kafka_terrarium::gateway::{Gateway, GatewaySpec};
//!
//! let gateway = Gateway::start(GatewaySpec::new("kafka-topics.sh --create --topic orders"))?;
//! println!("bootstrap.servers={}", gateway.ready().bootstrap);
//! gateway.command("pause broker 1").expect("broker 1 is there");
//! gateway.command("run 30s").expect("time passes");
//! let stopped = gateway.stop()?;
//! assert!(stopped.summary.is_good());
//! # Ok::<(), kafka_terrarium::gateway::GatewayError>(())
//! ```

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "this layer ties a world to the machine: its clock, sockets and a thread"
)]

mod answer;
mod clock;
mod control;
mod drive;
mod peer;
mod port;
mod setup;

pub use answer::{Answer, Refusal, answer_line};

use crate::script::{self, Output, Summary};
use crate::session::Session;
use crate::sim::TraceEvent;
use drive::{Driver, Order};
use mio::Waker;
use serde::Serialize;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

/// What a gateway is to run, and where it listens.
pub struct GatewaySpec {
    /// The script: its set-up lines and commands run before anybody can connect.
    pub script: String,
    /// The world's seed.
    pub seed: u64,
    /// Where the first broker listens. The others count up from its port; at port 0 each gets any free one. A script's
    /// `broker N --port P` goes before.
    pub listen: SocketAddr,
    /// The host name that clients are told to connect to, where the script has no `broker N --host NAME`; the address of
    /// `listen` when there is none.
    pub advertised_host: Option<String>,
    /// Where the control port listens; none: there is no such port.
    pub control: Option<SocketAddr>,
    /// Whether what comes from outside is kept, for [`Stopped::save`].
    pub record: bool,
    /// Whoever watches.
    pub watcher: Option<Box<dyn Watcher>>,
}

/// Is told what happens in a gateway's world, on the gateway's thread.
pub trait Watcher: Send {
    /// The events since the last call, in order.
    ///
    /// # Errors
    /// Why it cannot go on watching: the gateway ends then.
    fn events(&mut self, session: &Session, events: &[TraceEvent]) -> Result<(), String>;

    /// What a command said. Places in the script are those of the script that was given.
    fn output(&mut self, output: &Output) {
        let _ = output;
    }

    /// Something worth knowing that happened at the gateway and not in the world, as a sentence.
    fn notice(&mut self, sentence: &str) {
        let _ = sentence;
    }
}

impl GatewaySpec {
    /// A gateway for this script, with seed 1, on free ports of the loopback address.
    pub fn new(script: impl Into<String>) -> Self {
        Self {
            script: script.into(),
            seed: 1,
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            advertised_host: None,
            control: None,
            record: false,
            watcher: None,
        }
    }
}

/// Where a gateway can be reached, once it can be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ready {
    /// Every broker as `host:port`, with commas between: a client's `bootstrap.servers`.
    pub bootstrap: String,
    /// The control port's address, if there is one.
    pub control: Option<SocketAddr>,
    /// The brokers.
    pub brokers: Vec<ReadyBroker>,
}

/// Where a broker can be reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReadyBroker {
    /// `node.id`.
    pub id: i32,
    /// The host that it tells clients.
    pub host: String,
    /// The port that it listens on and tells clients.
    pub port: u16,
}

/// How a gateway's run ended.
#[derive(Clone, Debug)]
pub struct Stopped {
    /// How it stood at its end.
    pub summary: Summary,
    /// The run as a saved session, if it was recorded: it loads to the same trace hash.
    pub save: Option<Vec<u8>>,
}

/// Why a gateway cannot run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GatewayError {
    /// The script is wrong or could not go on; where and why, by the lines of the script that was given.
    Script(script::Error),
    /// An address cannot be listened on, or cannot be told to clients.
    Address(String),
    /// The operating system refused something, or the watcher ended.
    Failed(String),
}

impl fmt::Display for GatewayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Script(error) => error.fmt(f),
            Self::Address(message) | Self::Failed(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for GatewayError {}

/// A running gateway. Dropping it stops it.
pub struct Gateway {
    ready: Ready,
    commander: Commander,
    thread: Option<JoinHandle<Result<Stopped, GatewayError>>>,
}

/// Gives commands to a gateway, from any thread.
#[derive(Clone)]
pub struct Commander {
    orders: Sender<Order>,
    waker: Arc<Waker>,
}

impl Gateway {
    /// Runs the script and listens: when this returns, clients can connect.
    ///
    /// # Errors
    /// When the script is wrong or an address is not free.
    pub fn start(spec: GatewaySpec) -> Result<Self, GatewayError> {
        let (orders, incoming) = channel();
        let (driver, ready, waker) = Driver::boot(spec, incoming)?;
        let thread = std::thread::Builder::new().name("gateway".into()).spawn(move || driver.run());
        let thread = thread.map_err(|error| GatewayError::Failed(format!("no thread can be started: {error}")))?;
        Ok(Self { ready, commander: Commander { orders, waker }, thread: Some(thread) })
    }

    /// Where it can be reached.
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// Gives it a command of the script language and waits for the answer.
    ///
    /// # Errors
    /// Why it cannot be done, or what an `expect` found instead.
    pub fn command(&self, line: &str) -> Result<Answer, Refusal> {
        self.commander.command(line)
    }

    /// What gives it commands from another thread.
    pub fn commander(&self) -> Commander {
        self.commander.clone()
    }

    /// Ends it: every connection closes.
    ///
    /// # Errors
    /// Why it had ended before.
    pub fn stop(self) -> Result<Stopped, GatewayError> {
        self.commander.stop();
        self.wait()
    }

    /// Waits until somebody else ends it.
    ///
    /// # Errors
    /// Why it could not go on.
    ///
    /// # Panics
    /// When its thread did: that is a fault of ours.
    pub fn wait(mut self) -> Result<Stopped, GatewayError> {
        let thread = self.thread.take().expect("its thread is joined once");
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.commander.stop();
            // Nobody asks any more how it ended.
            let _ = thread.join();
        }
    }
}

impl Commander {
    /// Gives the gateway a command of the script language and waits for the answer.
    ///
    /// # Errors
    /// Why it cannot be done, or what an `expect` found instead; or that the gateway has ended.
    pub fn command(&self, line: &str) -> Result<Answer, Refusal> {
        let (answer, answered) = channel();
        self.give(Order::Command(line.to_owned(), answer));
        answered.recv().unwrap_or_else(|_| Err(Refusal { message: "the gateway has ended".into(), column: 1 }))
    }

    /// Asks the gateway to end.
    pub fn stop(&self) {
        self.give(Order::Stop);
    }

    fn give(&self, order: Order) {
        // A gateway that has ended takes no orders; who waits for an answer learns it from the channel.
        if self.orders.send(order).is_ok() {
            let _ = self.waker.wake();
        }
    }
}
