//! The consumer's end of an incremental fetch session (KIP-227): what to name in the next fetch to one broker.

use crate::wire::ErrorCode;
use std::collections::BTreeMap;

/// Where a fetch of a partition begins, and the leader epoch that it names.
pub(super) type FetchFrom = (i64, i32);

/// A session with one broker; epoch 0 asks for a new one.
#[derive(Clone, Debug, Default)]
pub(super) struct FetchSession {
    id: i32,
    epoch: i32,
    /// What the broker believes that we want.
    named: BTreeMap<i32, FetchFrom>,
}

/// What the next fetch says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NextFetch {
    pub(super) id: i32,
    pub(super) epoch: i32,
    /// The partitions to name: all of them in a full fetch, else those that are new or changed.
    pub(super) named: BTreeMap<i32, FetchFrom>,
    /// The partitions to drop from the session.
    pub(super) forgotten: Vec<i32>,
}

impl FetchSession {
    /// Whether the broker keeps a session for us.
    pub(super) fn stands(&self) -> bool {
        self.id != 0
    }

    /// The session's id, to close it.
    pub(super) fn id(&self) -> i32 {
        self.id
    }

    /// What to say to fetch `wanted`.
    pub(super) fn next(&mut self, wanted: &BTreeMap<i32, FetchFrom>) -> NextFetch {
        let (mut named, mut forgotten) = (wanted.clone(), Vec::new());
        if self.epoch != 0 {
            named.retain(|partition, from| self.named.get(partition) != Some(from));
            forgotten = self.named.keys().filter(|partition| !wanted.contains_key(partition)).copied().collect();
        }
        self.named = wanted.clone();
        NextFetch { id: self.id, epoch: self.epoch, named, forgotten }
    }

    /// Takes in a response's session id or error.
    pub(super) fn answered(&mut self, session_id: i32, error: ErrorCode) {
        match error {
            ErrorCode::NONE if session_id == 0 => *self = Self::default(),
            ErrorCode::NONE => {
                self.id = session_id;
                self.epoch = if self.epoch == i32::MAX { 1 } else { self.epoch + 1 };
            }
            ErrorCode::FETCH_SESSION_ID_NOT_FOUND | ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR => *self = Self::default(),
            _ => self.failed(),
        }
    }

    /// After a failure nobody knows what the broker has: the next fetch closes the session and opens another.
    pub(super) fn failed(&mut self) {
        self.epoch = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(offsets: &[(i32, i64)]) -> BTreeMap<i32, FetchFrom> {
        offsets.iter().map(|(partition, offset)| (*partition, (*offset, 0))).collect()
    }

    #[test]
    fn names_what_changed() {
        let mut session = FetchSession::default();
        let full = session.next(&from(&[(0, 5), (1, 5)]));
        assert_eq!((full.id, full.epoch, full.named.len()), (0, 0, 2));
        session.answered(77, ErrorCode::NONE);
        let next = session.next(&from(&[(0, 6), (1, 5)]));
        assert_eq!((next.id, next.epoch, next.named, next.forgotten), (77, 1, from(&[(0, 6)]), vec![]));
        session.answered(77, ErrorCode::NONE);
        let next = session.next(&from(&[(1, 5)]));
        assert_eq!((next.epoch, next.named, next.forgotten), (2, from(&[]), vec![0]));
        session.answered(0, ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        assert_eq!((session.next(&from(&[(1, 5)])).id, session.epoch), (77, 0));
        session.answered(0, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
        assert!(!session.stands());
    }
}
