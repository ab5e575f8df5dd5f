//! Commands that somebody types.

use super::Worker;
use super::computing::Task;
use super::run::Answer;
use crate::link::{Refusal, ToPage};
use crate::script::{Line, Statement};
use std::rc::Rc;

impl Worker {
    /// Does a command. `run 10s` becomes a task like any other computing, so that the worker goes on listening.
    pub(super) fn command(self: Rc<Self>, id: u32, line: &str, anew: bool) {
        self.finish_seeking();
        if let Ok(Line { kind: Statement::Run(span), .. }) = Line::parse(line) {
            let to = self.run.borrow().as_ref().map(|run| run.position().at + span);
            self.tell(&ToPage::Commanded { id, result: Ok(Some(String::new())) });
            if let Some(to) = to {
                self.begin(Task::Advance(to));
            }
            return;
        }
        let mut frames = Vec::new();
        let answer = match self.run.borrow_mut().as_mut() {
            Some(run) => run.command(id, line, anew, &mut frames),
            None => Err(Refusal { message: "the session is not there yet".into(), column: None }),
        };
        if let Ok((_, Some(events))) = answer {
            self.tell(&ToPage::Forgot { events });
        }
        self.answer(frames, false);
        let result = answer.map(|(answer, _)| match answer {
            Answer::Said(text) => Some(text),
            Answer::Later => None,
        });
        self.tell(&ToPage::Commanded { id, result });
        if let Some(run) = self.run.borrow().as_ref() {
            self.tell(&ToPage::Undoable(run.undoable()));
        }
    }
}
