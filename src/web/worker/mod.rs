//! The worker: owns the session and computes it; answers the page.
//!
//! It computes in slices of a few milliseconds, so that a message of the page never waits long, saves by itself every
//! few seconds, and runs outside a worker (under Node) only what is exported.

mod computing;
mod lock;
mod opening;
mod run;
mod saves;
mod saving;
mod storage;
mod typing;

use crate::link::{ToPage, ToWorker, decode, encode};
use crate::view::Judging;
use computing::Task;
use run::Run;
use saving::Saver;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use web_sys::{DedicatedWorkerGlobalScope, MessageEvent};

/// What the worker works with.
struct Worker {
    scope: DedicatedWorkerGlobalScope,
    run: RefCell<Option<Run>>,
    task: RefCell<Option<Task>>,
    /// The history that is being judged.
    judging: RefCell<Option<Judging>>,
    saver: RefCell<Option<Rc<Saver>>>,
    /// Whether the page knows that the script cannot go on.
    stopped: Cell<bool>,
}

/// Starts the worker, if this program runs in one.
pub(super) fn start() {
    let Some(scope) = scope() else { return };
    std::panic::set_hook(Box::new(our_fault));
    let worker = Rc::new(Worker {
        scope,
        run: RefCell::new(None),
        task: RefCell::new(None),
        judging: RefCell::new(None),
        saver: RefCell::new(None),
        stopped: Cell::new(false),
    });
    let listener = {
        let worker = worker.clone();
        Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
            let bytes = js_sys::Uint8Array::new(&event.data()).to_vec();
            match decode(&bytes) {
                Some(message) => worker.clone().handle(message),
                None => worker.tell(&ToPage::Failed { message: "The worker does not understand the page.".into() }),
            }
        })
    };
    worker.scope.set_onmessage(Some(listener.as_ref().unchecked_ref()));
    // Listens as long as the worker lives.
    listener.forget();
    worker.tell(&ToPage::Ready);
}

fn scope() -> Option<DedicatedWorkerGlobalScope> {
    js_sys::global().dyn_into().ok()
}

fn post(scope: &DedicatedWorkerGlobalScope, message: &ToPage) {
    let bytes = js_sys::Uint8Array::from(encode(message).as_slice());
    let handed_over = js_sys::Array::of1(&bytes.buffer());
    // Refused only for what cannot be handed over; this can.
    let _ = scope.post_message_with_transfer(&bytes, &handed_over);
}

/// A panic is a fault of ours: the page says so, and what was saved last is still there.
fn our_fault(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map(|place| format!(" ({place})")).unwrap_or_default();
    let what = panic.payload_as_str().unwrap_or("an internal check failed");
    let message = format!("A fault of our own stopped the world: {what}{place}. What was saved last is still there.");
    if let Some(scope) = scope() {
        post(&scope, &ToPage::Failed { message });
    }
}

impl Worker {
    /// Tells the page.
    fn tell(&self, message: &ToPage) {
        post(&self.scope, message);
    }

    fn handle(self: Rc<Self>, message: ToWorker) {
        match message {
            ToWorker::Open { script, seed } => wasm_bindgen_futures::spawn_local(self.open(script, seed)),
            ToWorker::Restart { script, seed } => self.restart(&script, seed),
            ToWorker::Advance { to } => self.begin(Task::Advance(to)),
            ToWorker::Find { within } => self.begin(Task::Find(within)),
            ToWorker::Step => self.begin(Task::Step),
            ToWorker::Seek { goal } => self.seek(goal),
            ToWorker::Command { id, line, anew } => self.command(id, &line, anew),
            ToWorker::Save { id } => wasm_bindgen_futures::spawn_local(self.save(Some(id))),
            ToWorker::Dissect { id } => {
                let dissection = self.run.borrow().as_ref().and_then(|run| run.dissect(id));
                self.tell(&ToPage::Dissected(dissection.map(Box::new)));
            }
            ToWorker::Browse(query) => {
                let records = self.run.borrow().as_ref().map(|run| run.browse(&query));
                self.tell(&ToPage::Records(Box::new(records.unwrap_or_default())));
            }
            ToWorker::Ping => self.tell(&ToPage::Alive),
            ToWorker::Ask(question) => {
                if let Some(answer) = self.run.borrow().as_ref().map(|run| run.answer(&question)) {
                    self.tell(&ToPage::Told(Box::new(answer)));
                }
            }
            ToWorker::Judge => self.judge(),
            ToWorker::Saves => wasm_bindgen_futures::spawn_local(self.kept(None)),
            ToWorker::Keep { title } => wasm_bindgen_futures::spawn_local(self.keep(title)),
            ToWorker::OpenKept { key } => wasm_bindgen_futures::spawn_local(self.open_kept(key)),
            ToWorker::Rename { key, title } => wasm_bindgen_futures::spawn_local(self.rename(key, title)),
            ToWorker::Remove { key } => wasm_bindgen_futures::spawn_local(self.remove(key)),
            ToWorker::Import { bytes } => wasm_bindgen_futures::spawn_local(self.import(bytes)),
            ToWorker::ExportCurrent => self.export_current(),
            ToWorker::Export { key } => wasm_bindgen_futures::spawn_local(self.export(key)),
        }
    }
}
