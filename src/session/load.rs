//! Loading: the same history again, compared with what the save says of it.

use super::Session;
use super::checkpoints::Checkpoint;
use super::given::{Given, Refused, in_order};
use super::save::{ENGINE_VERSION, FORMAT_VERSION, Save};
use crate::base::SimTime;
use crate::script::{self, Turn};
use crate::sim::TraceEvent;
use std::fmt;

/// Why a save cannot be loaded. Whoever has the bytes keeps them: another version may be able to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// These bytes are something else.
    NotASave,
    /// A newer version wrote it.
    NewerFormat {
        /// The version of its format.
        version: u16,
    },
    /// Its end is missing.
    Truncated,
    /// Bytes in it have changed.
    Corrupted,
    /// Its script, or a command of its log, is not understood by this version.
    Script(script::Error),
    /// It was replayed, and its history came out different.
    DifferentHistory {
        /// The engine version that made the save.
        engine: String,
        /// Until here the histories agree; they part somewhere after.
        agrees_until: SimTime,
    },
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotASave => f.write_str("this is not a saved session of Kafka Terrarium"),
            Self::NewerFormat { version } => write!(
                f,
                "this session was saved by a newer version (format {version}); this one reads up to format {FORMAT_VERSION}"
            ),
            Self::Truncated => f.write_str("this saved session is incomplete: its end is missing"),
            Self::Corrupted => f.write_str("this saved session is damaged: its checksum does not match its content"),
            Self::Script(error) => write!(f, "this version does not understand the session's script: {error}"),
            Self::DifferentHistory { engine, agrees_until } => write!(
                f,
                "this session was made by engine {engine}; this is engine {ENGINE_VERSION}, whose history is another \
                 from some moment after {agrees_until} on"
            ),
        }
    }
}

impl std::error::Error for LoadError {}

/// How far loading has come.
#[derive(Debug)]
pub enum Loading {
    /// This part of it is done, from 0 to 1.
    Fraction(f64),
    /// All of it; boxed, because the other variant is small.
    Ready(Box<Session>),
}

/// Loads a session in slices, so that whoever loads it can do other things in between.
#[derive(Debug)]
pub struct SessionLoader {
    session: Option<Session>,
    engine: String,
    inputs: std::vec::IntoIter<Given>,
    next_input: Option<Given>,
    checkpoints: std::vec::IntoIter<Checkpoint>,
    next_checkpoint: Option<Checkpoint>,
    position: Checkpoint,
    agrees_until: SimTime,
}

impl Session {
    /// Loads a session at once.
    ///
    /// # Errors
    /// Why it cannot be.
    pub fn from_save(bytes: &[u8]) -> Result<Self, LoadError> {
        let mut loader = SessionLoader::new(bytes)?;
        loop {
            if let Loading::Ready(session) = loader.poll(u64::MAX)? {
                return Ok(*session);
            }
        }
    }
}

impl SessionLoader {
    /// Starts to load a session.
    ///
    /// # Errors
    /// When the bytes are no save that this version reads.
    pub fn new(bytes: &[u8]) -> Result<Self, LoadError> {
        let save = Save::from_bytes(bytes)?;
        let mut session = Session::start(&save.script, save.seed).map_err(LoadError::Script)?;
        session.rename(save.title);
        let mut inputs = in_order(0, save.log, save.outside).into_iter();
        let mut checkpoints = save.checkpoints.into_iter();
        Ok(Self {
            session: Some(session),
            engine: save.engine,
            next_input: inputs.next(),
            inputs,
            next_checkpoint: checkpoints.next(),
            checkpoints,
            position: save.position,
            agrees_until: SimTime::ZERO,
        })
    }

    /// The session as far as it has been replayed.
    ///
    /// # Panics
    /// When it was ready or has failed.
    pub fn session(&self) -> &Session {
        self.session.as_ref().expect("a loader is not looked at after its end")
    }

    /// Takes the trace events of what has been replayed since the last call.
    pub fn take_trace(&mut self) -> Vec<TraceEvent> {
        self.session.as_mut().map(Session::take_trace).unwrap_or_default()
    }

    /// Replays for at most `turns` turns of the run.
    ///
    /// # Errors
    /// When the history turns out to be another. The loader is of no further use then.
    ///
    /// # Panics
    /// When it is polled again after it was ready or had failed.
    pub fn poll(&mut self, turns: u64) -> Result<Loading, LoadError> {
        let mut session = self.session.take().expect("a loader is not polled after its end");
        for _ in 0..turns {
            if self.advance(&mut session)? {
                return Ok(Loading::Ready(Box::new(session)));
            }
        }
        let fraction = session.world().steps() as f64 / self.position.steps.max(1) as f64;
        self.session = Some(session);
        Ok(Loading::Fraction(fraction.min(1.0)))
    }

