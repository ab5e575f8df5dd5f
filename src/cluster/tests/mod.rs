//! The controller's state machine as a whole: a cluster to try it on.

mod refusals;
mod stories;

use super::*;
use crate::base::{Rng, SimDuration, SimTime};
use crate::wire::messages::create_topics_request::{CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig};
use crate::wire::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use crate::wire::messages::{
    AlterPartitionRequest, BrokerHeartbeatRequest, BrokerId, BrokerRegistrationRequest, CreateTopicsRequest,
    IncrementalAlterConfigsRequest, TopicName, alter_partition_request,
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
