//! Raft's handlers: the state of a replica before, a request or an answer, and what Kafka answered and became.
//!
//! A replica is brought into the state before as a real one comes into it: from its disk, by votes, appends and fetches.
//! What the recording does not tell (where the log's epochs begin, how far the others are, its own directory) is chosen
//! so that it agrees with all that it tells.

use super::{int, same, text};
use bytes::Bytes;
use kafka_terrarium::base::{Endpoint, Rng, SimDuration, SimTime};
use kafka_terrarium::quorum::{
    Durable, Effect, ElectionState, METADATA_TOPIC_ID, MetadataLog, QuorumConfig, Replica, ReplicaKey, RequestToken,
    Role, Turn,
};
use kafka_terrarium::wire::records::{self, Record};
use kafka_terrarium::wire::{ApiKey, ErrorCode, RequestKind, ResponseKind};
use serde_json::{Value, json};
use std::sync::Arc;
use uuid::Uuid;

#[path = "quorum_json.rs"]
mod as_json;

/// A directory that no entry names.
const OTHER_DIRECTORY: Uuid = Uuid::from_u128(0xd1);

pub(crate) fn check(entry: &Value) -> Result<(), String> {
    let mut lab = Lab::new(entry)?;
    let before = &entry["input"]["state_before"];
    let reached = lab.state();
    let wanted = state_of(before);
    if reached != wanted {
        return Err(format!("cannot bring a replica into {wanted}: it is {reached}"));
    }
    if entry["input"]["op"].as_str().is_some_and(|op| op.ends_with("_request")) {
        lab.request(entry)?;
    } else {
        lab.answer(entry)?;
    }
    same("state after", lab.state(), state_after(entry))
}

/// The state that the entry expects, with one difference of 4.1 to the snapshot that the vectors come from, which came
/// with pre-votes (KIP-996): who turns from a vote of an epoch to following its leader remembers the vote.
fn state_after(entry: &Value) -> Value {
    let (before, after) = (&entry["input"]["state_before"], &entry["expected"]["state_after"]);
    let mut wanted = state_of(after);
    if after["state"] == "Follower" && before["state"] != "Follower" && before["epoch"] == after["epoch"] {
        wanted["voted_id"] = before["voted_id"].clone();
    }
    wanted
}

/// The part of a recorded state that changes.
fn state_of(state: &Value) -> Value {
    let mut wanted = json!({});
    for key in ["state", "epoch", "leader_id", "voted_id", "high_watermark", "log_end_offset", "last_fetched_epoch"] {
        wanted[key] = state[key].clone();
    }
    wanted
}

/// A replica with its time, its randomness and what it asked for last.
struct Lab {
    replica: Replica,
    now: SimTime,
    rng: Rng,
    effects: Vec<Effect>,
}

impl Lab {
    /// A replica in the entry's state.
    fn new(entry: &Value) -> Result<Self, String> {
        let before = &entry["input"]["state_before"];
        let config = config_of(entry);
        let mut rng = Rng::stream(1, "vectors");
        let mut effects = Vec::new();
        let (leads, hw, end) =
            (before["state"] == "Leader", int(&before["high_watermark"]), int(&before["log_end_offset"]));
        // A leader's own records begin below its high watermark, or with its last record if it knows none.
        let own_from = if hw >= 0 { hw - 1 } else { end - 1 };
        let disk_end = if leads { own_from.max(0) } else { end };
        let mut disk = Durable { election: election_of(before), ..Durable::default() };
        for (epoch, upto) in history(entry, disk_end) {
            disk.log = grown(disk.log, upto, epoch, &config)?;
        }
        let replica = Replica::start(config, disk, &mut Turn::new(SimTime::ZERO, 0, &mut rng, &mut effects));
        let mut lab = Self { replica, now: SimTime::ZERO, rng, effects };
        match text(&before["state"]) {
            "Leader" => lab.lead(end, hw)?,
            "Follower" if hw >= 0 => lab.follow_to(before)?,
            _ => {}
        }
        Ok(lab)
    }

