//! The controller's state machine as a whole, in stories: each as a real cluster of Kafka 4.1.1 played it, record by
//! record.

use super::*;
use crate::base::{Rng, SimDuration, SimTime};
use crate::wire::messages::create_topics_request::{CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig};
use crate::wire::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use crate::wire::messages::{
    AlterPartitionRequest, BrokerHeartbeatRequest, BrokerId, BrokerRegistrationRequest, CreateTopicsRequest,
    ElectLeadersRequest, IncrementalAlterConfigsRequest, TopicName, alter_partition_request,
};
use crate::wire::{ErrorCode, MetadataRecord, StrBytes, VersionedRecord};
use uuid::Uuid;

const SECOND: SimDuration = SimDuration::from_secs(1);

/// A controller with its log, and brokers that do as they are told.
struct Cluster {
    controller: Controller,
    heartbeats: Heartbeats,
    log: Vec<MetadataRecord>,
    now: SimTime,
    random: Rng,
    starts: u128,
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_string())
}

impl Cluster {
    /// A new cluster with brokers 1, 2 and 3 in service.
    fn new() -> Self {
        let settings = ControllerSettings::new(101, "cluster");
        let mut cluster = Self {
            controller: Controller::new(settings),
            heartbeats: Heartbeats::new(SECOND * 9),
            log: Vec::new(),
            now: SimTime::ZERO + SECOND,
            random: Rng::stream(1, "controller"),
            starts: 0,
        };
        cluster.append(FeatureControl::bootstrap(1));
        for id in 1..=3 {
            cluster.start(id, -1).unwrap();
            cluster.unfence(id);
        }
        cluster
    }

    /// Appends records and takes them in; gives them in short.
    fn append(&mut self, records: Vec<VersionedRecord>) -> Vec<String> {
        let short = records.iter().map(|record| self.short(record)).collect();
        for record in records {
            assert_eq!(VersionedRecord::decode(&record.encode()).as_ref(), Ok(&record), "it survives its bytes");
            self.controller.replay(&record.record, self.log.len() as i64);
            self.log.push(record.record);
        }
        short
    }

    fn epoch(&self, id: i32) -> i64 {
        self.controller.brokers().registration(id).unwrap().epoch
    }

    fn start(&mut self, id: i32, previous_epoch: i64) -> Result<Vec<String>, ApiError> {
        self.starts += 1;
        let feature = |f: crate::wire::metadata_records::BrokerFeature| {
            crate::wire::messages::broker_registration_request::Feature::default()
                .with_name(f.name)
                .with_min_supported_version(f.min_supported_version)
                .with_max_supported_version(f.max_supported_version)
        };
        let request = BrokerRegistrationRequest::default()
            .with_broker_id(BrokerId(id))
            .with_cluster_id(text("cluster"))
            .with_incarnation_id(Uuid::from_u128(self.starts))
            .with_features(supported_features().into_iter().map(feature).collect())
            .with_log_dirs(vec![Uuid::from_u128(id as u128 + 100)])
            .with_previous_broker_epoch(previous_epoch);
        let next_offset = self.log.len() as i64;
        let outcome = self.controller.register_broker(&request, &self.heartbeats, next_offset, self.now)?;
        let records = self.append(outcome.records);
        self.heartbeats.register(id, outcome.response, true, self.now);
        Ok(records)
    }

    fn heartbeat(&mut self, id: i32, fence: bool, shut_down: bool) -> (Vec<String>, HeartbeatReply) {
        let request = BrokerHeartbeatRequest::default()
            .with_broker_id(BrokerId(id))
            .with_broker_epoch(self.epoch(id))
            .with_current_metadata_offset(self.log.len() as i64 - 1)
            .with_want_fence(fence)
            .with_want_shut_down(shut_down);
        let outcome = self.controller.process_heartbeat(&request, &mut self.heartbeats, self.now).unwrap();
        let records = self.append(outcome.records);
        if outcome.response.in_controlled_shutdown {
            self.heartbeats.set_shutdown_offset(id, self.log.len() as i64 - 1);
        }
        (records, outcome.response)
    }

    fn unfence(&mut self, id: i32) -> Vec<String> {
        self.heartbeat(id, false, false).0
    }

