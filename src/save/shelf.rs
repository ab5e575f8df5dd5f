//! What the worker keeps in a store.

use super::{Store, StoreError};

/// The name of the current session.
pub const CURRENT: &str = "session";

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
    pub async fn save(&self, save: Vec<u8>) -> Result<(), StoreError> {
        self.0.put(CURRENT, save).await
    }

    /// Puts bytes that could not be read under a name that nothing has, and gives the name.
    ///
    /// # Errors
    /// The store's.
    pub async fn set_aside(&self, stored: Vec<u8>) -> Result<String, StoreError> {
        self.put_away("unreadable", stored).await
    }

    /// Keeps a save under a name that nothing has, and gives the name.
    ///
    /// # Errors
    /// The store's.
    pub async fn keep(&self, save: Vec<u8>) -> Result<String, StoreError> {
        self.put_away("save", save).await
    }

    async fn put_away(&self, stem: &str, bytes: Vec<u8>) -> Result<String, StoreError> {
        let taken = self.0.keys().await?;
        let free = (1..).map(|n| format!("{stem}-{n}")).find(|name| !taken.contains(name));
        let name = free.expect("numbers do not end");
        self.0.put(&name, bytes).await?;
        Ok(name)
    }

    /// All that is kept beside the current session: name and bytes.
    ///
    /// # Errors
    /// The store's.
    pub async fn kept(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let mut out = Vec::new();
        for key in self.0.keys().await? {
            if key != CURRENT
                && let Some(bytes) = self.0.get(&key).await?
            {
                out.push((key, bytes));
            }
        }
        Ok(out)
    }

    /// Makes a save that is kept the current session; what was current is kept in its place.
    ///
    /// # Errors
    /// The store's; then both are where they were.
    pub async fn swap(&self, key: &str, current: Vec<u8>) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(wanted) = self.0.get(key).await? else { return Ok(None) };
        self.keep(current).await?;
        self.save(wanted.clone()).await?;
        self.0.remove(key).await?;
        Ok(Some(wanted))
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
        now(shelf.save(b"one".to_vec())).expect("memory takes everything");
        now(shelf.save(b"two".to_vec())).expect("memory takes everything");
        assert_eq!(now(shelf.load()), Ok(Some(b"two".to_vec())));
    }

    #[test]
    fn opening_another_session_keeps_the_one_that_was_open() {
        let shelf = Shelf(Memory::default());
        now(shelf.save(b"one".to_vec())).expect("memory takes everything");
        let key = now(shelf.keep(b"two".to_vec())).expect("memory takes everything");
        assert_eq!(now(shelf.swap(&key, b"one".to_vec())), Ok(Some(b"two".to_vec())));
        assert_eq!(now(shelf.load()), Ok(Some(b"two".to_vec())));
        assert_eq!(now(shelf.kept()), Ok(vec![("save-2".to_owned(), b"one".to_vec())]));
        assert_eq!(now(shelf.swap("gone", b"x".to_vec())), Ok(None));
        assert_eq!(now(shelf.kept()).map(|kept| kept.len()), Ok(1), "what is not there changes nothing");
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
