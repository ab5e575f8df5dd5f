//! A shard with a log that acknowledges when it is told to.

use super::json;
use crate::{int, text};
use kafka_terrarium::base::SimTime;
use kafka_terrarium::broker::group::{
    Effect, GroupConfig, GroupResponse, GroupShard, MemberIdRandom, RequestContext, RequestToken, Turn, WriteId,
};
use kafka_terrarium::wire::group_records::{GroupMetadataKey, GroupMetadataValue};
use kafka_terrarium::wire::{ErrorCode, GroupRecord, StrBytes};
use serde_json::Value;
use std::collections::BTreeMap;
use uuid::Uuid;

/// When the clock of Kafka's tests starts.
pub(super) const START_MS: i64 = 0;

/// The ids that Kafka's test drew.
pub(super) struct Drawn(pub(super) Uuid);

impl MemberIdRandom for Drawn {
    fn member_uuid(&mut self) -> Uuid {
        self.0
    }
}

pub(super) struct Lab {
    pub(super) shard: GroupShard,
    pub(super) now: SimTime,
    pub(super) drawn: Drawn,
    /// What was answered, by request.
    pub(super) answers: BTreeMap<u64, GroupResponse>,
    /// When.
    pub(super) answered_ms: BTreeMap<u64, i64>,
    /// What was appended: the records, and the request or timer that did it.
    pub(super) writes: BTreeMap<WriteId, (Vec<GroupRecord>, Option<u64>)>,
}

impl Lab {
    /// A shard that has loaded these records.
    pub(super) fn new(config: GroupConfig, records: &[GroupRecord]) -> Self {
        let mut lab = Self {
            shard: GroupShard::new(config),
            now: SimTime::ZERO,
            drawn: Drawn(Uuid::nil()),
            answers: BTreeMap::new(),
            answered_ms: BTreeMap::new(),
            writes: BTreeMap::new(),
        };
        records.iter().for_each(|record| lab.shard.replay(record));
        lab.shard.replayed_to_high_watermark();
        let loaded = lab.turn(None, |shard, turn| shard.loaded(turn));
        lab.turn(None, |shard, turn| shard.committed(turn, loaded));
        lab
    }

    /// Gives the shard an input and carries out what it asks.
    pub(super) fn turn<T>(
        &mut self,
        request: Option<u64>,
        input: impl FnOnce(&mut GroupShard, &mut Turn<'_>) -> T,
    ) -> T {
        let mut effects = Vec::new();
        let mut turn = Turn::new(self.now, START_MS, &mut self.drawn, &mut effects);
        let result = input(&mut self.shard, &mut turn);
        for effect in effects {
            match effect {
                Effect::Append { write, records, .. } => drop(self.writes.insert(write, (records, request))),
                Effect::Respond { request, response } => {
                    self.answered_ms.insert(request.0, (self.now.0 / 1_000) as i64);
                    let before = self.answers.insert(request.0, response);
                    assert!(before.is_none(), "request {} is answered twice", request.0);
                }
                Effect::Event(_) => {}
            }
        }
        result
    }

    /// The partition is led by another broker.
    pub(super) fn unload(&mut self) {
        self.turn(None, |shard, turn| shard.clone().unload(turn));
    }

    /// The log acknowledges all that was appended.
    pub(super) fn commit_all(&mut self) {
        if let Some(last) = self.writes.keys().last().copied() {
            self.turn(None, |shard, turn| shard.committed(turn, last));
        }
    }

    /// The log acknowledges what a request appended, or refuses it.
    pub(super) fn complete(&mut self, request: u64, error: Option<ErrorCode>) -> Result<(), String> {
        let mut writes = self.writes.iter().filter(|(_, (_, by))| *by == Some(request)).map(|(write, _)| *write);
        let write = writes.next().ok_or_else(|| format!("request {request} has appended nothing"))?;
        self.turn(None, |shard, turn| match error {
            None => shard.committed(turn, write),
            Some(error) => shard.failed(turn, write, error),
        });
        Ok(())
    }

    /// The records that a request appended, in JSON.
    pub(super) fn appended(&self, request: u64) -> Vec<(Value, Value)> {
        let by_request = self.writes.values().filter(|(_, by)| *by == Some(request));
        by_request.flat_map(|(records, _)| records).map(json::record).collect()
    }
}

/// A request's context.
pub(super) fn context(request: u64, api_version: &Value, client_id: &str) -> RequestContext {
    RequestContext {
        token: RequestToken(request),
        api_version: api_version.as_i64().unwrap_or(9) as i16,
        client_id: StrBytes::from_string(client_id.to_string()),
        client_host: StrBytes::from_static_str("/127.0.0.1"),
    }
}

/// A settings object of an entry.
pub(super) fn config(configs: &Value) -> GroupConfig {
    GroupConfig {
        min_session_timeout_ms: int(&configs["classic_group_min_session_timeout_ms"]) as i32,
        max_session_timeout_ms: int(&configs["classic_group_max_session_timeout_ms"]) as i32,
        initial_rebalance_delay_ms: int(&configs["classic_group_initial_rebalance_delay_ms"]) as i32,
        max_size: int(&configs["classic_group_max_size"]) as i32,
        ..GroupConfig::default()
    }
}

/// The record of a group without members.
pub(super) fn empty_group(group_id: &Value) -> GroupRecord {
    let key = GroupMetadataKey { group: StrBytes::from_string(text(group_id).to_string()) };
    GroupRecord::GroupMetadata(key, Some(GroupMetadataValue { protocol: None, leader: None, ..Default::default() }))
}

/// An error by its name.
pub(super) fn error(name: &Value) -> ErrorCode {
    let known = (-1..200).map(ErrorCode).find(|code| code.name() == text(name));
    known.unwrap_or_else(|| panic!("no error is called {name}"))
}
