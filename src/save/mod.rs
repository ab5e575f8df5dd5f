//! The save store: where sessions are kept. Asynchronous, because browsers' storage is; in memory or, in the page,
//! IndexedDB. It has nothing to do with the simulated disks of a world, which are part of the world.
//!
//! A store maps names to bytes. [`Shelf`] is what the worker does with one: one current session, saves that somebody
//! keeps, and saves that could not be read, put aside under names of their own and never overwritten.

mod memory;
mod shelf;

pub use memory::Memory;
pub use shelf::{CURRENT, Shelf};

use std::fmt;
use std::future::Future;

/// Where bytes are kept by name.
pub trait Store {
    /// The bytes under a name, if there are any.
    fn get(&self, key: &str) -> impl Future<Output = Result<Option<Vec<u8>>, StoreError>>;
    /// Puts bytes under a name, in place of what is there.
    fn put(&self, key: &str, bytes: Vec<u8>) -> impl Future<Output = Result<(), StoreError>>;
    /// Removes what is under a name.
    fn remove(&self, key: &str) -> impl Future<Output = Result<(), StoreError>>;
    /// All names, sorted.
    fn keys(&self) -> impl Future<Output = Result<Vec<String>, StoreError>>;
}

/// Why a store did not do what it was asked: its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreError(pub String);

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StoreError {}
