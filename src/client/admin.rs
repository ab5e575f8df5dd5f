//! The admin client: what Kafka's command-line tools ask of a cluster, one request a run.

use super::earlier;
use super::metadata::Wanted;
use super::network::{NetEvent, NetworkClient, NetworkConfig};
use crate::base::{Endpoint, SimDuration, SimTime};
use crate::machine::{Ctx, Input};
use crate::wire::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use crate::wire::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use crate::wire::messages::{CreateTopicsRequest, CreateTopicsResponse, ListOffsetsRequest, ListOffsetsResponse};
use crate::wire::{ApiKey, BrokerId, ErrorCode, RequestKind, ResponseKind, StrBytes, TopicName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a tool asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AdminRequest {
    /// `kafka-topics.sh --create`.
    CreateTopic {
        /// The topic's name.
        topic: String,
        /// How many partitions; none takes the broker's `num.partitions`.
        partitions: Option<i32>,
        /// How many replicas each; none takes the broker's `default.replication.factor`.
        replication_factor: Option<i16>,
        /// Topic configs.
        configs: Vec<(String, String)>,
    },
    /// `kafka-topics.sh --list`.
    ListTopics,
    /// `kafka-get-offsets.sh`.
    GetOffsets {
        /// The topic; none is every topic.
        topic: Option<String>,
        /// `--time`: -1 latest, -2 earliest, or ms since the Unix epoch.
        time: i64,
    },
}

/// What a tool got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminResult {
    /// The topic exists now.
    Created,
    /// Topic names, sorted.
    Topics(Vec<Arc<str>>),
    /// Topic, partition, offset (-1: none), sorted.
    Offsets(Vec<(Arc<str>, i32, i64)>),
    /// No answer came within `default.api.timeout.ms`.
    TimedOut,
    /// The cluster refused; Kafka's code and message.
    Failed {
        /// The code.
        error: ErrorCode,
        /// The message that the broker gave, or the code's own.
        message: String,
    },
}

/// `default.api.timeout.ms`.
const API_TIMEOUT: SimDuration = SimDuration::from_secs(60);

/// An admin client's process: it learns the brokers, asks, and ends.
#[derive(Clone, Debug)]
pub struct Admin {
    request: AdminRequest,
    net: NetworkClient<Asked>,
    /// The request is on its way.
    asked: bool,
    /// Answers that are still to come, and those that came (GetOffsets asks every leader).
    waiting: usize,
    offsets: Vec<(Arc<str>, i32, i64)>,
    gives_up_at: SimTime,
    result: Option<AdminResult>,
}

/// What a request was about.
#[derive(Clone, Copy, Debug)]
enum Asked {
    Create,
    Offsets,
}

impl Admin {
    /// A tool that has not started yet.
    pub fn new(request: AdminRequest, bootstrap: Vec<Endpoint>) -> Self {
        let network = NetworkConfig {
            client_id: StrBytes::from_static_str("adminclient-1"),
            bootstrap,
            request_timeout: SimDuration::from_secs(30),
            retry_backoff: SimDuration::from_millis(100),
            retry_backoff_max: SimDuration::from_secs(1),
            metadata_max_age: SimDuration::from_secs(300),
            max_in_flight: 1,
            allow_auto_topic_creation: true,
        };
        Self {
            request,
            net: NetworkClient::new(network, Wanted::default()),
            asked: false,
            waiting: 0,
            offsets: Vec::new(),
            gives_up_at: SimTime(u64::MAX),
            result: None,
        }
    }

    /// What it asks.
    pub fn request(&self) -> &AdminRequest {
        &self.request
    }

    /// What it got, once it has it.
    pub fn result(&self) -> Option<&AdminResult> {
        self.result.as_ref()
    }

    /// Takes an input.
    pub fn handle(&mut self, input: Input, ctx: &mut Ctx<'_>) {
        if matches!(input, Input::Started) {
            self.gives_up_at = ctx.after(API_TIMEOUT);
        }
        for event in self.net.handle(input, ctx) {
            match event {
                NetEvent::Metadata if self.asked => self.learned(),
                NetEvent::Metadata => {}
                NetEvent::Response(_, ResponseKind::CreateTopics(body)) => self.created(&body),
                NetEvent::Response(_, ResponseKind::ListOffsets(body)) => self.listed(&body),
                NetEvent::Response(_, other) => panic!("a response of another kind than its request: {other:?}"),
                NetEvent::Failed(asked, _) => self.ask_again(asked),
            }
        }
        self.drive(ctx);
    }

    /// When it wants to be woken.
    pub fn next_deadline(&self) -> Option<SimTime> {
        let retry = self.node().filter(|_| !self.asked).and_then(|node| self.net.retry_at(node));
        earlier(earlier(self.net.next_deadline(), retry), Some(self.gives_up_at))
    }