    /// Lets time go by in which only `alive` brokers send heartbeats; gives what the controller did about the others.
    fn wait(&mut self, seconds: u64, alive: &[i32]) -> Vec<String> {
        let mut done = Vec::new();
        for _ in 0..seconds {
            self.now += SECOND;
            alive.iter().for_each(|id| drop(self.heartbeat(*id, false, false)));
            loop {
                let outcome = self.controller.maybe_fence_stale_broker(&mut self.heartbeats, self.now);
                done.extend(self.append(outcome.records));
                if !outcome.response {
                    break;
                }
            }
        }
        done
    }

    fn create(&mut self, name: &str, assignment: &[i32], configs: &[(&str, &str)]) -> ErrorCode {
        self.create_with(name, assignment, configs, -1, -1).0
    }

    fn create_with(
        &mut self,
        name: &str,
        assignment: &[i32],
        configs: &[(&str, &str)],
        partitions: i32,
        factor: i16,
    ) -> (ErrorCode, String) {
        let replicas = assignment.iter().copied().map(BrokerId).collect();
        let assigned = CreatableReplicaAssignment::default().with_broker_ids(replicas);
        let config = |(name, value): &(&str, &str)| {
            CreatableTopicConfig::default().with_name(text(name)).with_value(Some(text(value)))
        };
        let topic = CreatableTopic::default()
            .with_name(TopicName(text(name)))
            .with_num_partitions(partitions)
            .with_replication_factor(factor)
            .with_assignments(if assignment.is_empty() { Vec::new() } else { vec![assigned] })
            .with_configs(configs.iter().map(config).collect());
        let request = CreateTopicsRequest::default().with_topics(vec![topic]);
        let outcome = self.controller.create_topics(&request, &mut self.random);
        self.append(outcome.records);
        let result = &outcome.response.topics[0];
        (ErrorCode(result.error_code), result.error_message.as_deref().unwrap_or_default().to_string())
    }

    fn partition(&self, topic: &str) -> &PartitionRegistration {
        &self.controller.topics().by_name(topic).unwrap().partitions[&0]
    }

    /// The leader of partition 0 of a topic asks for an ISR.
    fn alter_isr(&mut self, topic: &str, isr: &[i32]) -> (Vec<String>, ErrorCode) {
        let partition = self.partition(topic).clone();
        let state = |id: &i32| {
            let state = alter_partition_request::BrokerState::default();
            state.with_broker_id(BrokerId(*id)).with_broker_epoch(self.epoch(*id))
        };
        let asked = alter_partition_request::PartitionData::default()
            .with_leader_epoch(partition.leader_epoch)
            .with_partition_epoch(partition.partition_epoch)
            .with_new_isr_with_epochs(isr.iter().map(state).collect());
        let topic = alter_partition_request::TopicData::default()
            .with_topic_id(self.controller.topics().by_name(topic).unwrap().id)
            .with_partitions(vec![asked]);
        let request = AlterPartitionRequest::default()
            .with_broker_id(BrokerId(partition.leader))
            .with_broker_epoch(self.epoch(partition.leader))
            .with_topics(vec![topic]);
        let outcome = self.controller.alter_partition(&request).unwrap();
        (self.append(outcome.records), ErrorCode(outcome.response.topics[0].partitions[0].error_code))
    }

    fn alter_config(
        &mut self,
        kind: ResourceType,
        resource: &str,
        name: &str,
        value: Option<&str>,
    ) -> (Vec<String>, String) {
        let config = AlterableConfig::default()
            .with_name(text(name))
            .with_config_operation(i8::from(value.is_none()))
            .with_value(value.map(text));
        let resource = AlterConfigsResource::default()
            .with_resource_type(kind as i8)
            .with_resource_name(text(resource))
            .with_configs(vec![config]);
        let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
        let outcome = self.controller.incremental_alter_configs(&request);
        let refused = outcome.response.responses[0].clone();
        let message = refused.error_message.as_deref().map(str::to_string);
        (self.append(outcome.records), message.unwrap_or_else(|| ErrorCode(refused.error_code).name().to_string()))
    }