    fn turn<T>(&mut self, f: impl FnOnce(&mut Replica, &mut Turn<'_>) -> T) -> T {
        let mut turn = Turn::new(self.now, 0, &mut self.rng, &mut self.effects);
        f(&mut self.replica, &mut turn)
    }

    /// Runs the replica's elections with every vote granted, appends up to `end`, and has the others fetch up to `hw`.
    fn lead(&mut self, end: i64, hw: i64) -> Result<(), String> {
        for _ in 0..100 {
            if self.replica.role() == Role::Leader {
                break;
            }
            self.turn(|replica, turn| replica.poll(turn));
            for effect in std::mem::take(&mut self.effects) {
                if let Effect::Send { to, correlation_id, body: RequestKind::Vote(request), .. } = effect {
                    let epoch = request.topics[0].partitions[0].replica_epoch;
                    let vote = as_json::granted_vote(&request.topics[0].topic_name, epoch);
                    self.turn(|replica, turn| replica.handle_response(to, correlation_id, &vote, turn));
                }
            }
            if self.replica.role() != Role::Leader {
                self.now = self.replica.next_deadline().unwrap_or(self.now);
            }
        }
        if end == 0 {
            // The opening record of the epoch waits to be written.
            return Ok(());
        }
        self.turn(|replica, turn| replica.poll(turn));
        let epoch = self.replica.epoch();
        for _ in self.replica.log().end_offset()..end {
            let appended = self.turn(|replica, turn| replica.append(epoch, vec![Record::default()], turn));
            appended.map_err(|e| e.to_string())?;
        }
        self.now += SimDuration::from_millis(25);
        self.turn(|replica, turn| replica.poll(turn));
        let others: Vec<i32> = self.replica.config().remote_voters().collect();
        for voter in others.into_iter().filter(|_| hw >= 0) {
            let request = as_json::fetch_by(voter, epoch, hw, self.replica.log().end_of_epoch(epoch).epoch);
            self.turn(|replica, turn| replica.handle_request(RequestToken(0), 18, &request, turn));
        }
        Ok(())
    }

    /// Lets a follower learn its high watermark.
    fn follow_to(&mut self, before: &Value) -> Result<(), String> {
        let body =
            as_json::fetch_answer(int(&before["leader_id"]), int(&before["epoch"]), int(&before["high_watermark"]));
        self.deliver(int(&before["leader_id"]) as i32, ApiKey::Fetch, body)
    }

    fn state(&self) -> Value {
        let replica = &self.replica;
        json!({
            "state": replica.role().to_string(),
            "epoch": replica.epoch(),
            "leader_id": replica.leader().unwrap_or(-1),
            "voted_id": replica.voted().map_or(-1, |key| key.id),
            "high_watermark": replica.high_watermark().unwrap_or(-1),
            "log_end_offset": replica.log().end_offset(),
            "last_fetched_epoch": replica.log().last_epoch(),
        })
    }

    /// Hands the replica the entry's request and compares its answer.
    fn request(&mut self, entry: &Value) -> Result<(), String> {
        let (version, request) = as_json::request(entry);
        self.turn(|replica, turn| replica.handle_request(RequestToken(1), version, &request, turn));
        let answer = self.effects.iter().find_map(|effect| match effect {
            Effect::Respond { request: RequestToken(1), body } => Some(as_json::response(body)),
            _ => None,
        });
        let ours = answer.unwrap_or(json!("pending"));
        same("response", ours, as_json::comparable(&entry["expected"]["response"]))
    }

    /// Hands the replica the entry's answer, to the request that it is an answer to.
    fn answer(&mut self, entry: &Value) -> Result<(), String> {
        let (api, body) = as_json::answer(entry);
        self.deliver(int(&entry["input"]["from"]) as i32, api, body)?;
        let failed = self.effects.iter().any(|effect| matches!(effect, Effect::Failed(_)));
        same("an error that ends the process", failed, entry["expected"].get("throws").is_some())
    }

    /// Delivers an answer of `from` once the replica has asked it. Requests to others fail, until it does.
    fn deliver(&mut self, from: i32, api: ApiKey, body: ResponseKind) -> Result<(), String> {
        for _ in 0..100 {
            self.turn(|replica, turn| replica.poll(turn));
            for effect in std::mem::take(&mut self.effects) {
                let Effect::Send { to, correlation_id, body: sent, .. } = effect else { continue };
                if to == from && as_json::api_of(&sent) == api {
                    self.turn(|replica, turn| replica.handle_response(to, correlation_id, &body, turn));
                    return Ok(());
                }
                let broken = ErrorCode::BROKER_NOT_AVAILABLE;
                self.turn(|replica, turn| replica.handle_failure(to, correlation_id, broken, turn));
            }
        }
        Err(format!("it never sent {api:?} to {from}"))
    }
}

/// What the entry tells of the quorum and of the replica's place in it.
fn config_of(entry: &Value) -> Arc<QuorumConfig> {
    let input = &entry["input"];
    let before = &input["state_before"];
    let own = int(&before["local_id"]) as i32;
    let endpoint = |id: i32| Endpoint { host: "localhost".into(), port: (9_990 + id) as u16 };
    let voters: Vec<(i32, Endpoint)> = before["voters"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|id| int(id) as i32)
        .map(|id| (id, endpoint(id)))
        .collect();
    let asked = &input["request"]["topics"][0]["partitions"][0];
    let answered = &entry["expected"]["response"]["topics"][0]["partitions"][0];
    let addressed = asked.get("voterDirectoryId").map(as_json::uuid).unwrap_or_default();
    let is_own = input["request"]["voterId"] == own && answered["errorCode"] != ErrorCode::INVALID_VOTER_KEY.0;
    let directory = if is_own && !addressed.is_nil() { addressed } else { OTHER_DIRECTORY };
    let cluster = input["request"]["clusterId"].as_str();
    let known = entry["expected"]["response"]["errorCode"] != ErrorCode::INCONSISTENT_CLUSTER_ID.0;
    let mut config = QuorumConfig::new(own, directory, cluster.filter(|_| known).unwrap_or("$U1"), &voters);
    config.topic = "metadata".into();
    config.topic_id = METADATA_TOPIC_ID;
    // A replica that is no voter although its id is one has another directory than the voter.
    if let Some(voter) = config.voters.get_mut(&own).filter(|_| before["is_voter"] == false) {
        voter.key.directory = Some(Uuid::from_u128(0xd2));
    }
    // Servers that are known by their address alone have negative ids.
    let from = input["from"].as_i64().unwrap_or(0);
    if from < 0 {
        config.bootstrap = vec![from as i32];
    }
    Arc::new(config)
}

/// What lies on the disk of a replica that is to be in this state. A leader was elected from the epoch before.
fn election_of(before: &Value) -> ElectionState {
    let id = |key: &str| Some(int(&before[key]) as i32).filter(|id| *id >= 0);
    let epoch = int(&before["epoch"]) as i32;
    if before["state"] == "Leader" {
        return ElectionState { epoch: epoch - 1, leader: None, voted: None };
    }
    let voted = id("voted_id").map(|id| ReplicaKey { id, directory: None });
    ElectionState { epoch, leader: id("leader_id"), voted }
}

/// The epochs of a log of `end` records, each with its end. An answer with a diverging epoch tells one, and so does a fetch
/// of an earlier epoch that is served.
fn history(entry: &Value, end: i64) -> Vec<(i32, i64)> {
    let before = &entry["input"]["state_before"];
    let last = int(&before["last_fetched_epoch"]) as i32;
    let leads = before["state"] == "Leader";
    let last = if leads { last - 1 } else { last };
    let diverging = &entry["expected"]["response"]["responses"][0]["partitions"][0]["divergingEpoch"];
    let asked = &entry["input"]["request"]["topics"][0]["partitions"][0];
    let mut history = Vec::new();
    if let (Some(epoch), Some(upto)) = (diverging["epoch"].as_i64(), diverging["endOffset"].as_i64())
        && epoch < int(&before["last_fetched_epoch"])
    {
        history.push((epoch as i32, upto));
    } else if let (Some(epoch), Some(offset)) = (asked["lastFetchedEpoch"].as_i64(), asked["fetchOffset"].as_i64())
        && offset > 0
        && epoch < i64::from(last)
    {
        history.push((epoch as i32, offset));
    }
    // The answer to a fetch may tell that the leader has less of an epoch than this replica.
    let told = &entry["input"]["response"]["responses"][0]["partitions"][0]["divergingEpoch"];
    if let (Some(epoch), Some(after)) = (told["epoch"].as_i64(), told["endOffset"].as_i64())
        && epoch == int(&entry["expected"]["state_after"]["last_fetched_epoch"])
        && epoch < i64::from(last)
    {
        history.push((epoch as i32, after));
    }
    history.push((last, end));
    history
}

/// The log, grown to `end` with records of `epoch`, as a follower's log grows.
fn grown(log: MetadataLog, end: i64, epoch: i32, config: &Arc<QuorumConfig>) -> Result<MetadataLog, String> {
    if log.end_offset() >= end {
        return Ok(log);
    }
    let (leader, own) = (i32::MAX - 1, i32::MAX);
    let endpoint = |id: i32| (id, Endpoint { host: "localhost".into(), port: 1 });
    let mut other = QuorumConfig::new(own, OTHER_DIRECTORY, "c", &[endpoint(leader), endpoint(own)]);
    other.topic = config.topic.clone();
    let election = ElectionState { epoch: epoch.max(log.last_epoch()), leader: Some(leader), voted: None };
    let batch = stand_in(log.end_offset(), end, epoch);
    let mut rng = Rng::stream(2, "vectors");
    let mut effects = Vec::new();
    let replica = Replica::start(
        Arc::new(other),
        Durable { election, log },
        &mut Turn::new(SimTime::ZERO, 0, &mut rng, &mut effects),
    );
    let mut lab = Lab { replica, now: SimTime::ZERO, rng, effects };
    let mut body = as_json::fetch_answer(i64::from(leader), i64::from(election.epoch), -1);
    if let ResponseKind::Fetch(body) = &mut body {
        body.responses[0].partitions[0].records = Some(batch);
    }
    lab.deliver(leader, ApiKey::Fetch, body)?;
    Ok(lab.replica.log().clone())
}

/// Records from one offset to another, of one epoch, each a batch of its own: the recording keeps none.
pub(super) fn stand_in(from: i64, end: i64, epoch: i32) -> Bytes {
    let batch = records::build(&[Record::default()]);
    (from..end).flat_map(|offset| records::stamp(&batch, offset, epoch)).collect()
}
