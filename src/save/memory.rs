//! A store that lives as long as its owner.

use super::{Store, StoreError};
use crate::base::SortedMap;
use std::cell::RefCell;

/// A store in memory.
#[derive(Debug, Default)]
pub struct Memory(RefCell<SortedMap<String, Vec<u8>>>);

impl Store for Memory {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.borrow().get(key).cloned())
    }

    async fn put(&self, key: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        self.0.borrow_mut().insert(key.into(), bytes);
        Ok(())
    }

    async fn remove(&self, key: &str) -> Result<(), StoreError> {
        self.0.borrow_mut().remove(key);
        Ok(())
    }

    async fn keys(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.0.borrow().keys().cloned().collect())
    }
}