    fn short(&self, record: &VersionedRecord) -> String {
        match &record.record {
            MetadataRecord::PartitionChange(r) => {
                let mut out = self.controller.topics().by_id(r.topic_id).unwrap().name.to_string();
                let lists = [("isr", &r.isr), ("elr", &r.eligible_leader_replicas), ("last", &r.last_known_elr)];
                for (name, list) in lists {
                    list.iter().for_each(|list| out += &format!(" {name}{list:?}"));
                }
                if r.leader != LEADER_NO_CHANGE {
                    out += &format!(" leader {}", r.leader);
                }
                if r.leader_recovery_state != -1 {
                    out += &format!(" recovery {}", r.leader_recovery_state);
                }
                out
            }
            MetadataRecord::BrokerRegistrationChange(r) => {
                let what = if r.fenced > 0 { "fenced" } else { "unfenced" };
                let what = if r.in_controlled_shutdown > 0 { "shutting down" } else { what };
                format!("{} {what} v{}", r.broker_id, record.version)
            }
            MetadataRecord::RegisterBroker(r) => format!("{} registered", r.broker_id),
            MetadataRecord::Config(r) => format!("{} = {:?}", &*r.name, r.value.as_deref()),
            MetadataRecord::ClearElr(r) => format!("clear elr {:?}", &*r.topic_name),
            other => other.name().to_string(),
        }
    }
}

/// `min.insync.replicas` is 2; 3, 2 and 1 crash and come back in the order 2, 3, 1.
#[test]
fn a_partition_survives_the_crash_of_everybody() {
    let mut cluster = Cluster::new();
    let (records, _) = cluster.alter_config(ResourceType::Broker, "", "min.insync.replicas", Some("2"));
    assert_eq!(records, ["min.insync.replicas = Some(\"2\")", "clear elr \"\""]);
    assert_eq!(cluster.create("m", &[1, 2, 3], &[]), ErrorCode::NONE);
    assert_eq!(cluster.wait(11, &[1, 2]), ["m isr[1, 2]", "3 fenced v0"]);
    assert_eq!(cluster.wait(11, &[1]), ["m isr[1] elr[2]", "2 fenced v0"]);
    assert_eq!(cluster.wait(11, &[]), ["m isr[] elr[1, 2] last[1] leader -1", "1 fenced v0"]);
    assert_eq!(cluster.start(2, -1).unwrap(), ["m elr[1]", "2 registered"]);
    assert_eq!(cluster.epoch(2), cluster.log.len() as i64 - 2, "the epoch is where the first of the records is");
    assert_eq!(cluster.unfence(2), ["2 unfenced v0"]);
    assert_eq!(cluster.start(3, -1).unwrap(), ["3 registered"]);
    assert_eq!(cluster.unfence(3), ["3 unfenced v0"]);
    assert_eq!(cluster.start(1, -1).unwrap(), ["m elr[]", "1 registered"]);
    assert_eq!(cluster.unfence(1), ["1 unfenced v0", "m isr[1] last[] leader 1 recovery 1"]);
    assert_eq!(cluster.alter_isr("m", &[1, 3]), (vec!["m isr[1, 3] recovery 0".to_string()], ErrorCode::NONE));
    assert_eq!(cluster.partition("m").leader_epoch, 2);
}

#[test]
fn a_leader_crash_is_found_by_the_session_and_healed_by_a_preferred_election() {
    let mut cluster = Cluster::new();
    cluster.create("t", &[1, 2, 3], &[]);
    cluster.wait(3, &[1, 2, 3]);
    assert_eq!(cluster.wait(9, &[2, 3]), [""; 0], "9 seconds after its last heartbeat 1 is still taken for alive");
    let refused = cluster.start(1, -1).unwrap_err();
    assert_eq!(refused.error, ErrorCode::DUPLICATE_BROKER_REGISTRATION);
    assert_eq!(cluster.wait(1, &[2, 3]), ["t isr[2, 3] leader 2", "1 fenced v0"]);
    assert_eq!(cluster.start(1, -1).unwrap(), ["1 registered"]);
    let (early, error) = cluster.alter_isr("t", &[2, 3, 1]);
    assert_eq!((early.len(), error), (0, ErrorCode::INELIGIBLE_REPLICA), "it is still fenced");
    assert_eq!(cluster.unfence(1), ["1 unfenced v0"]);
    assert_eq!(cluster.alter_isr("t", &[2, 3, 1]), (vec!["t isr[2, 3, 1]".to_string()], ErrorCode::NONE));
    let outcome = cluster.controller.maybe_balance_partition_leaders();
    assert_eq!(cluster.append(outcome.records), ["t leader 1"]);
    assert_eq!((cluster.partition("t").leader_epoch, cluster.partition("t").partition_epoch), (2, 3));
}