    fn drive(&mut self, ctx: &mut Ctx<'_>) {
        if self.gives_up_at <= ctx.now() {
            self.result.get_or_insert(AdminResult::TimedOut);
        }
        if self.result.is_none() && !self.asked && self.net.metadata().is_known() {
            self.ask(ctx);
        }
        if self.result.is_none() && self.asked && self.waiting == 0 {
            self.ask_offsets(ctx);
        }
        if self.result.is_some() {
            self.net.close(ctx);
            return ctx.exit();
        }
        self.net.poll(ctx);
    }

    /// The broker that the request goes to: the controller for changes.
    fn node(&self) -> Option<i32> {
        let metadata = self.net.metadata();
        metadata.controller().or_else(|| metadata.brokers().keys().next().copied())
    }

    fn ask(&mut self, ctx: &mut Ctx<'_>) {
        let AdminRequest::CreateTopic { topic, partitions, replication_factor, configs } = &self.request else {
            self.asked = true;
            return self.net.metadata_mut().set_wanted(Wanted::All);
        };
        let config = |(name, value): &(String, String)| {
            CreatableTopicConfig::default()
                .with_name(StrBytes::from_string(name.clone()))
                .with_value(Some(StrBytes::from_string(value.clone())))
        };
        let topic = CreatableTopic::default()
            .with_name(TopicName(StrBytes::from_string(topic.clone())))
            .with_num_partitions(partitions.unwrap_or(-1))
            .with_replication_factor(replication_factor.unwrap_or(-1))
            .with_configs(configs.iter().map(config).collect());
        let Some(node) = self.node() else { return };
        if self.net.ready(node, ctx) {
            self.asked = true;
            let request = CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(30_000);
            let tied = Some(Asked::Create);
            self.net.send(node, ApiKey::CreateTopics, tied, ctx, |_| RequestKind::CreateTopics(request));
        }
    }

    /// Every topic is known now: the answer itself, or whom to ask for offsets.
    fn learned(&mut self) {
        if self.request == AdminRequest::ListTopics {
            let names = self.net.metadata().topics().map(|(name, _)| name.clone());
            self.result = Some(AdminResult::Topics(names.collect()));
        }
    }

    fn ask_offsets(&mut self, ctx: &mut Ctx<'_>) {
        let AdminRequest::GetOffsets { topic: only, time } = self.request.clone() else { return };
        let mut by_leader: BTreeMap<i32, BTreeMap<Arc<str>, Vec<i32>>> = BTreeMap::new();
        let all_known = matches!(self.net.metadata().wanted(), Wanted::All) && !self.net.metadata().is_stale();
        if !all_known {
            return;
        }
        for (name, topic) in
            self.net.metadata().topics().filter(|(name, _)| only.as_deref().is_none_or(|t| t == &***name))
        {
            for (index, (leader, _)) in topic.partitions.iter().enumerate() {
                by_leader.entry(*leader).or_default().entry(name.clone()).or_default().push(index as i32);
            }
        }
        if by_leader.is_empty() {
            self.result = Some(AdminResult::Offsets(Vec::new()));
            return;
        }
        // All or none, so that an answer never is half of the cluster's.
        if by_leader.keys().any(|leader| !self.net.ready(*leader, ctx)) {
            return;
        }
        for (leader, topics) in by_leader {
            let request = list_offsets(topics, time);
            self.waiting += 1;
            self.net
                .send(leader, ApiKey::ListOffsets, Some(Asked::Offsets), ctx, |_| RequestKind::ListOffsets(request));
        }
    }

    fn created(&mut self, response: &CreateTopicsResponse) {
        let topic = response.topics.first().expect("a response answers every topic of its request");
        let error = ErrorCode(topic.error_code);
        self.result = Some(if error.is_ok() {
            AdminResult::Created
        } else {
            let message = topic.error_message.as_deref().unwrap_or(error.message()).to_string();
            AdminResult::Failed { error, message }
        });
    }

    fn listed(&mut self, response: &ListOffsetsResponse) {
        self.waiting -= 1;
        for topic in &response.topics {
            for p in &topic.partitions {
                self.offsets.push(((**topic.name).into(), p.partition_index, p.offset));
            }
        }
        if self.waiting == 0 {
            self.offsets.sort();
            self.result = Some(AdminResult::Offsets(std::mem::take(&mut self.offsets)));
        }
    }

    /// A request failed with its connection: the admin client tries again until the tool gives up.
    fn ask_again(&mut self, asked: Asked) {
        match asked {
            Asked::Create => self.asked = false,
            Asked::Offsets => {
                self.waiting = 0;
                self.offsets.clear();
            }
        }
    }
}

fn list_offsets(topics: BTreeMap<Arc<str>, Vec<i32>>, timestamp: i64) -> ListOffsetsRequest {
    let partition = |index| {
        ListOffsetsPartition::default()
            .with_partition_index(index)
            .with_current_leader_epoch(-1)
            .with_timestamp(timestamp)
    };
    let topic = |(name, partitions): (Arc<str>, Vec<i32>)| {
        ListOffsetsTopic::default()
            .with_name(TopicName(StrBytes::from_string(name.to_string())))
            .with_partitions(partitions.into_iter().map(partition).collect())
    };
    ListOffsetsRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_topics(topics.into_iter().map(topic).collect())
        .with_timeout_ms(60_000)
}
