//! The fetching end of an incremental fetch session (KIP-227, `FetchSessionHandler`): what to name in the next fetch to
//! one broker.

use crate::base::OrdMap;
use crate::wire::ErrorCode;

/// A session with one broker; epoch 0 asks for a new one. `K` names a partition, `F` is what a fetch says of it.
#[derive(Clone, Debug)]
pub struct FetchSession<K, F> {
    id: i32,
    epoch: i32,
    /// What the broker believes that we want.
    named: OrdMap<K, F>,
}

/// What the next fetch says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextFetch<K, F> {
    /// The session's id.
    pub id: i32,
    /// The session's epoch.
    pub epoch: i32,
    /// The partitions to name, in order: all of them in a full fetch, else those that are new or changed.
    pub named: Vec<(K, F)>,
    /// The partitions to drop from the session.
    pub forgotten: Vec<K>,
}

impl<K, F> Default for FetchSession<K, F> {
    fn default() -> Self {
        Self { id: 0, epoch: 0, named: OrdMap::new() }
    }
}

impl<K: Ord + Clone, F: PartialEq + Clone> FetchSession<K, F> {
    /// Whether the broker keeps a session for us.
    pub fn stands(&self) -> bool {
        self.id != 0
    }

    /// Whether the broker believes that we want anything.
    pub fn names_any(&self) -> bool {
        !self.named.is_empty()
    }

    /// What the broker believes that we want.
    pub fn named(&self) -> &OrdMap<K, F> {
        &self.named
    }

    /// The session's id, to close it.
    pub fn id(&self) -> i32 {
        self.id
    }

    /// What to say to fetch `wanted`.
    pub fn next(&mut self, wanted: OrdMap<K, F>) -> NextFetch<K, F> {
        let is_full = self.epoch == 0;
        if !is_full && self.named.is_same(&wanted) {
            return NextFetch { id: self.id, epoch: self.epoch, named: Vec::new(), forgotten: Vec::new() };
        }
        let (mut named, mut forgotten) = (Vec::new(), Vec::new());
        if is_full {
            named = wanted.clone().into_iter().collect();
        } else {
            let mut before = self.named.iter().peekable();
            for (partition, from) in &wanted {
                while let Some((dropped, _)) = before.next_if(|(before, _)| *before < partition) {
                    forgotten.push(dropped.clone());
                }
                let known = before.next_if(|(before, _)| *before == partition).map(|(_, known)| known);
                if known != Some(from) {
                    named.push((partition.clone(), from.clone()));
                }
            }
            forgotten.extend(before.map(|(dropped, _)| dropped.clone()));
        }
        self.named = wanted;
        NextFetch { id: self.id, epoch: self.epoch, named, forgotten }
    }

    /// Takes in a response's session id or error.
    pub fn answered(&mut self, session_id: i32, error: ErrorCode) {
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
    pub fn failed(&mut self) {
        self.epoch = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(offsets: &[(i32, i64)]) -> OrdMap<i32, (i64, i32)> {
        offsets.iter().map(|(partition, offset)| (*partition, (*offset, 0))).collect()
    }

    #[test]
    fn names_what_changed() {
        let mut session = FetchSession::default();
        let full = session.next(from(&[(0, 5), (1, 5)]));
        assert_eq!((full.id, full.epoch, full.named.len()), (0, 0, 2));
        session.answered(77, ErrorCode::NONE);
        let next = session.next(from(&[(0, 6), (1, 5)]));
        assert_eq!((next.id, next.epoch, next.named, next.forgotten), (77, 1, vec![(0, (6, 0))], vec![]));
        session.answered(77, ErrorCode::NONE);
        let next = session.next(from(&[(1, 5)]));
        assert_eq!((next.epoch, next.named, next.forgotten), (2, vec![], vec![0]));
        session.answered(0, ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        assert_eq!((session.next(from(&[(1, 5)])).id, session.epoch), (77, 0));
        session.answered(0, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
        assert!(!session.stands());
    }
}