#[test]
fn a_controlled_shutdown_moves_leaders_first_and_waits_for_the_others() {
    let mut cluster = Cluster::new();
    cluster.create("t", &[1, 2, 3], &[]);
    let (records, reply) = cluster.heartbeat(1, false, true);
    assert_eq!(records, ["1 shutting down v1", "t isr[2, 3] leader 2"]);
    assert!(reply.in_controlled_shutdown && !reply.is_fenced && !reply.should_shut_down);
    let (records, reply) = cluster.heartbeat(1, false, true);
    assert_eq!((records.len(), reply.should_shut_down), (0, false), "2 and 3 do not know yet");
    cluster.heartbeat(2, false, false);
    cluster.heartbeat(3, false, false);
    let (records, reply) = cluster.heartbeat(1, false, true);
    assert_eq!(records, ["1 fenced v0"]);
    assert!(reply.is_fenced && reply.should_shut_down);
    let epoch = cluster.epoch(1);
    assert_eq!(cluster.start(1, epoch).unwrap_err().error, ErrorCode::DUPLICATE_BROKER_REGISTRATION);
    assert_eq!(cluster.wait(10, &[2, 3]), ["1 fenced v0"], "its session runs out too");
    assert_eq!(cluster.start(1, epoch).unwrap(), ["1 registered"]);
}

/// A clean stop keeps a broker among the eligible leader replicas; a crash does not.
#[test]
fn a_clean_stop_keeps_its_place_among_the_eligible() {
    for (clean, elr) in [(true, &[1][..]), (false, &[])] {
        let mut cluster = Cluster::new();
        cluster.create("t", &[1, 2], &[("min.insync.replicas", "2")]);
        assert_eq!(cluster.wait(11, &[2, 3]), ["t isr[2] elr[1] leader 2", "1 fenced v0"]);
        let previous = if clean { cluster.epoch(1) } else { -1 };
        cluster.start(1, previous).unwrap();
        assert_eq!(cluster.partition("t").elr, elr);
    }
}

#[test]
fn an_unregistered_broker_leaves_every_isr() {
    let mut cluster = Cluster::new();
    cluster.create("t", &[1, 2], &[]);
    let outcome = cluster.controller.unregister_broker(1).unwrap();
    assert_eq!(cluster.append(outcome.records), ["t isr[2] leader 2", "UnregisterBrokerRecord"]);
    let refused = cluster.controller.unregister_broker(9).unwrap_err();
    assert_eq!(refused.message.as_deref(), Some("Broker ID 9 is not currently registered"));
}

#[test]
fn an_unclean_election_needs_an_administrator_or_a_config() {
    let mut cluster = Cluster::new();
    cluster.create("t", &[1, 2], &[]);
    cluster.alter_isr("t", &[1]);
    cluster.wait(11, &[2, 3]);
    assert_eq!(cluster.partition("t").leader, LEADER_NONE);
    assert_eq!(cluster.controller.maybe_elect_unclean_leaders().records.len(), 0);
    let mut twin = Controller::clone(&cluster.controller);
    std::mem::swap(&mut twin, &mut cluster.controller);
    cluster.alter_config(ResourceType::Topic, "t", "unclean.leader.election.enable", Some("true"));
    let outcome = cluster.controller.maybe_elect_unclean_leaders();
    assert_eq!(cluster.append(outcome.records), ["t isr[2] elr[] last[] leader 2 recovery 1"]);
    let asked = ElectLeadersRequest::default().with_election_type(1).with_topic_partitions(None);
    assert_eq!(twin.elect_leaders(&asked).unwrap().records.len(), 1);
}

