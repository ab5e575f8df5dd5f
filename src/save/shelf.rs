//! What the worker keeps in a store.

use super::{Store, StoreError};
use xxhash_rust::xxh3::xxh3_64;

/// The name of the current session.
pub const CURRENT: &str = "session";

/// Marks bytes as a save of ours, in the first form.
const MAGIC: &[u8; 8] = b"TERRA\0\0\x01";

/// A save as it is stored: marked, and with a checksum, so that damage is seen before anything is read from it.
pub fn seal(save: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(save.len() + 16);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&xxh3_64(save).to_be_bytes());
    out.extend_from_slice(save);
    out
}

/// A save from what was stored.
///
/// # Errors
/// What is wrong with the bytes, in a sentence.
pub fn unseal(stored: &[u8]) -> Result<&[u8], &'static str> {
    let rest = stored.strip_prefix(MAGIC).ok_or("it does not begin as a save of Kafka Terrarium does")?;
    let (sum, save) = rest.split_first_chunk::<8>().ok_or("it ends before its checksum does")?;
    if u64::from_be_bytes(*sum) == xxh3_64(save) { Ok(save) } else { Err("its checksum does not match its content") }
}

/// The worker's use of a store.
#[derive(Debug)]
pub struct Shelf<S>(pub S);

impl<S: Store> Shelf<S> {
    /// The current session as it is stored, if there is one.
    ///
    /// # Errors
    /// The store's.
    pub async fn load(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.get(CURRENT).await
    }

    /// Makes `save` the current session.
    ///
    /// # Errors
    /// The store's.
    pub async fn save(&self, save: &[u8]) -> Result<(), StoreError> {
        self.0.put(CURRENT, seal(save)).await
    }

    /// Puts bytes that could not be read under a name that nothing has, and gives the name.
    ///
    /// # Errors
    /// The store's.
    pub async fn set_aside(&self, stored: Vec<u8>) -> Result<String, StoreError> {
        let taken = self.0.keys().await?;
        let free = (1..).map(|n| format!("unreadable-{n}")).find(|name| !taken.contains(name));
        let name = free.expect("numbers do not end");
        self.0.put(&name, stored).await?;
        Ok(name)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Memory;
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    /// A store in memory never waits.
    fn now<T>(future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("a store in memory waits"),
        }
    }

    #[test]
    fn what_is_saved_is_loaded() {
        let shelf = Shelf(Memory::default());
        assert_eq!(now(shelf.load()), Ok(None));
        now(shelf.save(b"one")).expect("memory takes everything");
        now(shelf.save(b"two")).expect("memory takes everything");
        let stored = now(shelf.load()).expect("memory gives back").expect("something was saved");
        assert_eq!(unseal(&stored), Ok(&b"two"[..]));
    }

    #[test]
    fn every_damage_is_seen() {
        let good = seal(b"a session");
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(unseal(&bad).is_err(), "byte {at} flipped");
            assert!(unseal(&good[..at]).is_err(), "cut at {at}");
        }
        assert_eq!(unseal(&good), Ok(&b"a session"[..]));
    }

    #[test]
    fn nothing_that_was_set_aside_is_overwritten() {
        let shelf = Shelf(Memory::default());
        let names: Vec<String> =
            [b"x", b"y"].map(|b| now(shelf.set_aside(b.to_vec())).expect("memory takes everything")).into();
        assert_eq!(names, ["unreadable-1", "unreadable-2"]);
        assert_eq!(now(shelf.0.get("unreadable-1")), Ok(Some(b"x".to_vec())));
    }
}
