//! Computing what the page asks for, in slices.

use super::Worker;
use crate::base::SimTime;
use crate::link::{Notice, ToPage};
use crate::view::Frame;
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
    /// Make one step.
    Step,
}

impl Worker {
    /// Begins a task. One that is under way ends where it is: every task is answered as done once.
    pub(super) fn begin(self: Rc<Self>, task: Task) {
        match self.task.replace(Some(task)) {
            None => self.slice(),
            Some(_) => self.answer(Vec::new(), true),
        }
    }

    /// Stops computing and says how far it came.
    pub(super) fn hold(&self) {
        if self.task.take().is_some() {
            self.answer(Vec::new(), true);
        }
    }

    fn slice(self: Rc<Self>) {
        let Some(task) = *self.task.borrow() else { return };
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
        self.tell(&ToPage::Batch { frames, computed: run.position(), done });
        for (id, result) in run.printed() {
            self.tell(&ToPage::Commanded { id, result: result.map(Some) });
        }
        if let (Some(reason), false) = (run.stopped(), self.stopped.replace(run.stopped().is_some())) {
            self.tell(&ToPage::Notice(Notice::ScriptStopped { reason }));
        }
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
        Task::Advance(to) => to,
    };
    let begun = worker.clock_ms();
    while run.advance(to, &mut frames) {
        let full = frames.len() >= SLICE_FRAMES;
        if full || frames.len() % 16 == 0 && worker.clock_ms() - begun > SLICE_MS {
            return (frames, false);
        }
    }
    (frames, true)
}
