//! Saves that somebody keeps beside the current session.

use super::run::Loading;
use super::{Run, Worker};
use crate::link::{Kept, Notice, ToPage};
use crate::save::Store;
use crate::session::{describe, retitled};
use std::rc::Rc;

const NOT_HERE: &str = "Another tab has this session open: saves are changed there.";

impl Worker {
    /// Tells which saves there are; `trouble` is why the last wish was not granted.
    pub(super) async fn kept(self: Rc<Self>, trouble: Option<String>) {
        let Some(saver) = self.saver.borrow().clone() else { return };
        let (all, trouble) = match saver.shelf.kept().await {
            Ok(all) => (all, trouble),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        let kept = all.into_iter().map(|(key, bytes)| {
            let described = describe(&bytes).ok();
            let (size, at) = (bytes.len() as u64, described.as_ref().map(|d| d.at));
            let commands = described.as_ref().map_or(0, |d| d.commands as u32);
            Kept { key, title: described.and_then(|d| d.title), size, at, commands }
        });
        let kept = kept.collect();
        self.tell(&ToPage::Saves { kept, trouble });
    }

    fn whole(&self) -> Option<Vec<u8>> {
        self.run.borrow().as_ref().map(|run| run.to_save().2)
    }

    /// Keeps a copy of the session under a title.
    pub(super) async fn keep(self: Rc<Self>, title: String) {
        let Some(saver) = self.saver.borrow().clone() else { return };
        let copy = self.whole().and_then(|bytes| retitled(&bytes, &title).ok());
        let trouble = match copy {
            Some(bytes) => saver.shelf.keep(bytes).await.err().map(|error| error.to_string()),
            None => Some("There is no session yet.".into()),
        };
        self.kept(trouble).await;
    }

    /// Opens a save that is kept; the session that was open is kept in its place. One that cannot be replayed stays where
    /// it is.
    pub(super) async fn open_kept(self: Rc<Self>, key: String) {
        let Some(saver) = self.saver.borrow().clone() else { return };
        if !saver.writes {
            return self.kept(Some(NOT_HERE.into())).await;
        }
        let stored = saver.shelf.0.get(&key).await.ok().flatten();
        let run = match stored {
            Some(bytes) => self.replay(&bytes).await,
            None => Err("It is gone.".into()),
        };
        let run = match run {
            Ok(run) => run,
            Err(trouble) => return self.refuse(trouble).await,
        };
        let trouble = match self.whole() {
            Some(current) => saver.shelf.swap(&key, current).await.err().map(|error| error.to_string()),
            None => None,
        };
        match trouble {
            Some(trouble) => self.refuse(trouble).await,
            None => {
                self.hold();
                self.show(run, true);
                self.kept(None).await;
            }
        }
    }

    /// The session that was open goes on.
    async fn refuse(self: Rc<Self>, trouble: String) {
        self.tell(&ToPage::Notice(Notice::NotOpened { reason: trouble.clone() }));
        self.reopen();
        self.kept(Some(trouble)).await;
    }

    /// Gives a save, or the current session, another title.
    pub(super) async fn rename(self: Rc<Self>, key: Option<String>, title: String) {
        let Some(saver) = self.saver.borrow().clone() else { return };
        let Some(key) = key else {
            if let Some(run) = self.run.borrow_mut().as_mut() {
                run.rename(&title);
            }
            self.tell(&ToPage::Renamed { title });
            return self.clone().save(Some(0)).await;
        };
        let trouble = match saver.shelf.0.get(&key).await {
            Ok(Some(bytes)) => match retitled(&bytes, &title) {
                Ok(bytes) => saver.shelf.0.put(&key, bytes).await.err().map(|error| error.to_string()),
                Err(error) => Some(error.to_string()),
            },
            Ok(None) => Some("It is gone.".into()),
            Err(error) => Some(error.to_string()),
        };
        self.kept(trouble).await;
    }

    /// Removes a save.
    pub(super) async fn remove(self: Rc<Self>, key: String) {
        let Some(saver) = self.saver.borrow().clone() else { return };
        let trouble = saver.shelf.0.remove(&key).await.err().map(|error| error.to_string());
        self.kept(trouble).await;
    }

    /// Keeps the bytes of a file, if they are a save.
    pub(super) async fn import(self: Rc<Self>, bytes: Vec<u8>) {
        let Some(saver) = self.saver.borrow().clone() else { return };
        let trouble = match Loading::new(&bytes) {
            Ok(_) => saver.shelf.keep(bytes).await.err().map(|error| error.to_string()),
            Err(reason) => Some(format!("This file cannot be imported: {reason}.")),
        };
        self.kept(trouble).await;
    }

    /// Gives the current session as a file.
    pub(super) fn export_current(&self) {
        let export = |run: &Run| ToPage::Export { key: run.title(), bytes: run.to_save().2 };
        if let Some(message) = self.run.borrow().as_ref().map(export) {
            self.tell(&message);
        }
    }
}
