//! Operations over many keys, each of which has one broker that must be found first (`AdminApiDriver`): the leaders of
//! partitions, the coordinators of groups.
//!
//! Keys are looked up, then each broker gets one request with all of its keys. A key may come back: its broker is no
//! longer the right one (it is looked up anew) or is not ready (its broker is asked again after a backoff). Kafka lets
//! every broker's keys go on by themselves; here the brokers' requests of one round end together.

use super::call::Pause;
use super::engine::java_name;
use super::{Admin, Call, Route, Step, Stop, Throwable, caught};
use crate::base::{SortedMap, SortedSet};
use crate::network::NodeId;
use crate::wire::RequestKind;
use crate::wire::{ApiKey, ErrorCode, ResponseKind};
use kafka_protocol::protocol::Request;

/// What became of a key.
pub(super) type Results<H> = SortedMap<<H as Handler>::Key, Result<<H as Handler>::Value, Throwable>>;

/// An operation over keys.
pub(super) trait Handler {
    /// What is looked up: a partition, a group.
    type Key: Ord + Clone;
    /// What each key comes to.
    type Value;

    /// The operation's name, which is in the names of its calls.
    const NAME: &'static str;

    /// The request that looks keys up.
    fn lookup(&self, keys: &SortedSet<Self::Key>) -> Call;
    /// The keys' brokers by a response, or why a key has none. One that is in neither is looked up again.
    fn looked_up(&mut self, keys: &SortedSet<Self::Key>, response: &ResponseKind) -> LookedUp<Self::Key>;
    /// The request for keys of one broker, and for which of them it is.
    fn request(&self, broker: NodeId, keys: &SortedSet<Self::Key>) -> (Call, SortedSet<Self::Key>);
    /// What a response says of the keys. One that is in none of the answers is asked for again.
    fn answered(&mut self, broker: NodeId, keys: &SortedSet<Self::Key>, response: &ResponseKind) -> Answered<Self>;
    /// The broker does not support the request: the keys for which that is the end.
    fn unsupported(&mut self, keys: &SortedSet<Self::Key>) -> SortedSet<Self::Key> {
        keys.clone()
    }
}

/// What a lookup came to.
#[derive(Debug)]
pub(super) struct LookedUp<K> {
    pub(super) brokers: SortedMap<K, NodeId>,
    pub(super) failed: SortedMap<K, Throwable>,
}

/// What a broker answered.
#[derive(Debug)]
pub(super) struct Answered<H: Handler + ?Sized> {
    pub(super) done: SortedMap<H::Key, Result<H::Value, Throwable>>,
    /// Keys whose broker is another by now.
    pub(super) unmapped: SortedSet<H::Key>,
}

/// How far an operation has come.
struct Progress<H: Handler> {
    /// Keys without a broker.
    unmapped: SortedSet<H::Key>,
    /// Keys by their broker.
    mapped: SortedMap<NodeId, SortedSet<H::Key>>,
    lookups: u32,
    /// How often each broker was asked.
    tries: SortedMap<NodeId, u32>,
    done: Results<H>,
}

/// A call of an operation, named as Kafka names it: `listOffsets(api=METADATA)`.
pub(super) fn named<R: Request + Into<RequestKind>>(operation: &str, route: Route, request: R) -> Call {
    let api = ApiKey::try_from(R::KEY).expect("every request has its key");
    Call::new(format!("{operation}(api={})", java_name(api)), route, request)
}

impl Admin<'_, '_> {
    /// Drives an operation until every key is done. `known` are brokers of keys that need no lookup at first.
    ///
    /// # Errors
    /// Only [`Stop::Pending`].
    pub(super) fn drive<H: Handler>(
        &mut self,
        handler: &mut H,
        keys: SortedSet<H::Key>,
        known: &SortedMap<H::Key, NodeId>,
        timeout: Option<crate::base::SimDuration>,
    ) -> Step<Results<H>> {
        let deadline = self.deadline(timeout);
        let mut progress: Progress<H> = Progress {
            unmapped: keys.iter().filter(|key| !known.contains_key(key)).cloned().collect(),
            mapped: SortedMap::new(),
            lookups: 0,
            tries: SortedMap::new(),
            done: SortedMap::new(),
        };
        for key in &keys {
            if let Some(broker) = known.get(key) {
                progress.mapped.entry(*broker).or_default().insert(key.clone());
            }
        }
        while !progress.unmapped.is_empty() || !progress.mapped.is_empty() {
            if !progress.unmapped.is_empty() {
                self.look_up(handler, &mut progress, deadline)?;
            }
            self.ask_brokers(handler, &mut progress, deadline)?;
        }
        Ok(progress.done)
    }

