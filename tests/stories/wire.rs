//! Messages of a wire log, written as the recordings of a real cluster write them.

use serde_json::Value;
use std::collections::BTreeMap;

/// One message: who sent it to whom, and what matters of it.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// Seconds since the story's first fault.
    pub(crate) t: f64,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) api: String,
    pub(crate) version: i64,
    pub(crate) response: bool,
    /// The name of the client that asks; empty between nodes.
    pub(crate) client: String,
    /// The body in the recordings' words.
    pub(crate) text: String,
}

/// Names of topics by their ids.
#[derive(Default)]
pub(crate) struct Names(BTreeMap<String, String>);

const METADATA_TOPIC: &str = "00000000-0000-0000-0000-000000000001";

impl Names {
    fn learn(&mut self, body: &Value) {
        for topic in items(&body["Topics"]) {
            if let (Some(name), Some(id)) = (topic["Name"].as_str(), topic["TopicId"].as_str()) {
                self.0.insert(id.into(), name.into());
            }
        }
    }

    fn topic(&self, topic: &Value) -> String {
        let name = ["Topic", "Name", "TopicName"].iter().find_map(|key| topic[*key].as_str()).filter(|n| !n.is_empty());
        match (name, topic["TopicId"].as_str()) {
            (Some(name), _) => name.into(),
            (None, Some(METADATA_TOPIC)) => "@meta".into(),
            (None, Some(id)) => self.0.get(id).cloned().unwrap_or_else(|| id.into()),
            (None, None) => "?".into(),
        }
    }
}