#[test]
fn the_minimum_of_in_sync_replicas_is_the_clusters_while_elr_is_on() {
    let mut cluster = Cluster::new();
    let mut alter =
        |resource, value| cluster.alter_config(ResourceType::Broker, resource, "min.insync.replicas", value).1;
    assert_eq!(alter("1", Some("1")), "Broker-level min.insync.replicas cannot be altered while ELR is enabled.");
    assert_eq!(alter("", None), "Cluster-level min.insync.replicas cannot be removed while ELR is enabled.");
    assert_eq!(alter("", Some("2")), "NONE");
    cluster.create("t", &[1, 2, 3], &[]);
    assert_eq!(cluster.controller.min_isr("t"), 2);
    cluster.alter_config(ResourceType::Topic, "t", "min.insync.replicas", Some("3"));
    assert_eq!(cluster.controller.min_isr("t"), 3);
}

/// As a real 4.1.1 cluster refused them.
#[test]
fn refusals_are_kafkas() {
    let mut cluster = Cluster::new();
    cluster.create("a.b", &[1, 2, 3], &[]);
    let mut topic = |name: &str, value: &str| cluster.alter_config(ResourceType::Topic, "a.b", name, Some(value)).1;
    assert_eq!(topic("nosuch", "1"), "Unknown topic config name: nosuch");
    assert_eq!(
        topic("retention.ms", "-5"),
        "Invalid value -5 for configuration retention.ms: Value must be at least -1"
    );
    assert_eq!(topic("max.compaction.lag.ms", "100"), "NONE");
    let conflict = "conflict topic config setting min.compaction.lag.ms (200) > max.compaction.lag.ms (100)";
    assert_eq!(topic("min.compaction.lag.ms", "200"), conflict);
    let missing = cluster.alter_config(ResourceType::Topic, "nosuch", "retention.ms", Some("1")).1;
    assert_eq!(missing, "UNKNOWN_TOPIC_OR_PARTITION");
    let group = cluster.alter_config(ResourceType::Group, "g", "consumer.session.timeout.ms", Some("1")).1;
    let bound = "consumer.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms";
    assert_eq!(group, bound);
    let (error, message) = cluster.create_with("b", &[], &[("retention.ms", "-5")], 1, 9);
    assert_eq!(error, ErrorCode::INVALID_CONFIG, "configs are looked at before numbers: {message}");
    let (_, message) = cluster.create_with("b", &[], &[], 1, 4);
    let few = "Unable to replicate the partition 4 time(s): The target replication factor of 4 cannot be reached because \
               only 3 broker(s) are registered.";
    assert_eq!(message, few);
    let (error, message) = cluster.create_with("a_b", &[], &[], 1, 1);
    assert_eq!(
        (error, &*message),
        (ErrorCode::INVALID_TOPIC_EXCEPTION, "Topic 'a_b' collides with existing topic: a.b")
    );
    let configs = [("num.partitions", "2")];
    let refused = check_dynamic_broker_configs(true, configs).unwrap_err();
    assert_eq!(refused.message.as_deref(), Some("Cannot update these configs dynamically: Set(num.partitions)"));
    let refused = check_dynamic_broker_configs(false, [("listeners", "PLAINTEXT://:1")]).unwrap_err();
    let at_cluster =
        "Cannot update these configs at default cluster level, broker id must be specified: Set(listeners)";
    assert_eq!(refused.message.as_deref(), Some(at_cluster));
}

#[test]
fn whoever_reads_the_log_comes_to_the_same_state() {
    let mut cluster = Cluster::new();
    for topic in 0..5 {
        let name = format!("t{topic}");
        assert_eq!(cluster.create_with(&name, &[], &[("min.insync.replicas", "2")], 6, 3).0, ErrorCode::NONE);
    }
    cluster.wait(11, &[1, 2]);
    cluster.wait(11, &[1]);
    cluster.start(2, -1).unwrap();
    cluster.unfence(2);
    let mut standby = Controller::new(cluster.controller.settings.clone());
    for (offset, record) in cluster.log.iter().enumerate() {
        standby.replay(record, offset as i64);
    }
    assert_eq!(format!("{standby:?}"), format!("{:?}", cluster.controller));
}

