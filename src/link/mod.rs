//! What page and worker say to each other: postcard bytes, carried by `postMessage` as a `Uint8Array`.
//!
//! The page asks ([`ToWorker`]) and the worker tells ([`ToPage`]). One task ([`ToWorker::Advance`],
//! [`ToWorker::Find`], [`ToWorker::Step`], [`ToWorker::Seek`]) is out at a time; the worker answers in slices, the last of which is marked as done.

use crate::base::{EventId, SimDuration, SimTime};
use crate::check::jepsen::Judgement;
use crate::view::{
    Answer, Chapter, Dissection, Frame, Goal, Position, Query, Question, Records, Scene, Sought, Undoable,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What the page asks of the worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ToWorker {
    /// Begin: with the saved session if there is one, else with this script.
    Open {
        /// The script of a new session.
        script: String,
        /// The seed of a new session; none draws one.
        seed: Option<u64>,
    },
    /// Begin anew with this script; the session so far is replaced.
    Restart {
        /// The script.
        script: String,
        /// The seed; none draws one.
        seed: Option<u64>,
    },
    /// Compute up to a moment.
    Advance {
        /// The moment.
        to: SimTime,
    },
    /// Go to another moment.
    Seek {
        /// Which.
        goal: Goal,
    },
    /// Compute on to the next event worth stopping at, or to a moment.
    Find {
        /// The moment.
        within: SimTime,
    },
    /// Make one step.
    Step,
    /// Run a line of the script language, now.
    Command {
        /// A number that the answer repeats.
        id: u32,
        /// The line.
        line: String,
        /// Whether, in the past, it replaces what came after.
        anew: bool,
    },
    /// Save now.
    Save {
        /// A number that the answer repeats.
        id: u32,
    },
    /// Take a message apart.
    Dissect {
        /// The event that sent it.
        id: EventId,
    },
    /// Show records.
    Browse(Query),
    /// Say that the worker lives.
    Ping,
    /// Answer a question about the moment.
    Ask(Question),
    /// Judge the history up to this moment as Jepsen would.
    Judge,
    /// Say which saves there are.
    Saves,
    /// Keep a copy of the session under a title.
    Keep {
        /// The title.
        title: String,
    },
    /// Make a save that is kept the current session; what was current is kept.
    OpenKept {
        /// The key under which it lies.
        key: String,
    },
    /// Give a save that is kept, or with no key the current session, another title.
    Rename {
        /// The key under which it lies.
        key: Option<String>,
        /// The title.
        title: String,
    },
    /// Remove a save that is kept.
    Remove {
        /// The key under which it lies.
        key: String,
    },
    /// Keep the bytes of a file, if they are a save.
    Import {
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// Give the bytes of the current session.
    ExportCurrent,
    /// Give the bytes of a save that is kept or was put aside.
    Export {
        /// The key under which it lies.
        key: String,
    },
}

/// What the worker tells the page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ToPage {
    /// The worker has started and listens.
    Ready,
    /// A saved session is being replayed.
    Loading {
        /// How much of it is done, in thousandths.
        permille: u16,
    },
    /// The session stands.
    Opened(Box<Opened>),
    /// Computed history.
    Batch {
        /// One for each step, in order.
        frames: Vec<Frame>,
        /// How far the world is.
        computed: Position,
        /// Where history ends, if that is later.
        tip: Option<Position>,
        /// Whether this is all that was asked for.
        done: bool,
    },
    /// The other moment that was asked for.
    Sought {
        /// Which goal it was.
        goal: Goal,
        /// The moment; none when there is none such.
        sought: Option<Box<Sought>>,
    },
    /// History goes another way after its first so many events: somebody did something in the past.
    Forgot {
        /// How many events are left.
        events: u64,
    },
    /// What can be undone and done again is something else now.
    Undoable(Undoable),
    /// The answer to a command.
    Commanded {
        /// The command's number.
        id: u32,
        /// What it said, or why it could not be done; nothing yet: a tool waits for its answer, and this message
        /// comes once more when it has it.
        result: Result<Option<String>, Refusal>,
    },
    /// How saving stands; answers a [`ToWorker::Save`] if it has a number.
    Saved {
        /// The number.
        id: Option<u32>,
        /// How saving stands.
        status: SaveStatus,
    },
    /// Something that the person should know.
    Notice(Notice),
    /// A message, taken apart; none when it is not remembered any more.
    Dissected(Option<Box<Dissection>>),
    /// Records.
    Records(Box<Records>),
    /// The worker lives.
    Alive,
    /// The answer to a question.
    Told(Box<Answer>),
    /// What the history comes to.
    Judged(Box<Judgement>),
    /// Which saves there are, and what came of the last wish.
    Saves {
        /// The saves.
        kept: Vec<Kept>,
        /// Why the last wish was not granted, if it was not.
        trouble: Option<String>,
    },
    /// The session has another title.
    Renamed {
        /// The title.
        title: String,
    },
    /// A save as a file.
    Export {
        /// Its key.
        key: String,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// The worker cannot go on.
    Failed {
        /// Why, in a sentence.
        message: String,
    },
}

/// A save that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The key under which it lies.
    pub key: String,
    /// Its title, if it has one.
    pub title: Option<String>,
    /// Its length in bytes.
    pub size: u64,
    /// How far its world has come; none when it cannot be read.
    pub at: Option<SimTime>,
    /// How many commands were typed in it.
    pub commands: u32,
}

/// A session as it begins or continues.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Opened {
    /// Its title, if it has one.
    pub title: Option<String>,
    /// The scene.
    pub scene: Scene,
    /// The last messages and sentences before it: for the lists, and the messages that are still under way.
    pub recent: Frame,
    /// The whole history so far, as a timeline shows it.
    pub history: Chapter,
    /// Where in history it is.
    pub position: Position,
    /// How long a typical hop takes.
    pub hop: SimDuration,
    /// The seed.
    pub seed: u64,
    /// Whether the session was saved before.
    pub resumed: bool,
}

