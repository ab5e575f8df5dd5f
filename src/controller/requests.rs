//! What a controller's listener serves (`ControllerApis`).

use super::{Node, QuorumController};
use crate::base::ConnId;
use crate::cluster::{ApiError, Outcome};
use crate::network::{Pending, envelope};
use crate::quorum::RaftManager;
use crate::wire::messages::{
    AllocateProducerIdsResponse, AlterPartitionResponse, BrokerHeartbeatRequest, BrokerHeartbeatResponse,
    BrokerRegistrationRequest, BrokerRegistrationResponse, ControllerRegistrationRequest,
    ControllerRegistrationResponse, EnvelopeResponse, UnregisterBrokerResponse,
};
use crate::wire::metadata_records::{ControllerEndpoint, ControllerFeature, RegisterControllerRecord};
use crate::wire::{
    ApiKey, CONTROLLER_APIS, ErrorCode, Request, RequestKind, ResponseKind, StrBytes, VersionedRecord, error_response,
};

/// What an operation of the active controller comes to, as a response.
type Done = Result<Outcome<ResponseKind>, ApiError>;

impl QuorumController {
    /// Serves what has queued on a connection, until it is muted or empty.
    pub(super) fn drain(&mut self, conn: ConnId, node: &mut Node<'_, '_>) {
        while let Ok(Some(request)) = self.server.next(conn, node.ctx) {
            let pending = Pending::new(conn, &request);
            self.serve(pending, &request, node);
        }
    }

    /// Answers for its replica, and serves what queued behind.
    pub fn respond(&mut self, pending: &Pending, body: ResponseKind, node: &mut Node<'_, '_>) {
        self.server.respond(pending, body, node.ctx);
        self.drain(pending.conn, node);
    }

    fn serve(&mut self, pending: Pending, request: &Request, node: &mut Node<'_, '_>) {
        match &request.body {
            RequestKind::ApiVersions(body) => {
                let features = self.committed.features();
                let epoch = self.next_offset - 1;
                let answer = features.api_versions(CONTROLLER_APIS, request.version, body, epoch);
                self.server.respond(&pending, ResponseKind::ApiVersions(answer), node.ctx);
            }
            RequestKind::Envelope(body) => match envelope::open(&pending, body, CONTROLLER_APIS) {
                Ok((inner, request)) => self.serve(inner, &request, node),
                Err(error) => {
                    let refused = EnvelopeResponse::default().with_response_data(None).with_error_code(error.0);
                    self.server.respond(&pending, ResponseKind::Envelope(refused), node.ctx);
                }
            },
            body if RaftManager::serves(body) => node.raft.request(pending, request, node.ctx, node.events),
            body => match self.operate(body, request.version, node) {
                Ok(outcome) => self.finish(pending, outcome, node),
                Err(error) => {
                    let refused = error_response(body, request.version, error.error, error.message.as_deref());
                    self.server.respond(&pending, refused, node.ctx);
                }
            },
        }
    }

    /// Carries out an operation on the state with what is not committed yet.
    fn operate(&mut self, body: &RequestKind, version: i16, node: &mut Node<'_, '_>) -> Done {
        let now = node.ctx.now();
        let active = self.active.as_mut().ok_or(ErrorCode::NOT_CONTROLLER)?;
        let state = &active.state;
        match body {
            RequestKind::BrokerRegistration(body) => self.register_broker(body, node),
            RequestKind::BrokerHeartbeat(body) => self.heartbeat(body, node),
            RequestKind::ControllerRegistration(body) => Ok(register_controller(body)),
            RequestKind::AlterPartition(body) => Ok(map(state.alter_partition(body)?, ResponseKind::AlterPartition)),
            RequestKind::AllocateProducerIds(body) => {
                let Outcome { records, response } = state.allocate_producer_ids(body.broker_id.0, body.broker_epoch)?;
                let answer = AllocateProducerIdsResponse::default()
                    .with_producer_id_start(response.into())
                    .with_producer_id_len(crate::cluster::PRODUCER_ID_BLOCK_SIZE);
                Ok(Outcome { records, response: ResponseKind::AllocateProducerIds(answer) })
            }
            RequestKind::CreateTopics(body) => {
                Ok(map(state.create_topics(body, node.ctx.rng()), ResponseKind::CreateTopics))
            }
            RequestKind::DeleteTopics(body) => Ok(map(state.delete_topics(body, version)?, ResponseKind::DeleteTopics)),
            RequestKind::CreatePartitions(body) => {
                Ok(map(state.create_partitions(body, node.ctx.rng()), ResponseKind::CreatePartitions))
            }
            RequestKind::ElectLeaders(body) => Ok(map(state.elect_leaders(body)?, ResponseKind::ElectLeaders)),
            RequestKind::AlterConfigs(body) => Ok(map(state.alter_configs(body), ResponseKind::AlterConfigs)),
            RequestKind::IncrementalAlterConfigs(body) => {
                Ok(map(state.incremental_alter_configs(body), ResponseKind::IncrementalAlterConfigs))
            }
            RequestKind::ListPartitionReassignments(body) => {
                let ongoing = state.list_partition_reassignments(body);
                Ok(Outcome::unchanged(ResponseKind::ListPartitionReassignments(ongoing)))
            }
            RequestKind::UpdateFeatures(body) => Ok(map(state.update_features(body), ResponseKind::UpdateFeatures)),
            RequestKind::UnregisterBroker(body) => {
                let outcome = state.unregister_broker(body.broker_id.0)?;
                active.heartbeats.remove(body.broker_id.0);
                let answer = UnregisterBrokerResponse::default().with_error_message(None);
                Ok(map(outcome, |()| ResponseKind::UnregisterBroker(answer)))
            }
            other => unreachable!("the listener serves no such API at {now}: {other:?}"),
        }
    }

