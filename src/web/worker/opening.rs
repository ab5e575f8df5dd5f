//! Beginning: with the saved session, or anew.

use super::run::{Loaded, Loading};
use super::saving::Saver;
use super::storage::Storage;
use super::{Run, Worker, lock};
use crate::link::{Notice, ToPage};
use crate::save::Memory;
use gloo::timers::future::TimeoutFuture;
use std::rc::Rc;

/// How many turns of a saved session are replayed before the worker listens again.
const REPLAY_TURNS: u64 = 4_000;

impl Worker {
    /// Begins with the saved session if there is one that can be read, else with a new one.
    pub(super) async fn open(self: Rc<Self>, script: String, seed: Option<u64>) {
        let saver = self.storage().await;
        let saved = self.resume(&saver).await;
        self.saver.replace(Some(Rc::new(saver)));
        match saved {
            Some(run) => self.show(run, true),
            None => self.restart(&script, seed),
        }
        self.keep_saving();
    }

    /// Begins anew.
    pub(super) fn restart(&self, script: &str, seed: Option<u64>) {
        self.hold();
        match Run::start(script, seed.unwrap_or_else(fresh_seed)) {
            Ok(run) => self.show(run, false),
            Err(error) if self.run.borrow().is_some() => {
                self.tell(&ToPage::Notice(Notice::ScriptStopped { reason: error.to_string() }));
            }
            Err(error) => self.tell(&ToPage::Failed { message: format!("The scenario is wrong at {error}") }),
        }
    }

    pub(super) fn show(&self, run: Run, resumed: bool) {
        let opened = run.opened(resumed);
        self.stopped.set(false);
        let undoable = run.undoable();
        self.run.replace(Some(run));
        self.tell(&ToPage::Opened(Box::new(opened)));
        self.tell(&ToPage::Undoable(undoable));
    }

    /// Shows the page the session as it stands: it was on its way to another.
    pub(super) fn reopen(&self) {
        let opened = self.run.borrow().as_ref().map(|run| run.opened(true));
        if let Some(opened) = opened {
            self.tell(&ToPage::Opened(Box::new(opened)));
        }
    }

    async fn storage(&self) -> Saver {
        match Storage::open().await {
            Err(error) => {
                self.tell(&ToPage::Notice(Notice::NoStorage { reason: error.to_string() }));
                Saver::new(Storage::Memory(Memory::default()), true)
            }
            Ok(storage) => {
                let writes = lock::take().await;
                if !writes {
                    self.tell(&ToPage::Notice(Notice::OtherTab));
                }
                Saver::new(storage, writes)
            }
        }
    }

    /// The saved session, replayed. One that cannot be read is put aside, and if even that fails, not touched.
    async fn resume(&self, saver: &Saver) -> Option<Run> {
        let stored = match saver.shelf.load().await {
            Ok(stored) => stored?,
            Err(error) => {
                self.tell(&ToPage::Notice(Notice::SaveFailed { reason: error.to_string() }));
                return None;
            }
        };
        match self.replay(&stored).await {
            Ok(run) => Some(run),
            Err(reason) => {
                self.put_aside(saver, stored, reason).await;
                None
            }
        }
    }

    pub(super) async fn replay(&self, stored: &[u8]) -> Result<Run, String> {
        let mut loading = Loading::new(stored)?;
        loop {
            match loading.go_on(REPLAY_TURNS)? {
                Loaded::Whole(run) => return Ok(*run),
                Loaded::Part(permille) => self.tell(&ToPage::Loading { permille }),
            }
            TimeoutFuture::new(0).await;
        }
    }

    async fn put_aside(&self, saver: &Saver, stored: Vec<u8>, reason: String) {
        if !saver.writes {
            return;
        }
        let notice = match saver.shelf.set_aside(stored).await {
            Ok(key) => Notice::SetAside { key, reason },
            Err(error) => Notice::SaveFailed { reason: error.to_string() },
        };
        self.tell(&ToPage::Notice(notice));
    }
}

/// The seed of a new session: the one thing that is drawn from the machine's entropy.
#[expect(clippy::disallowed_methods, reason = "the seed of a new session is the one use of the machine's entropy")]
fn fresh_seed() -> u64 {
    // 32 bits are plenty, and short enough to be written on a board.
    getrandom::u32().map_or(1, u64::from)
}
