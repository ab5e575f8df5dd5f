//! What somebody did to a run, each with its place in history, and doing it again.

use super::{FromOutside, Session, Typed};
use crate::base::SimTime;
use crate::script::{self, Line};

/// Something that was done to a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// A command that somebody typed.
    Typed(Typed),
    /// What a client outside the world did.
    Outside(FromOutside),
}

/// Why something could not be done again.
#[derive(Debug)]
pub(super) enum Refused {
    /// The command is not understood.
    Script(script::Error),
    /// The world is not as it was then.
    World,
}

impl Given {
    /// Its place in history: after so many steps of the world, at this time.
    pub(super) fn place(&self) -> (u64, SimTime) {
        match self {
            Self::Typed(typed) => (typed.steps, typed.at),
            Self::Outside(came) => (came.steps, came.at),
        }
    }

    /// Does it again, where it was done.
    pub(super) fn give(self, session: &mut Session) -> Result<(), Refused> {
        let (_, at) = self.place();
        session.runner.settle_until(at);
        session.runner.rest_at(at).map_err(|_| Refused::World)?;
        match self {
            Self::Typed(typed) => {
                let line = Line::parse(&typed.line).map_err(Refused::Script)?;
                // What was refused then is refused again: the log has it because its output is part of the run.
                let _ = session.runner.type_line(&line);
                session.log.push_back(typed);
            }
            Self::Outside(came) => {
                let world = session.runner.world_mut();
                came.what.apply(world).map_err(|_| Refused::World)?;
                // Nobody outside waits for the answers any more.
                world.external_forget();
                session.outside.get_or_insert_default().push_back(came);
            }
        }
        Ok(())
    }
}

/// One history of what was typed and what came from outside; `typed` commands had been typed before the first of it.
pub(super) fn in_order(
    typed: usize,
    log: impl IntoIterator<Item = Typed>,
    outside: impl IntoIterator<Item = FromOutside>,
) -> Vec<Given> {
    let mut outside = outside.into_iter().peekable();
    let mut all = Vec::new();
    for (nth, line) in log.into_iter().enumerate() {
        while let Some(came) = outside.next_if(|came| came.typed as usize <= typed + nth) {
            all.push(Given::Outside(came));
        }
        all.push(Given::Typed(line));
    }
    all.extend(outside.map(Given::Outside));
    all
}
