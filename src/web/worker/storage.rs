//! The save store in the browser: IndexedDB, or memory where the browser refuses it.

use crate::base::Sort;
use crate::save::{Memory, Store, StoreError};
use idb::{Database, DatabaseEvent, Factory, ObjectStoreParams, Query, TransactionMode};
use js_sys::Uint8Array;
use wasm_bindgen::{JsCast, JsValue};

const DATABASE: &str = "terrarium";
const SAVES: &str = "saves";

/// Where the worker keeps saves.
pub(super) enum Storage {
    /// In the browser's database.
    Browser(Database),
    /// In memory.
    Memory(Memory),
}

impl Storage {
    /// Opens the browser's database.
    pub(super) async fn open() -> Result<Self, StoreError> {
        let mut request = Factory::new().and_then(|f| f.open(DATABASE, Some(1))).map_err(refused)?;
        request.on_upgrade_needed(|event| {
            if let Ok(database) = event.database() {
                // When this fails, the first transaction does, and says so.
                let _ = database.create_object_store(SAVES, ObjectStoreParams::new());
            }
        });
        request.await.map(Self::Browser).map_err(refused)
    }
}

impl Store for Storage {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let database = match self {
            Self::Browser(database) => database,
            Self::Memory(memory) => return memory.get(key).await,
        };
        let transaction = database.transaction(&[SAVES], TransactionMode::ReadOnly).map_err(refused)?;
        let request = transaction.object_store(SAVES).and_then(|s| s.get(Query::Key(key.into()))).map_err(refused)?;
        let value = request.await.map_err(refused)?;
        Ok(value.map(|v| bytes(&v)))
    }

    async fn put(&self, key: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        let database = match self {
            Self::Browser(database) => database,
            Self::Memory(memory) => return memory.put(key, bytes).await,
        };
        let transaction = database.transaction(&[SAVES], TransactionMode::ReadWrite).map_err(refused)?;
        let value = JsValue::from(Uint8Array::from(bytes.as_slice()));
        let store = transaction.object_store(SAVES).map_err(refused)?;
        store.put(&value, Some(&key.into())).map_err(refused)?.await.map_err(refused)?;
        // Stored when the transaction is, not before.
        transaction.commit().map_err(refused)?.await.map(|_| ()).map_err(refused)
    }

    async fn remove(&self, key: &str) -> Result<(), StoreError> {
        let database = match self {
            Self::Browser(database) => database,
            Self::Memory(memory) => return memory.remove(key).await,
        };
        let transaction = database.transaction(&[SAVES], TransactionMode::ReadWrite).map_err(refused)?;
        let store = transaction.object_store(SAVES).map_err(refused)?;
        store.delete(Query::Key(key.into())).map_err(refused)?.await.map_err(refused)?;
        transaction.commit().map_err(refused)?.await.map(|_| ()).map_err(refused)
    }

    async fn keys(&self) -> Result<Vec<String>, StoreError> {
        let database = match self {
            Self::Browser(database) => database,
            Self::Memory(memory) => return memory.keys().await,
        };
        let transaction = database.transaction(&[SAVES], TransactionMode::ReadOnly).map_err(refused)?;
        let request = transaction.object_store(SAVES).and_then(|s| s.get_all_keys(None, None)).map_err(refused)?;
        let mut keys: Vec<String> = request.await.map_err(refused)?.iter().filter_map(JsValue::as_string).collect();
        keys.order();
        Ok(keys)
    }
}

/// What is stored as bytes; anything else is damage, and is kept as the text that it prints.
fn bytes(value: &JsValue) -> Vec<u8> {
    match value.dyn_ref::<Uint8Array>() {
        Some(array) => array.to_vec(),
        None => format!("{value:?}").into_bytes(),
    }
}

fn refused(error: idb::Error) -> StoreError {
    let words = error.to_string();
    StoreError(if words.contains("QuotaExceeded") { NO_ROOM.into() } else { words })
}

/// What the browser calls QuotaExceededError.
const NO_ROOM: &str = "there is no room left for it in this browser’s storage";
