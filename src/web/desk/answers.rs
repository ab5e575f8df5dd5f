//! What the desk asks of the worker about the moment, and the answers.

use super::{Desk, Event};
use crate::base::{EventId, SimTime};
use crate::check::jepsen::Judgement;
use crate::link::ToWorker;
use crate::view::{
    Answer, Catalogue, Dissection, Goal, Query, Question, Rebalances, RecordView, Records, Settings, Verdict, Why,
};
use std::rc::Rc;

impl Desk {
    /// What the worker says to a question.
    pub(super) fn told(&self, answer: Answer) {
        match answer {
            Answer::Settings(settings) => drop(self.settings.replace(Some(Rc::new(settings)))),
            Answer::Catalogue(catalogue) => drop(self.catalogue.replace(Some(Rc::new(catalogue)))),
            Answer::Verdict(verdict) => {
                self.decide(&verdict);
                self.verdict.replace(Some(Rc::new(verdict)));
            }
            Answer::Why(why) => drop(self.why.replace(why.map(Rc::new))),
            Answer::Record(record) => drop(self.record.replace(Some(Rc::new(record)))),
            Answer::Rebalances(rebalances) => drop(self.rebalances.replace(Some(Rc::new(rebalances)))),
        }
        self.say(&Event::Changed);
    }

    pub(super) fn in_past(&self) -> bool {
        self.with(|player| player.tip().is_some()).unwrap_or(false)
    }

    /// The worker has said whether a line changes anything: then the person is asked, else it is run.
    fn decide(&self, verdict: &Verdict) {
        let waiting = self.doubtful.borrow().iter().position(|line| *line == verdict.text);
        let Some(line) = waiting.map(|at| self.doubtful.borrow_mut().remove(at)) else { return };
        if !verdict.changes || !self.in_past() {
            self.run(&line, false);
            return;
        }
        if self.playing() {
            self.play(false);
        }
        self.asking.replace(Some(line));
    }

    /// Asks for a message to be taken apart.
    pub(crate) fn dissect(&self, id: EventId) {
        if self.dissection.borrow().as_ref().is_none_or(|known| known.id != id.0) {
            self.ask(&ToWorker::Dissect { id });
        }
    }

    /// The message that was taken apart last.
    pub(crate) fn dissection(&self) -> Option<Rc<Dissection>> {
        self.dissection.borrow().clone()
    }

    /// Asks for records.
    pub(crate) fn browse(&self, query: Query) {
        self.query.replace(Some(query.clone()));
        self.ask(&ToWorker::Browse(query));
    }

    /// Asks for the same records again: the log may have grown.
    pub(crate) fn browse_again(&self) {
        if let Some(query) = self.query.borrow().clone() {
            self.ask(&ToWorker::Browse(query));
        }
    }

    /// The records that were asked for last.
    pub(crate) fn records(&self) -> Option<Rc<Records>> {
        self.records.borrow().clone()
    }

    /// Asks a question about the moment.
    pub(crate) fn question(&self, question: Question) {
        self.ask(&ToWorker::Ask(question));
    }

    /// The configs that were asked for last.
    pub(crate) fn settings(&self) -> Option<Rc<Settings>> {
        self.settings.borrow().clone()
    }

    /// The configs that there are, as they were asked for last.
    pub(crate) fn catalogue(&self) -> Option<Rc<Catalogue>> {
        self.catalogue.borrow().clone()
    }

    /// What the worker said last of something that is being typed.
    pub(crate) fn verdict(&self) -> Option<Rc<Verdict>> {
        self.verdict.borrow().clone()
    }

    /// Something else is about to be typed.
    pub(crate) fn forget_verdict(&self) {
        self.verdict.take();
    }

    /// Why an event happened, once that is known; it is asked for once.
    pub(crate) fn why(&self, id: EventId) -> Option<Rc<Why>> {
        if self.puzzled.replace(Some(id)) != Some(id) {
            self.question(Question::Why(id));
        }
        self.why.borrow().clone().filter(|why| why.id == id)
    }

    /// The rebalances that were asked for last.
    pub(crate) fn rebalances(&self) -> Option<Rc<Rebalances>> {
        self.rebalances.borrow().clone()
    }

    /// The record that was asked for last.
    pub(crate) fn record(&self) -> Option<Rc<RecordView>> {
        self.record.borrow().clone()
    }

    /// Asks for the history to be judged.
    pub(crate) fn judge(&self) {
        self.judgement.take();
        self.ask(&ToWorker::Judge);
    }

    /// What the history came to when it was asked for last, once that is known.
    pub(crate) fn judgement(&self) -> Option<Rc<Judgement>> {
        self.judgement.borrow().clone()
    }

    /// The history has been judged.
    pub(super) fn judged(&self, judgement: Judgement) {
        self.judgement.replace(Some(Rc::new(judgement)));
        self.say(&Event::Changed);
    }

    /// Goes to the moment of a message, and takes it apart.
    pub(crate) fn visit(&self, id: EventId, at: SimTime) {
        self.visiting.set(Some(id));
        self.seek(Goal::Time(at));
    }
}