    fn look_up<H: Handler>(
        &mut self,
        handler: &mut H,
        progress: &mut Progress<H>,
        deadline: crate::base::SimTime,
    ) -> Step<()> {
        let pause = if progress.lookups == 0 { Pause::None } else { Pause::Tick };
        let call = handler.lookup(&progress.unmapped).driven(deadline, progress.lookups, pause);
        progress.lookups += 1;
        let found = match caught(self.call(call))? {
            Ok(response) => handler.looked_up(&progress.unmapped, &response.body),
            Err(why) if is_disconnect(&why) => return Ok(()),
            Err(why) => {
                let failed = progress.unmapped.iter().map(|key| (key.clone(), why.clone())).collect();
                LookedUp { brokers: SortedMap::new(), failed }
            }
        };
        for (key, why) in found.failed {
            progress.unmapped.remove(&key);
            progress.done.insert(key, Err(why));
        }
        for (key, broker) in found.brokers {
            if progress.unmapped.remove(&key) {
                progress.mapped.entry(broker).or_default().insert(key);
            }
        }
        Ok(())
    }

    fn ask_brokers<H: Handler>(
        &mut self,
        handler: &mut H,
        progress: &mut Progress<H>,
        deadline: crate::base::SimTime,
    ) -> Step<()> {
        let mut asked = Vec::new();
        let mut calls = Vec::new();
        for (broker, keys) in &progress.mapped {
            let (call, keys) = handler.request(*broker, keys);
            let tries = progress.tries.entry(*broker).or_default();
            let pause = if *tries == 0 { Pause::None } else { Pause::Backoff };
            calls.push(call.driven(deadline, *tries, pause));
            *tries += 1;
            asked.push((*broker, keys));
        }
        for ((broker, keys), result) in asked.into_iter().zip(self.call_all(calls)?) {
            let answered = match result {
                Ok(response) => handler.answered(broker, &keys, &response.body),
                Err(why) => failed(handler, &keys, &why),
            };
            progress.take(broker, answered);
        }
        Ok(())
    }
}

impl<H: Handler> Progress<H> {
    fn take(&mut self, broker: NodeId, answered: Answered<H>) {
        let Some(keys) = self.mapped.get_mut(&broker) else { return };
        for (key, result) in answered.done {
            keys.remove(&key);
            self.done.insert(key, result);
        }
        for key in answered.unmapped {
            keys.remove(&key);
            self.unmapped.insert(key);
        }
        if keys.is_empty() {
            self.mapped.remove(&broker);
        }
    }
}

/// What comes of a broker's keys when the request to it failed.
fn failed<H: Handler>(handler: &mut H, keys: &SortedSet<H::Key>, why: &Throwable) -> Answered<H> {
    if is_disconnect(why) {
        return Answered { done: SortedMap::new(), unmapped: keys.clone() };
    }
    let ended = match why.is(ErrorCode::UNSUPPORTED_VERSION) {
        true => handler.unsupported(keys),
        false => keys.clone(),
    };
    let done = ended.into_iter().map(|key| (key, Err(why.clone()))).collect();
    Answered { done, unmapped: SortedSet::new() }
}

fn is_disconnect(why: &Throwable) -> bool {
    why.class() == super::throwable::DISCONNECT
}

/// The one result of an operation over one key.
pub(super) fn only<K: Ord, V>(results: SortedMap<K, Result<V, Throwable>>) -> Step<V> {
    let (_, result) = results.into_iter().next().expect("one key has one result");
    result.map_err(Stop::from)
}