    fn register_broker(&mut self, body: &BrokerRegistrationRequest, node: &mut Node<'_, '_>) -> Done {
        let now = node.ctx.now();
        let active = self.active.as_mut().ok_or(ErrorCode::NOT_CONTROLLER)?;
        let outcome = active.state.register_broker(body, &active.heartbeats, active.next_write_offset, now)?;
        active.heartbeats.register(body.broker_id.0, outcome.response, true, now);
        let answer = |epoch| BrokerRegistrationResponse::default().with_broker_epoch(epoch);
        Ok(map(outcome, |epoch| ResponseKind::BrokerRegistration(answer(epoch))))
    }

    fn heartbeat(&mut self, body: &BrokerHeartbeatRequest, node: &mut Node<'_, '_>) -> Done {
        let now = node.ctx.now();
        let active = self.active.as_mut().ok_or(ErrorCode::NOT_CONTROLLER)?;
        let outcome = active.state.process_heartbeat(body, &mut active.heartbeats, now)?;
        let reply = outcome.response;
        if reply.in_controlled_shutdown {
            let last = active.next_write_offset + outcome.records.len() as i64 - 1;
            active.heartbeats.set_shutdown_offset(body.broker_id.0, last);
        }
        let answer = BrokerHeartbeatResponse::default()
            .with_is_caught_up(reply.is_caught_up)
            .with_is_fenced(reply.is_fenced)
            .with_should_shut_down(reply.should_shut_down);
        Ok(map(outcome, |_| ResponseKind::BrokerHeartbeat(answer)))
    }
}

fn register_controller(body: &ControllerRegistrationRequest) -> Outcome<ResponseKind> {
    let endpoint = |listener: &crate::wire::messages::controller_registration_request::Listener| ControllerEndpoint {
        name: listener.name.clone(),
        host: listener.host.clone(),
        port: listener.port,
        security_protocol: listener.security_protocol,
    };
    let feature = |feature: &crate::wire::messages::controller_registration_request::Feature| ControllerFeature {
        name: feature.name.clone(),
        min_supported_version: feature.min_supported_version,
        max_supported_version: feature.max_supported_version,
    };
    let record = RegisterControllerRecord {
        controller_id: body.controller_id,
        incarnation_id: body.incarnation_id,
        zk_migration_ready: body.zk_migration_ready,
        end_points: body.listeners.iter().map(endpoint).collect(),
        features: body.features.iter().map(feature).collect(),
    };
    let answer = ControllerRegistrationResponse::default().with_error_message(Some(StrBytes::from_static_str("")));
    Outcome { records: vec![VersionedRecord::new(record, 0)], response: ResponseKind::ControllerRegistration(answer) }
}

fn map<T>(outcome: Outcome<T>, body: impl FnOnce(T) -> ResponseKind) -> Outcome<ResponseKind> {
    Outcome { records: outcome.records, response: body(outcome.response) }
}

/// What a request is answered whose records were not committed before the controller lost its leadership: in place of
/// the answer that it would have had.
pub(super) fn not_controller(pending: &Pending, answer: &ResponseKind) -> ResponseKind {
    let error = ErrorCode::NOT_CONTROLLER.0;
    match answer.clone() {
        ResponseKind::BrokerRegistration(_) => {
            ResponseKind::BrokerRegistration(BrokerRegistrationResponse::default().with_error_code(error))
        }
        ResponseKind::BrokerHeartbeat(_) => {
            ResponseKind::BrokerHeartbeat(BrokerHeartbeatResponse::default().with_error_code(error))
        }
        ResponseKind::AlterPartition(_) => {
            ResponseKind::AlterPartition(AlterPartitionResponse::default().with_error_code(error))
        }
        ResponseKind::AllocateProducerIds(_) => {
            ResponseKind::AllocateProducerIds(AllocateProducerIdsResponse::default().with_error_code(error))
        }
        ResponseKind::ControllerRegistration(_) => {
            ResponseKind::ControllerRegistration(ControllerRegistrationResponse::default().with_error_code(error))
        }
        ResponseKind::UnregisterBroker(_) => {
            ResponseKind::UnregisterBroker(UnregisterBrokerResponse::default().with_error_code(error))
        }
        other => with_error(other, pending.api, error),
    }
}

/// An answer with an error for each topic or resource, all of them `error`.
fn with_error(mut answer: ResponseKind, api: ApiKey, error: i16) -> ResponseKind {
    match &mut answer {
        ResponseKind::CreateTopics(body) => body.topics.iter_mut().for_each(|topic| topic.error_code = error),
        ResponseKind::DeleteTopics(body) => body.responses.iter_mut().for_each(|topic| topic.error_code = error),
        ResponseKind::CreatePartitions(body) => body.results.iter_mut().for_each(|topic| topic.error_code = error),
        ResponseKind::ElectLeaders(body) => body.error_code = error,
        ResponseKind::AlterConfigs(body) => body.responses.iter_mut().for_each(|r| r.error_code = error),
        ResponseKind::IncrementalAlterConfigs(body) => body.responses.iter_mut().for_each(|r| r.error_code = error),
        ResponseKind::UpdateFeatures(body) => body.error_code = error,
        other => unreachable!("no operation of {api:?} waits for records: {other:?}"),
    }
    answer
}
