//! Saving: by itself every few seconds when something changed, and when the page asks.

use super::Worker;
use super::storage::Storage;
use crate::link::{Notice, SaveStatus, ToPage};
use crate::save::{Shelf, Store};
use gloo::timers::callback::Interval;
use std::cell::Cell;
use std::rc::Rc;

/// The time between two savings by itself.
const EVERY_MS: u32 = 3_000;

/// What saves the session.
pub(super) struct Saver {
    pub(super) shelf: Shelf<Storage>,
    /// Whether this tab may replace the saved session.
    pub(super) writes: bool,
    /// The trace hash that was saved last, and the time.
    saved: Cell<Option<(u64, u64)>>,
    busy: Cell<bool>,
    failing: Cell<bool>,
}

impl Saver {
    pub(super) fn new(storage: Storage, writes: bool) -> Self {
        let (saved, busy, failing) = (Cell::new(None), Cell::new(false), Cell::new(false));
        Self { shelf: Shelf(storage), writes, saved, busy, failing }
    }

    /// Whether what it saves outlives the tab.
    fn lasts(&self) -> bool {
        self.writes && matches!(self.shelf.0, Storage::Browser(_))
    }
}

impl Worker {
    /// Saves every few seconds from now on.
    pub(super) fn keep_saving(self: Rc<Self>) {
        let every = Interval::new(EVERY_MS, move || wasm_bindgen_futures::spawn_local(self.clone().save(None)));
        // Saves as long as the worker lives.
        every.forget();
    }

    /// Saves, if anything changed, and tells the page; `id` is the number of the page's request.
    pub(super) async fn save(self: Rc<Self>, id: Option<u32>) {
        let Some(saver) = self.saver.borrow().clone() else { return };
        if !saver.lasts() {
            self.tell(&ToPage::Saved { id, status: SaveStatus::MemoryOnly });
            return;
        }
        let state = self.run.borrow().as_ref().map(super::Run::to_save);
        let Some((hash, at, bytes)) = state else { return };
        let mark = (hash, at);
        if saver.busy.get() && id.is_none() || saver.saved.get() == Some(mark) && id.is_none() {
            return;
        }
        saver.busy.set(true);
        let result = saver.shelf.save(bytes).await;
        saver.busy.set(false);
        let status = match result {
            Ok(()) => {
                saver.saved.set(Some(mark));
                saver.failing.set(false);
                SaveStatus::Saved
            }
            Err(error) => {
                // Said once, until it works again.
                if !saver.failing.replace(true) {
                    self.tell(&ToPage::Notice(Notice::SaveFailed { reason: error.to_string() }));
                }
                SaveStatus::Failing
            }
        };
        self.tell(&ToPage::Saved { id, status });
    }

    /// Gives the page a save that was put aside.
    pub(super) async fn export(self: Rc<Self>, key: String) {
        let Some(saver) = self.saver.borrow().clone() else { return };
        match saver.shelf.0.get(&key).await {
            Ok(Some(bytes)) => self.tell(&ToPage::Export { key, bytes }),
            Ok(None) => {}
            Err(error) => self.tell(&ToPage::Notice(Notice::SaveFailed { reason: error.to_string() })),
        }
    }
}
