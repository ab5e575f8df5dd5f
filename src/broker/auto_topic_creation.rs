//! Topics that are created because somebody asked for them (`AutoTopicCreationManager`).
//!
//! The broker asks the active controller, and answers meanwhile as if there were no such topic: the client asks again.

use super::coordinators::OFFSETS_TOPIC;
use super::{Broker, Serving};
use crate::base::{ConnId, SimDuration, SimTime, SortedSet};
use crate::machine::{Ctx, Fact, Input};
use crate::network::controller_channel::{ActiveController, ChannelEvent};
use crate::network::{ControllerChannel, envelope};
use crate::wire::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use crate::wire::messages::{CreateTopicsRequest, CreateTopicsResponse};
use crate::wire::{ApiKey, ErrorCode, Request, RequestKind, ResponseKind, StrBytes, TopicName, api_range};
use std::sync::Arc;

/// The topics that the controller has been asked to create.
#[derive(Clone, Debug)]
pub(super) struct AutoTopicCreation {
    channel: ControllerChannel<Vec<Arc<str>>>,
    in_flight: SortedSet<Arc<str>>,
}

impl AutoTopicCreation {
    pub(super) fn new(broker: i32, request_timeout: SimDuration) -> Self {
        let channel = ControllerChannel::new(broker, request_timeout, Some(request_timeout));
        Self { channel, in_flight: SortedSet::new() }
    }

    pub(super) fn is_settled(&self, leader: &ActiveController) -> bool {
        self.channel.is_settled(leader)
    }

    pub(super) fn owns(&self, conn: ConnId) -> bool {
        self.channel.owns(conn)
    }

    pub(super) fn next_deadline(&self, leader: &ActiveController) -> Option<SimTime> {
        self.channel.next_deadline(leader)
    }

    pub(super) fn close(&mut self, ctx: &mut Ctx<'_>) {
        self.channel.close(ctx);
    }
}

impl Broker {
    /// Asks for topics to be created on behalf of a client's request: with the partitions and replicas that the
    /// controller gives a topic that does not say.
    pub(super) fn auto_create(&mut self, topics: Vec<Arc<str>>, asked_by: &Request, serving: &mut Serving<'_, '_>) {
        let new: Vec<Arc<str>> = topics.into_iter().filter(|t| !self.auto_topics.in_flight.contains(t)).collect();
        if new.is_empty() {
            return;
        }
        let topic = |name: &Arc<str>| {
            CreatableTopic::default()
                .with_name(TopicName(StrBytes::from_string(name.to_string())))
                .with_num_partitions(self.config.num_partitions)
                .with_replication_factor(self.config.default_replication_factor)
        };
        let request = CreateTopicsRequest::default()
            .with_timeout_ms(self.config.request_timeout.as_millis() as i32)
            .with_topics(new.iter().map(topic).collect());
        let version = api_range(ApiKey::CreateTopics).expect("brokers serve it").max;
        let inner = Request {
            api: ApiKey::CreateTopics,
            version,
            correlation_id: asked_by.correlation_id,
            client_id: asked_by.client_id.clone(),
            body: RequestKind::CreateTopics(request),
        };
        self.auto_topics.in_flight.extend(new.iter().cloned());
        self.auto_topics.channel.enqueue(new, ApiKey::Envelope, envelope::seal(&inner), serving.ctx.now());
    }

    /// Asks for the topic of groups, `__consumer_offsets`, with the settings of its own. Where there are fewer brokers
    /// than it is to have replicas, the controller refuses it, and there are no groups.
    pub(super) fn create_offsets_topic(&mut self, serving: &mut Serving<'_, '_>) {
        let name: Arc<str> = OFFSETS_TOPIC.into();
        if !self.auto_topics.in_flight.insert(name.clone()) {
            return;
        }
        let settings = &self.config.offsets_topic;
        let config = |(name, value): (&'static str, String)| {
            let config = CreatableTopicConfig::default().with_name(StrBytes::from_static_str(name));
            config.with_value(Some(StrBytes::from_string(value)))
        };
        let configs = [
            ("compression.type", "producer".to_owned()),
            ("cleanup.policy", "compact".to_owned()),
            ("segment.bytes", settings.segment_bytes.to_string()),
        ];
        let topic = CreatableTopic::default()
            .with_name(TopicName(StrBytes::from_static_str(OFFSETS_TOPIC)))
            .with_num_partitions(settings.partitions)
            .with_replication_factor(settings.replication_factor)
            .with_configs(configs.into_iter().map(config).collect());
        let request = CreateTopicsRequest::default()
            .with_timeout_ms(self.config.request_timeout.as_millis() as i32)
            .with_topics(vec![topic]);
        // Nobody's name stands behind it, so it goes as it is and not in an Envelope.
        let body = RequestKind::CreateTopics(request);
        self.auto_topics.channel.enqueue(vec![name], ApiKey::CreateTopics, body, serving.ctx.now());
    }

    pub(super) fn auto_topics_input(&mut self, input: Input, serving: &mut Serving<'_, '_>) {
        let events = self.auto_topics.channel.handle(input, serving.ctx);
        self.auto_topics_events(events, serving);
    }

    pub(super) fn send_auto_topics(&mut self, serving: &mut Serving<'_, '_>) {
        let events = self.auto_topics.channel.poll(serving.leader, serving.ctx);
        self.auto_topics_events(events, serving);
    }

    /// Whatever the controller answered, the topic may be asked for again: if it is there, the metadata log says so.
    fn auto_topics_events(&mut self, events: Vec<ChannelEvent<Vec<Arc<str>>>>, serving: &mut Serving<'_, '_>) {
        for event in events {
            if let ChannelEvent::Answered(_, response) = &event
                && let ResponseKind::CreateTopics(answer) = &response.body
            {
                tell_refusals(answer, serving);
            }
            let (ChannelEvent::Answered(topics, _) | ChannelEvent::TimedOut(topics)) = event;
            self.auto_topics.in_flight.retain(|topic| !topics.contains(topic));
        }
    }
}

/// Tells the trace which topics the controller did not create. That another broker was faster is no refusal.
fn tell_refusals(answer: &CreateTopicsResponse, serving: &mut Serving<'_, '_>) {
    for topic in &answer.topics {
        let error = ErrorCode(topic.error_code);
        if error != ErrorCode::NONE && error != ErrorCode::TOPIC_ALREADY_EXISTS {
            serving.ctx.fact(Fact::TopicNotCreated {
                topic: (&**topic.name).into(),
                error,
                message: topic.error_message.as_deref().unwrap_or_default().to_owned(),
            });
        }
    }
}
