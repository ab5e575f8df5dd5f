//! Computing what the page asks for, in slices.

use super::Worker;
use crate::base::SimTime;
use crate::link::{Notice, ToPage};
use crate::view::{Frame, Goal, Sought};
use gloo::timers::callback::Timeout;
use std::rc::Rc;
use wasm_bindgen::JsCast;

/// How long a slice computes before the worker listens again.
const SLICE_MS: f64 = 8.0;
/// How many frames a slice holds at most: the page must take them in too.
const SLICE_FRAMES: usize = 1_000;

/// What the page asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// Compute up to a moment.
    Advance(SimTime),
    /// Compute up to the next event worth stopping at, or to a moment.
    Find(SimTime),
    /// Make one step.
    Step,
    /// Go to another moment.
    Seek(Goal),
}

/// How many turns of history are made again before the clock is looked at.
const SEEK_TURNS: u64 = 64;

impl Worker {
    /// Begins a task. One that is under way ends where it is: every task is answered as done once.
    pub(super) fn begin(self: Rc<Self>, task: Task) {
        self.finish_seeking();
        if let (Task::Advance(_), Some(run)) = (task, self.run.borrow_mut().as_mut()) {
            run.begin_stretch();
        }
        match self.task.replace(Some(task)) {
            None => self.slice(),
            Some(_) => self.answer(Vec::new(), true),
        }
    }

    /// Stops computing and says how far it came.
    pub(super) fn hold(&self) {
        match self.task.take() {
            None => {}
            Some(Task::Seek(goal)) => self.tell(&ToPage::Sought { goal, sought: None }),
            Some(Task::Advance(_) | Task::Find(_) | Task::Step) => self.answer(Vec::new(), true),
        }
    }

    /// Gets to the moment to which it is on its way: what is asked now is asked of that.
    pub(super) fn finish_seeking(&self) {
        let Some(Task::Seek(goal)) = *self.task.borrow() else { return };
        self.task.replace(None);
        let sought = self.run.borrow_mut().as_mut().and_then(|run| run.seek_on(goal, u64::MAX));
        self.sought(goal, sought);
    }

    /// Goes to another moment; what it was computing ends where it is. Back to a picture that lags it goes at once, so
    /// that what is asked next is asked of that moment.
    pub(super) fn seek(self: Rc<Self>, goal: Goal) {
        self.hold();
        let begun = self.run.borrow_mut().as_mut().is_some_and(|run| run.seek(goal));
        if !begun {
            self.tell(&ToPage::Sought { goal, sought: None });
        } else if matches!(goal, Goal::Unseen(_)) {
            let sought = self.run.borrow_mut().as_mut().and_then(|run| run.seek_on(goal, u64::MAX));
            self.sought(goal, sought);
        } else {
            self.task.replace(Some(Task::Seek(goal)));
            self.slice();
        }
    }

    fn sought(&self, goal: Goal, sought: Option<Sought>) {
        self.tell(&ToPage::Sought { goal, sought: sought.map(Box::new) });
        if let Some(run) = self.run.borrow().as_ref() {
            self.tell(&ToPage::Undoable(run.undoable()));
        }
    }

    fn seek_slice(self: Rc<Self>, goal: Goal) {
        let begun = self.clock_ms();
        while self.clock_ms() - begun < SLICE_MS {
            let sought = self.run.borrow_mut().as_mut().and_then(|run| run.seek_on(goal, SEEK_TURNS));
            if sought.is_some() {
                self.task.replace(None);
                self.sought(goal, sought);
                return;
            }
        }
        Timeout::new(0, move || self.slice()).forget();
    }

    fn slice(self: Rc<Self>) {
        let Some(task) = *self.task.borrow() else { return };
        if let Task::Seek(goal) = task {
            return self.seek_slice(goal);
        }
        let (frames, done) = match self.run.borrow_mut().as_mut() {
            Some(run) => compute(run, task, &self),
            None => (Vec::new(), true),
        };
        if done {
            self.task.replace(None);
        }
        self.answer(frames, done);
        if !done {
            Timeout::new(0, move || self.slice()).forget();
        }
    }

    /// Tells what was computed, and what tools have printed in it.
    pub(super) fn answer(&self, frames: Vec<Frame>, done: bool) {
        let mut run = self.run.borrow_mut();
        let Some(run) = run.as_mut() else { return };
        self.tell(&ToPage::Batch { frames, computed: run.position(), tip: run.tip(), done });
        for (id, result) in run.printed() {
            self.tell(&ToPage::Commanded { id, result: result.map(Some) });
        }
        if let (Some(reason), false) = (run.stopped(), self.stopped.replace(run.stopped().is_some())) {
            self.tell(&ToPage::Notice(Notice::ScriptStopped { reason }));
        }
    }

    /// Begins to judge the history; what was being judged is given up.
    pub(super) fn judge(self: Rc<Self>) {
        let judging = self.run.borrow().as_ref().map(super::Run::judging);
        if self.judging.replace(judging).is_none() {
            self.judge_slice();
        }
    }

    fn judge_slice(self: Rc<Self>) {
        let begun = self.clock_ms();
        while self.clock_ms() - begun < SLICE_MS {
            let judged = self.judging.borrow_mut().as_mut().map(|judging| judging.go_on(SEEK_TURNS));
            let Some(judgement) = judged else { return };
            if let Some(judgement) = judgement {
                self.judging.replace(None);
                self.tell(&ToPage::Judged(Box::new(judgement)));
                return;
            }
        }
        Timeout::new(0, move || self.judge_slice()).forget();
    }

    /// Milliseconds of the worker's own clock.
    pub(super) fn clock_ms(&self) -> f64 {
        let performance = js_sys::Reflect::get(&self.scope, &"performance".into()).ok();
        performance.and_then(|p| p.dyn_into::<web_sys::Performance>().ok()).map_or(0.0, |p| p.now())
    }
}

fn compute(run: &mut super::Run, task: Task, worker: &Worker) -> (Vec<Frame>, bool) {
    let mut frames = Vec::new();
    let to = match task {
        Task::Step => {
            run.step(&mut frames);
            return (frames, true);
        }
        Task::Advance(to) | Task::Find(to) => to,
        Task::Seek(_) => panic!("seeking has slices of its own"),
    };
    let begun = worker.clock_ms();
    let finds = matches!(task, Task::Find(_));
    while run.advance(to, &mut frames) {
        if finds && frames.last().is_some_and(|frame| !frame.chapter.marks.is_empty()) {
            return (frames, true);
        }
        let full = frames.len() >= SLICE_FRAMES;
        if full || frames.len() % 16 == 0 && worker.clock_ms() - begun > SLICE_MS {
            return (frames, false);
        }
    }
    (frames, true)
}