/// A line of `terrarium run --wire`; none for a connection's end and for what the stories do not look at.
pub(crate) fn event(line: &Value, names: &mut Names) -> Option<Event> {
    let (api, body) = (line["api"].as_str()?, &line["body"]);
    let response = line["kind"] == "response";
    if matches!(api, "Metadata" | "CreateTopics") {
        names.learn(body);
    }
    let client = line["client"].as_str().unwrap_or_default();
    let is_node = client.starts_with("raft-client") || client.starts_with("broker-") || client.parse::<i32>().is_ok();
    Some(Event {
        t: line["t"].as_f64()?,
        from: line["from"].as_str()?.into(),
        to: line["to"].as_str()?.into(),
        api: api.into(),
        version: int(&line["v"]),
        response,
        client: if is_node { String::new() } else { client.into() },
        text: if response { answer(api, body, names) } else { request(api, body, names) },
    })
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn int(value: &Value) -> i64 {
    value.as_i64().unwrap_or(-1)
}

fn ids(value: &Value) -> String {
    let ids: Vec<String> = items(value).map(|id| int(id).to_string()).collect();
    format!("[{}]", ids.join(", "))
}

/// `err=NAME`, or nothing.
fn error(code: &Value) -> String {
    match code.as_i64() {
        None | Some(0) => String::new(),
        Some(code) => format!("err={}", kafka_terrarium::wire::ErrorCode(code as i16)),
    }
}

fn batches(records: &Value) -> String {
    let mut text = String::new();
    for batch in items(records) {
        let control = if int(&batch["attrs"]) & 0x20 != 0 { "ctl" } else { "" };
        text += &format!("{control}[{}+{},e{}]", int(&batch["base"]), int(&batch["count"]), int(&batch["epoch"]));
    }
    text
}

/// `NAME-INDEX` with what `say` says of every partition of every topic.
fn partitions(
    topics: &Value,
    (of_topic, index): (&str, &str),
    names: &Names,
    say: impl Fn(&Value) -> String,
) -> String {
    let mut words = Vec::new();
    for topic in items(topics) {
        for partition in items(&topic[of_topic]) {
            words.push(format!("{}-{}{}", names.topic(topic), int(&partition[index]), say(partition)));
        }
    }
    words.join(" ")
}

fn epoch(name: &str, value: &Value) -> String {
    if int(value) >= 0 { format!("/{name}{}", int(value)) } else { String::new() }
}

fn flags(body: &Value, names: &[(&str, &str)]) -> String {
    let set: Vec<&str> = names.iter().filter(|(field, _)| body[*field] == true).map(|(_, name)| *name).collect();
    set.join(" ")
}

fn request(api: &str, body: &Value, names: &Names) -> String {
    match api {
        "Produce" => {
            let say = |p: &Value| batches(&p["Records"]);
            format!(
                "acks={} {}",
                int(&body["Acks"]),
                partitions(&body["TopicData"], ("PartitionData", "Index"), names, say)
            )
        }
        "Fetch" => fetch(body, names),
        "Metadata" => {
            let topics: Vec<String> = items(&body["Topics"]).map(|topic| names.topic(topic)).collect();
            format!("topics=[{}]", topics.join(","))
        }
        "ListOffsets" => {
            let at = |p: &Value| match int(&p["Timestamp"]) {
                -2 => "earliest".into(),
                -1 => "latest".into(),
                timestamp => timestamp.to_string(),
            };
            let say = |p: &Value| format!("@ts{}{}", at(p), epoch("cle", &p["CurrentLeaderEpoch"]));
            let isolation = int(&body["IsolationLevel"]);
            format!(
                "isolation={isolation} {}",
                partitions(&body["Topics"], ("Partitions", "PartitionIndex"), names, say)
            )
        }
        "OffsetForLeaderEpoch" => {
            let say = |p: &Value| format!(" epoch={} cle={}", int(&p["LeaderEpoch"]), int(&p["CurrentLeaderEpoch"]));
            let replica = int(&body["ReplicaId"]);
            format!("replica={replica} {}", partitions(&body["Topics"], ("Partitions", "Partition"), names, say))
        }
        "AlterPartition" => {
            let replica = |r: &Value| format!("{}(be{})", int(&r["BrokerId"]), int(&r["BrokerEpoch"]));
            let say = |p: &Value| {
                let isr: Vec<String> = items(&p["NewIsrWithEpochs"]).map(replica).collect();
                let (epoch, partition_epoch) = (int(&p["LeaderEpoch"]), int(&p["PartitionEpoch"]));
                format!(" le={epoch} pe={partition_epoch} newIsr=[{}]", isr.join(" "))
            };
            let (broker, broker_epoch) = (int(&body["BrokerId"]), int(&body["BrokerEpoch"]));
            let partitions = partitions(&body["Topics"], ("Partitions", "PartitionIndex"), names, say);
            format!("broker={broker} be={broker_epoch} {partitions}")
        }
        "BrokerRegistration" => {
            let (broker, before) = (int(&body["BrokerId"]), int(&body["PreviousBrokerEpoch"]));
            format!("broker={broker} prevBrokerEpoch={before} rack=None")
        }
        "BrokerHeartbeat" => {
            let (broker, broker_epoch) = (int(&body["BrokerId"]), int(&body["BrokerEpoch"]));
            let wants = flags(body, &[("WantFence", "wantFence"), ("WantShutDown", "wantShutDown")]);
            format!("broker={broker} be={broker_epoch} metadataOffset={} {wants}", int(&body["CurrentMetadataOffset"]))
        }
        "UpdateRaftVoter" => {
            let (epoch, voter) = (int(&body["CurrentLeaderEpoch"]), int(&body["VoterId"]));
            let versions = &body["KRaftVersionFeature"];
            let (min, max) = (int(&versions["MinSupportedVersion"]), int(&versions["MaxSupportedVersion"]));
            let feature = format!("{{minSupportedVersion={min},maxSupportedVersion={max}}}");
            format!("cle={epoch} voterId={voter} kRaftVersionFeature={feature}")
        }
        "Vote" => {
            let p = &body["Topics"][0]["Partitions"][0];
            let (epoch, replica) = (int(&p["ReplicaEpoch"]), int(&p["ReplicaId"]));
            let pre = p["PreVote"] == true;
            format!("to voter {} replicaEpoch={epoch} replicaId={replica} preVote={pre}", int(&body["VoterId"]))
        }
        "BeginQuorumEpoch" | "EndQuorumEpoch" => {
            let p = &body["Topics"][0]["Partitions"][0];
            let voter = int(&body["VoterId"]);
            let to = if api == "BeginQuorumEpoch" { format!("to voter {voter} ") } else { String::new() };
            format!("{to}leader={} le={}", int(&p["LeaderId"]), int(&p["LeaderEpoch"]))
        }
        "ElectLeaders" => format!("electionType={}", int(&body["ElectionType"])),
        "JoinGroup" | "SyncGroup" | "Heartbeat" | "LeaveGroup" | "OffsetCommit" | "OffsetFetch" | "FindCoordinator" => {
            group_request(api, body, names)
        }
        _ => String::new(),
    }
}

/// A member's id as the recordings show it: without most of its UUID.
fn member(id: &Value) -> String {
    let id = id.as_str().unwrap_or_default();
    match id.len().checked_sub(36) {
        Some(at) if at > 0 => format!("{}~{}", &id[..at - 1], &id[at..at + 4]),
        _ if id.is_empty() => "''".into(),
        _ => id.into(),
    }
}

fn optional(name: &str, value: &Value) -> String {
    value.as_str().filter(|text| !text.is_empty()).map_or(String::new(), |text| format!(" {name}={text}"))
}

/// `t[0, 1]`, or `none`.
fn owned(partitions: &Value) -> String {
    let mut topics: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for tp in items(partitions).filter_map(Value::as_str) {
        if let Some((topic, index)) = tp.rsplit_once('-') {
            topics.entry(topic).or_default().push(index);
        }
    }
    let all: Vec<String> = topics.iter().map(|(topic, all)| format!("{topic}[{}]", all.join(", "))).collect();
    if all.is_empty() { "none".into() } else { all.join(" ") }
}

fn group_request(api: &str, body: &Value, names: &Names) -> String {
    let group = body["GroupId"].as_str().unwrap_or_default();
    let (id, instance) = (member(&body["MemberId"]), optional("instance", &body["GroupInstanceId"]));
    let generation = int(&body["GenerationId"]).max(int(&body["GenerationIdOrMemberEpoch"]));
    match api {
        "FindCoordinator" => "asked".into(),
        "JoinGroup" => {
            let offered: Vec<&str> = items(&body["Protocols"]).filter_map(|p| p["Name"].as_str()).collect();
            let said = &body["Protocols"][0]["Metadata"];
            let owned_generation = said["generation"].as_i64().map_or(String::new(), |id| format!(" ownedGen={id}"));
            let reason = body["Reason"].as_str().filter(|reason| !reason.is_empty());
            let reason = reason.map_or(String::new(), |reason| format!(" reason='{reason}'"));
            let (session, rebalance) = (int(&body["SessionTimeoutMs"]), int(&body["RebalanceTimeoutMs"]));
            let (offered, owned) = (offered.join(","), owned(&said["owned"]));
            format!(
                "group={group} member={id}{instance} session={session} rebalance={rebalance} protocols={offered} \
                 owned={owned}{owned_generation}{reason}"
            )
        }
        "LeaveGroup" => {
            let leaving = &body["Members"][0];
            let reason = leaving["Reason"].as_str().unwrap_or_default();
            format!("group={group} {} instance=None reason='{reason}'", member(&leaving["MemberId"]))
        }
        "OffsetCommit" => {
            let say = |p: &Value| format!("={}", int(&p["CommittedOffset"]));
            let all = partitions(&body["Topics"], ("Partitions", "PartitionIndex"), names, say);
            format!("group={group} gen={generation} member={id} {all}")
        }
        "OffsetFetch" => {
            let asked = &body["Groups"][0];
            let topic = |topic: &Value| format!("{}{}", names.topic(topic), ids(&topic["PartitionIndexes"]));
            let topics: Vec<String> = items(&asked["Topics"]).map(topic).collect();
            format!("group={} {} stable", asked["GroupId"].as_str().unwrap_or_default(), topics.join(" "))
        }
        _ => format!("group={group} gen={generation} member={id}{instance}"),
    }
}

fn group_answer(api: &str, body: &Value, names: &Names) -> String {
    let top = error(&body["ErrorCode"]);
    match api {
        "FindCoordinator" => {
            let found = &body["Coordinators"][0];
            let node = format!("node {}", int(&found["NodeId"]));
            format!("{}: {}", found["Key"].as_str().unwrap_or_default(), error_or(found, node))
        }
        "JoinGroup" if top.is_empty() => {
            format!("gen={} protocol={}", int(&body["GenerationId"]), body["ProtocolName"].as_str().unwrap_or_default())
        }
        "SyncGroup" if top.is_empty() => {
            let protocol = body["ProtocolName"].as_str().unwrap_or_default();
            format!("protocol={protocol} assignment={}", owned(&body["Assignment"]))
        }
        "LeaveGroup" if top.is_empty() => format!("members=[{{member={}}}]", member(&body["Members"][0]["MemberId"])),
        "OffsetCommit" => {
            let say = |p: &Value| format!(" {}", error_or(p, "ok".into()));
            partitions(&body["Topics"], ("Partitions", "PartitionIndex"), names, say)
        }
        "OffsetFetch" => {
            let group = &body["Groups"][0];
            let offset = |p: &Value| {
                if int(&p["CommittedOffset"]) < 0 { "none".into() } else { int(&p["CommittedOffset"]).to_string() }
            };
            let say = |p: &Value| format!("={}", error_or(p, offset(p)));
            let all = partitions(&group["Topics"], ("Partitions", "PartitionIndex"), names, say);
            format!("{} {all}", error(&group["ErrorCode"]))
        }
        _ => top,
    }
}

fn fetch(body: &Value, names: &Names) -> String {
    let state = &body["ReplicaState"];
    let replica = int(&state["ReplicaId"]).max(int(&body["ReplicaId"]));
    let broker_epoch = match int(&state["ReplicaEpoch"]) {
        -1 => String::new(),
        epoch => format!("(be{epoch})"),
    };
    let who = match replica {
        -1 => format!("wait={} isolation={}", int(&body["MaxWaitMs"]), int(&body["IsolationLevel"])),
        replica => format!("replica={replica}{broker_epoch}"),
    };
    let say = |p: &Value| {
        let (current, last) = (epoch("cle", &p["CurrentLeaderEpoch"]), epoch("lfe", &p["LastFetchedEpoch"]));
        format!("@{}{current}{last}", int(&p["FetchOffset"]))
    };
    format!("{who} {}", partitions(&body["Topics"], ("Partitions", "Partition"), names, say))
}

fn current_leader(p: &Value) -> String {
    match int(&p["CurrentLeader"]["LeaderId"]) {
        -1 => String::new(),
        leader => format!(" currentLeader={leader}/e{}", int(&p["CurrentLeader"]["LeaderEpoch"])),
    }
}

fn error_or(p: &Value, ok: String) -> String {
    match error(&p["ErrorCode"]) {
        none if none.is_empty() => ok,
        error => error,
    }
}

fn answer(api: &str, body: &Value, names: &Names) -> String {
    let top = error(&body["ErrorCode"]);
    match api {
        "Produce" => {
            let say =
                |p: &Value| format!(" {}{}", error_or(p, format!("base={}", int(&p["BaseOffset"]))), current_leader(p));
            partitions(&body["Responses"], ("PartitionResponses", "Index"), names, say)
        }
        "Fetch" => {
            let say = |p: &Value| {
                let diverging = &p["DivergingEpoch"];
                let diverging = match int(&diverging["EndOffset"]) {
                    -1 => String::new(),
                    end => format!(" DIVERGING epoch={} end={end}", int(&diverging["Epoch"])),
                };
                let ok = format!("hw={}", int(&p["HighWatermark"]));
                let records = batches(&p["Records"]);
                format!(" {}{diverging}{} {records}", error_or(p, ok), current_leader(p))
            };
            format!("{top} {}", partitions(&body["Responses"], ("Partitions", "PartitionIndex"), names, say))
        }
        "Metadata" => metadata(body, names),
        "ListOffsets" => {
            let say = |p: &Value| {
                let found = format!("offset={} epoch={}", int(&p["Offset"]), int(&p["LeaderEpoch"]));
                format!(" {}", error_or(p, found))
            };
            partitions(&body["Topics"], ("Partitions", "PartitionIndex"), names, say)
        }
        "OffsetForLeaderEpoch" => {
            let say = |p: &Value| {
                let end = format!("epoch={} end={}", int(&p["LeaderEpoch"]), int(&p["EndOffset"]));
                format!(" {}", error_or(p, end))
            };
            partitions(&body["Topics"], ("Partitions", "Partition"), names, say)
        }
        "AlterPartition" => {
            let say = |p: &Value| {
                let (leader, epoch) = (int(&p["LeaderId"]), int(&p["LeaderEpoch"]));
                let ok = format!("leader={leader}/e{epoch} isr={} pe={}", ids(&p["Isr"]), int(&p["PartitionEpoch"]));
                format!(" {}", error_or(p, ok))
            };
            format!("{top} {}", partitions(&body["Topics"], ("Partitions", "PartitionIndex"), names, say))
        }
        "BrokerRegistration" => format!("{top} brokerEpoch={}", int(&body["BrokerEpoch"])),
        "BrokerHeartbeat" => {
            let names = [("IsCaughtUp", "caughtUp"), ("IsFenced", "FENCED"), ("ShouldShutDown", "shouldShutDown")];
            format!("{top} {}", flags(body, &names))
        }
        "UpdateRaftVoter" => {
            let leader = &body["CurrentLeader"];
            let (id, epoch) = (int(&leader["LeaderId"]), int(&leader["LeaderEpoch"]));
            format!("{top} currentLeader={{leader={id},le={epoch}}}")
        }
        "Vote" => {
            let p = &body["Topics"][0]["Partitions"][0];
            let (leader, epoch) = (int(&p["LeaderId"]), int(&p["LeaderEpoch"]));
            let leader = if leader >= 0 { format!("leader={leader} ") } else { String::new() };
            format!("{} {leader}le={epoch} granted={}", error(&p["ErrorCode"]), p["VoteGranted"] == true)
        }
        "BeginQuorumEpoch" | "EndQuorumEpoch" => {
            let p = &body["Topics"][0]["Partitions"][0];
            let error = error(&p["ErrorCode"]);
            format!("{error} leader={} le={}", int(&p["LeaderId"]), int(&p["LeaderEpoch"]))
        }
        "JoinGroup" | "SyncGroup" | "Heartbeat" | "LeaveGroup" | "OffsetCommit" | "OffsetFetch" | "FindCoordinator" => {
            group_answer(api, body, names)
        }
        _ => top,
    }
}

fn metadata(body: &Value, names: &Names) -> String {
    let brokers: Vec<String> = items(&body["Brokers"]).map(|broker| int(&broker["NodeId"]).to_string()).collect();
    let mut text = format!("brokers=[{}]", brokers.join(", "));
    for topic in items(&body["Topics"]) {
        text += &format!(" {}", names.topic(topic));
        let mut partitions: Vec<&Value> = items(&topic["Partitions"]).collect();
        partitions.sort_by_key(|partition| int(&partition["PartitionIndex"]));
        for p in partitions {
            let offline = match ids(&p["OfflineReplicas"]) {
                none if none == "[]" => String::new(),
                some => format!(" offline{some}"),
            };
            let (index, leader) = (int(&p["PartitionIndex"]), int(&p["LeaderId"]));
            let epoch = int(&p["LeaderEpoch"]);
            text += &format!(
                " p{index}:{}L{leader}/e{epoch} isr{}{offline}",
                spaced(error(&p["ErrorCode"])),
                ids(&p["IsrNodes"])
            );
        }
    }
    text
}

fn spaced(text: String) -> String {
    if text.is_empty() { text } else { text + " " }
}