    /// Takes one turn; whether the session stands where the save says.
    fn advance(&mut self, session: &mut Session) -> Result<bool, LoadError> {
        let (steps, at) = self.next_input.as_ref().map_or((self.position.steps, self.position.at), Given::place);
        if session.world().steps() < steps {
            return match session.turn(at) {
                Turn::Stepped => self.compare(session).map(|()| false),
                Turn::Acted => Ok(false),
                // The save had more steps up to this moment.
                Turn::Rests => Err(self.differs()),
            };
        }
        match self.next_input.take() {
            None => {
                session.runner.settle_until(at);
                session.runner.rest_at(at).map_err(|_| self.differs())?;
                return if Checkpoint::of(session.world()) == self.position { Ok(true) } else { Err(self.differs()) };
            }
            Some(given) => given.give(session).map_err(|refused| match refused {
                Refused::Script(error) => LoadError::Script(error),
                Refused::World => self.differs(),
            })?,
        }
        self.next_input = self.inputs.next();
        Ok(false)
    }

    /// After a step: compares with the save's checkpoint, if it has one here.
    fn compare(&mut self, session: &Session) -> Result<(), LoadError> {
        let Some(expected) = self.next_checkpoint.filter(|next| next.steps == session.world().steps()) else {
            return Ok(());
        };
        if Checkpoint::of(session.world()) != expected {
            return Err(self.differs());
        }
        self.agrees_until = expected.at;
        self.next_checkpoint = self.checkpoints.next();
        Ok(())
    }

    fn differs(&self) -> LoadError {
        LoadError::DifferentHistory { engine: self.engine.clone(), agrees_until: self.agrees_until }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Typed;
    use crate::session::save::{SaveV1, sealed};

    fn save() -> Save {
        let script = "kafka-topics.sh --create --topic t\nproducer p --topic t --rate 100/s\n";
        let mut session = Session::start(script, 1).expect("a script");
        session.advance_to(SimTime(20_000_000));
        let save = Save::from_bytes(&session.to_save()).expect("a save");
        assert!(save.checkpoints.len() > 3);
        save
    }

    #[test]
    fn a_save_of_format_1_still_loads() {
        let Save { engine, title, script, seed, log, position, checkpoints, .. } = save();
        let old = SaveV1 { engine, title, script, seed, log, position, checkpoints };
        let session = Session::from_save(&sealed(&old, 1)).expect("format 1 is read");
        assert_eq!(Checkpoint::of(session.world()), position);
        assert_eq!(Session::from_save(&sealed(&old, 0)).err(), Some(LoadError::Corrupted));
    }

    fn loaded(save: &Save) -> Result<Session, LoadError> {
        Session::from_save(&save.to_bytes())
    }

    #[test]
    fn a_save_is_described_and_renamed_without_being_replayed() {
        let bytes = save().to_bytes();
        let renamed = crate::session::retitled(&bytes, "Two faults").expect("a save");
        let described = crate::session::describe(&renamed).expect("a save");
        assert_eq!((described.title.as_deref(), described.at), (Some("Two faults"), SimTime(20_000_000)));
        let (old, new) = (Session::from_save(&bytes), Session::from_save(&renamed));
        assert_eq!(old.map(|s| s.world().trace_hash()).ok(), new.map(|s| s.world().trace_hash()).ok());
        assert_eq!(crate::session::describe(b"KTERR").err(), Some(LoadError::Truncated));
    }

    #[test]
    fn another_engine_with_the_same_history_loads() {
        let save = Save { engine: "0.0.1".into(), ..save() };
        assert_eq!(loaded(&save).map(|session| session.world().trace_hash()).ok(), Some(save.position.hash));
    }

    #[test]
    fn another_history_is_told_from_the_last_agreeing_checkpoint_on() {
        let mut save = Save { engine: "0.0.1".into(), ..save() };
        save.checkpoints[2].hash ^= 1;
        let agrees_until = save.checkpoints[1].at;
        assert_eq!(loaded(&save).err(), Some(LoadError::DifferentHistory { engine: "0.0.1".into(), agrees_until }));
    }

    #[test]
    fn a_position_that_history_does_not_reach_is_another_history() {
        for (steps, at) in [(1, 0), (1, 1), (1_000_000, 1_000)] {
            let mut save = save();
            save.position.steps += steps;
            save.position.at.0 += at;
            assert!(matches!(loaded(&save).err(), Some(LoadError::DifferentHistory { .. })), "{steps} {at}");
        }
    }

    #[test]
    fn places_out_of_order_are_damage() {
        let mut save = save();
        save.checkpoints.swap(0, 1);
        assert_eq!(loaded(&save).err(), Some(LoadError::Corrupted));
    }

    #[test]
    fn a_script_that_is_not_understood_is_told() {
        let mut save = save();
        save.script.push_str("fly\n");
        assert!(matches!(loaded(&save).err(), Some(LoadError::Script(error)) if error.line == 3));
        save.script.truncate(save.script.len() - 4);
        save.log.push(Typed { at: SimTime::ZERO, steps: 0, line: "fly".into() });
        assert!(matches!(loaded(&save).err(), Some(LoadError::Script(_))));
    }
}
