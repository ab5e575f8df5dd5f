//! The page's end of the worker.

use crate::link::{ToPage, ToWorker, decode, encode};
use wasm_bindgen::prelude::*;
use web_sys::{ErrorEvent, MessageEvent, Worker, WorkerOptions, WorkerType};

/// One of the two was loaded before a new version of the program, and one after.
const DIFFERENT: &str = "The page and its worker are of different versions. Load the page again.";

/// The worker and what listens to it.
pub(super) struct Host {
    worker: Worker,
    _on_message: Closure<dyn Fn(MessageEvent)>,
    _on_error: Closure<dyn Fn(ErrorEvent)>,
}

impl Drop for Host {
    fn drop(&mut self) {
        self.worker.set_onmessage(None);
        self.worker.set_onerror(None);
        self.worker.terminate();
    }
}

impl Host {
    /// Starts the worker. `told` gets what it says, and a [`ToPage::Failed`] if it cannot start.
    pub(super) fn start(told: impl Fn(ToPage) + Clone + 'static) -> Result<Self, JsValue> {
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let worker = Worker::new_with_options("www/worker.js", &options)?;
        let tell = told.clone();
        let on_message = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
            let message = decode(&js_sys::Uint8Array::new(&event.data()).to_vec());
            tell(message.unwrap_or_else(|| ToPage::Failed { message: DIFFERENT.into() }));
        });
        let on_error = Closure::<dyn Fn(ErrorEvent)>::new(move |event: ErrorEvent| {
            told(ToPage::Failed { message: format!("The worker stopped: {}", event.message()) });
        });
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        Ok(Self { worker, _on_message: on_message, _on_error: on_error })
    }

    /// Asks the worker.
    pub(super) fn ask(&self, message: &ToWorker) {
        let bytes = js_sys::Uint8Array::from(encode(message).as_slice());
        let handed_over = js_sys::Array::of1(&bytes.buffer());
        // Refused only for what cannot be handed over; this can.
        let _ = self.worker.post_message_with_transfer(&bytes, &handed_over);
    }
}