/// Why a command could not be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What was found and what would be right.
    pub message: String,
    /// The column at fault, from 1.
    pub column: Option<u32>,
}

/// How saving stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SaveStatus {
    /// Saved in this browser.
    Saved,
    /// Kept in memory only.
    MemoryOnly,
    /// Saving failed; the worker will try again.
    Failing,
}

/// Something that the person should know about the session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Notice {
    /// The browser refuses storage.
    NoStorage {
        /// The browser's words.
        reason: String,
    },
    /// Another tab holds this session; this one is a copy that is not saved.
    OtherTab,
    /// The saved session could not be read; it was put aside and a new one begun.
    SetAside {
        /// Where it lies.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The scenario's script cannot go on; the world can.
    ScriptStopped {
        /// The line and what is wrong with it.
        reason: String,
    },
    /// A save that was to be opened could not be; the session that was open goes on.
    NotOpened {
        /// What is wrong with it.
        reason: String,
    },
    /// The worker stopped; another goes on from what was saved last.
    Recovered {
        /// What happened to the first.
        reason: String,
    },
    /// A write failed.
    SaveFailed {
        /// The browser's words.
        reason: String,
    },
}

/// A message as bytes.
pub fn encode<T: Serialize>(message: &T) -> Vec<u8> {
    postcard::to_stdvec(message).expect("messages between page and worker always encode")
}

/// A message from bytes; none when they are not one.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    postcard::from_bytes(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::fixture;

    #[test]
    fn messages_survive_the_way() {
        let opened = Opened {
            title: Some("First light".into()),
            recent: Frame::default(),
            history: Chapter::default(),
            scene: fixture::scene(&[("orders", 3)], &["a"], &["b"]),
            position: Position { at: SimTime(5), steps: 1, events: 2, hash: 3 },
            hop: SimDuration(25_000),
            seed: u64::MAX,
            resumed: true,
        };
        let messages = [
            ToPage::Opened(Box::new(opened)),
            ToPage::Batch { frames: vec![Frame::default()], computed: Position::default(), tip: None, done: true },
            ToPage::Commanded { id: 3, result: Err(Refusal { message: "no".into(), column: Some(4) }) },
            ToPage::Notice(Notice::OtherTab),
        ];
        for message in messages {
            assert_eq!(decode::<ToPage>(&encode(&message)), Some(message));
        }
        let ask = ToWorker::Advance { to: SimTime(9) };
        assert_eq!(decode::<ToWorker>(&encode(&ask)), Some(ask));
        assert_eq!(decode::<ToWorker>(&[250]), None);
    }
}