/// A broker that dies with the controller lives a whole session more.
#[test]
fn a_new_controller_begins_all_sessions_afresh() {
    let mut cluster = Cluster::new();
    cluster.create("t", &[1, 2], &[]);
    assert_eq!(cluster.wait(8, &[2, 3]), [""; 0]);
    cluster.heartbeats = cluster.controller.begin_heartbeats(SECOND * 9, cluster.now);
    assert_eq!(cluster.wait(9, &[2, 3]), [""; 0]);
    assert_eq!(cluster.wait(1, &[2, 3]), ["t isr[2] leader 2", "1 fenced v0"]);
}

/// The ISR of another leader epoch, another partition epoch, a follower's or a stranger's is refused.
#[test]
fn alter_partition_compares_before_it_sets() {
    let mut cluster = Cluster::new();
    cluster.create("t", &[1, 2, 3], &[]);
    let asked = |broker: i32, leader_epoch, partition_epoch, isr: &[i32]| {
        let state = |id: &i32| alter_partition_request::BrokerState::default().with_broker_id(BrokerId(*id));
        let partition = alter_partition_request::PartitionData::default()
            .with_leader_epoch(leader_epoch)
            .with_partition_epoch(partition_epoch)
            .with_new_isr_with_epochs(isr.iter().map(state).collect());
        let topic = alter_partition_request::TopicData::default()
            .with_topic_id(cluster.controller.topics().by_name("t").unwrap().id)
            .with_partitions(vec![partition]);
        let request = AlterPartitionRequest::default()
            .with_broker_id(BrokerId(broker))
            .with_broker_epoch(cluster.epoch(broker))
            .with_topics(vec![topic]);
        let outcome = cluster.controller.alter_partition(&request).unwrap();
        ErrorCode(outcome.response.topics[0].partitions[0].error_code)
    };
    assert_eq!(asked(1, 0, 0, &[1, 2]), ErrorCode::NONE);
    assert_eq!(asked(1, 1, 0, &[1, 2]), ErrorCode::NOT_CONTROLLER);
    assert_eq!(asked(1, 0, 1, &[1, 2]), ErrorCode::NOT_CONTROLLER);
    assert_eq!(asked(1, -1, 0, &[1, 2]), ErrorCode::FENCED_LEADER_EPOCH);
    assert_eq!(asked(1, 0, -1, &[1, 2]), ErrorCode::INVALID_UPDATE_VERSION);
    assert_eq!(asked(2, 0, 0, &[1, 2]), ErrorCode::INVALID_REQUEST);
    assert_eq!(asked(1, 0, 0, &[2, 3]), ErrorCode::INVALID_REQUEST);
    assert_eq!(asked(1, 0, 0, &[1, 1]), ErrorCode::INVALID_REQUEST);
}

#[test]
fn of_two_wrong_values_the_one_is_refused_that_kafka_defines_first() {
    let mut cluster = Cluster::new();
    for (configs, first) in [
        ([("preallocate", "z"), ("unclean.leader.election.enable", "z")], "unclean.leader.election.enable"),
        ([("compression.type", "z"), ("min.insync.replicas", "0")], "min.insync.replicas"),
        ([("max.message.bytes", "z"), ("retention.ms", "y")], "retention.ms"),
        ([("local.retention.bytes", "x"), ("message.timestamp.type", "x")], "message.timestamp.type"),
    ] {
        let (_, message) = cluster.create_with("t", &[], &configs, 1, 1);
        assert!(message.contains(&format!("for configuration {first}:")), "{message}");
    }
}

#[test]
fn producer_ids_come_in_blocks_of_a_thousand() {
    let mut cluster = Cluster::new();
    for first in [0, 1_000] {
        let outcome = cluster.controller.allocate_producer_ids(1, cluster.epoch(1)).unwrap();
        assert_eq!(outcome.response, first);
        cluster.append(outcome.records);
    }
    let refused = cluster.controller.allocate_producer_ids(1, -7).unwrap_err();
    assert_eq!(refused.error, ErrorCode::STALE_BROKER_EPOCH);
}
