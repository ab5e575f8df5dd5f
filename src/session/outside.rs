//! What comes from outside: bytes of clients that are not of this world, each with its place in history.
//!
//! A world is a function of its script, its seed and all that is done to it. What clients outside do to it is therefore
//! put down as what a person types is: a replay gives the same bytes to the same broker after the same step.

use super::Session;
use crate::base::{ConnId, SimTime, SortedSet};
use crate::sim::{CommandError, World};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Something that came from outside, and its place in history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FromOutside {
    /// The world's time.
    pub at: SimTime,
    /// How many steps the world had taken.
    pub steps: u64,
    /// How many commands had been typed.
    pub typed: u32,
    /// What.
    pub what: External,
}

/// What clients outside do to a world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum External {
    /// There is an outside from now on.
    Arrive,
    /// Somebody connects to a broker. The connection's number follows from the world's state.
    Connect {
        /// The broker's id.
        broker: i32,
    },
    /// A frame came in.
    Send {
        /// On this connection.
        conn: ConnId,
        /// Without its length prefix.
        frame: Bytes,
    },
    /// A client closed.
    Close {
        /// This connection.
        conn: ConnId,
    },
}

impl External {
    /// Does it to a world: the new connection, if it makes one.
    pub(super) fn apply(&self, world: &mut World) -> Result<Option<ConnId>, CommandError> {
        match self {
            Self::Arrive => {
                world.external_arrive();
            }
            Self::Connect { broker } => return world.external_connect(*broker).map(Some),
            Self::Send { conn, frame } => world.external_send(*conn, frame.clone()),
            Self::Close { conn } => world.external_close(*conn),
        }
        Ok(None)
    }
}

impl Session {
    /// Keeps what comes from outside no longer, nor what came so far: the run cannot be saved any more, and its memory
    /// does not grow with what clients send.
    pub fn forget_outside(&mut self) {
        self.outside = None;
    }

    /// Whether what comes from outside is kept, so that the run can be saved.
    pub fn outside_is_kept(&self) -> bool {
        self.outside.is_some()
    }

    /// What came from outside so far; nothing when it is not kept.
    pub fn outside(&self) -> impl Iterator<Item = &FromOutside> {
        self.outside.iter().flatten()
    }

    /// Gives the world an outside: from then on faults can name it.
    pub fn external_arrive(&mut self) {
        self.take_external(External::Arrive).expect("whoever arrives is not refused");
    }

    /// Connects to a broker from outside the world.
    ///
    /// # Errors
    /// When there is no such broker.
    pub fn external_connect(&mut self, broker: i32) -> Result<ConnId, CommandError> {
        self.take_external(External::Connect { broker }).map(|conn| conn.expect("a connection"))
    }

    /// Sends a frame (without its length prefix) from outside.
    pub fn external_send(&mut self, conn: ConnId, frame: Bytes) {
        self.take_external(External::Send { conn, frame }).expect("what is sent is not refused");
    }

    /// Closes a connection from outside.
    pub fn external_close(&mut self, conn: ConnId) {
        self.take_external(External::Close { conn }).expect("closing is not refused");
    }

    /// The connections from outside to which something happened since the last call.
    pub fn external_news(&mut self) -> SortedSet<ConnId> {
        self.runner.world_mut().external_news()
    }

    /// Takes the frames (with their length prefix) that came back on a connection from outside.
    pub fn external_take(&mut self, conn: ConnId) -> Vec<Bytes> {
        self.runner.world_mut().external_take(conn)
    }

    fn take_external(&mut self, what: External) -> Result<Option<ConnId>, CommandError> {
        self.runner.settle();
        let (at, steps) = (self.world().now(), self.world().steps());
        let done = what.apply(self.runner.world_mut())?;
        if let Some(outside) = &mut self.outside {
            outside.push_back(FromOutside { at, steps, typed: self.log.len() as u32, what });
        }
        Ok(done)
    }
}
