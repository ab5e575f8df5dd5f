//! FindCoordinator: which broker coordinates a group. Asking for the first one creates `__consumer_offsets`.

use super::coordinators::OFFSETS_TOPIC;
use super::{Broker, Served, Serving};
use crate::base::uuid_from_text;
use crate::network::Pending;
use crate::wire::messages::find_coordinator_response::Coordinator;
use crate::wire::messages::{FindCoordinatorRequest, FindCoordinatorResponse};
use crate::wire::{BrokerId, ErrorCode, ResponseKind, StrBytes};

/// The first version that asks for several coordinators.
const FIRST_WITH_KEYS: i16 = 4;

/// The first version that knows share groups (KIP-932).
const FIRST_WITH_SHARE_GROUPS: i16 = 6;

/// What a key is.
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
const SHARE: i8 = 2;

/// Why nobody coordinates transactions. The error that goes with it is one after which clients give up, where Kafka's
/// COORDINATOR_NOT_AVAILABLE would let them ask until their time is up.
const NO_TRANSACTIONS: &str = "Transactions are not built yet: no broker coordinates them.";

/// Why nobody coordinates share groups.
const NO_SHARE_GROUPS: &str = "Share groups are not built yet: no broker coordinates them.";

/// Whether a key is that of a share group's partition: group, topic id and partition, with colons between them
/// (`SharePartitionKey`).
fn is_share_key(key: &str) -> bool {
    let mut parts = key.rsplitn(3, ':');
    let partition = parts.next().is_some_and(|partition| partition.parse::<i32>().is_ok());
    let topic = parts.next().is_some_and(|id| uuid_from_text(id).is_ok());
    partition && topic && parts.next().is_some_and(|group| !group.is_empty())
}

/// A coordinator: its id, host and port.
type Found = (i32, StrBytes, i32);

/// No coordinator, and what is to be said of it beside the error.
type NotFound = (ErrorCode, Option<&'static str>);

impl Broker {
    pub(super) fn find_coordinator(
        &mut self,
        pending: &Pending,
        body: &FindCoordinatorRequest,
        serving: &mut Serving<'_, '_>,
    ) -> Served {
        let kind = if pending.version == 0 { GROUP } else { body.key_type };
        let answer = FindCoordinatorResponse::default();
        if pending.version >= FIRST_WITH_KEYS {
            let keys = body.coordinator_keys.iter();
            let coordinators = keys.map(|key| {
                let is_asked_for = Coordinator::default().with_key(key.clone());
                match self.coordinator_of(kind, key, pending.version, serving) {
                    Ok((id, host, port)) => is_asked_for.with_node_id(BrokerId(id)).with_host(host).with_port(port),
                    Err((error, message)) => is_asked_for
                        .with_error_code(error.0)
                        .with_error_message(Some(StrBytes::from_static_str(message.unwrap_or_default())))
                        .with_node_id(BrokerId(-1))
                        .with_port(-1),
                }
            });
            let answer = answer.with_coordinators(coordinators.collect());
            return Served::Now(ResponseKind::FindCoordinator(answer));
        }
        let answer = match self.coordinator_of(kind, &body.key, pending.version, serving) {
            // In these versions there is a message even then.
            Ok((id, host, port)) => answer
                .with_error_message(Some(StrBytes::from_static_str("NONE")))
                .with_node_id(BrokerId(id))
                .with_host(host)
                .with_port(port),
            Err((error, message)) => {
                let message = message.map_or_else(|| error.message().to_owned(), str::to_owned);
                answer
                    .with_error_code(error.0)
                    .with_error_message(Some(StrBytes::from_string(message)))
                    .with_node_id(BrokerId(-1))
                    .with_port(-1)
            }
        };
        Served::Now(ResponseKind::FindCoordinator(answer))
    }

    fn coordinator_of(
        &mut self,
        kind: i8,
        key: &StrBytes,
        version: i16,
        serving: &mut Serving<'_, '_>,
    ) -> Result<Found, NotFound> {
        match kind {
            GROUP => {}
            TRANSACTION => return Err((ErrorCode::UNSUPPORTED_VERSION, Some(NO_TRANSACTIONS))),
            SHARE if version >= FIRST_WITH_SHARE_GROUPS && is_share_key(key) => {
                return Err((ErrorCode::UNSUPPORTED_VERSION, Some(NO_SHARE_GROUPS)));
            }
            SHARE => return Err((ErrorCode::INVALID_REQUEST, None)),
            _ => return Err((ErrorCode::INVALID_REQUEST, Some(ErrorCode::INVALID_REQUEST.message()))),
        }
        let unavailable = (ErrorCode::COORDINATOR_NOT_AVAILABLE, None);
        let Some(topic) = self.metadata.topics().by_name(OFFSETS_TOPIC) else {
            self.create_offsets_topic(serving);
            return Err(unavailable);
        };
        let leader = topic.partitions.get(&self.partition_of_group(key)).map(|partition| partition.leader);
        let broker = leader.and_then(|leader| self.metadata.brokers().registration(leader));
        let broker = broker.filter(|broker| !broker.fenced).ok_or(unavailable)?;
        let listener = broker.endpoints.first().ok_or(unavailable)?;
        Ok((broker.id, listener.host.clone(), i32::from(listener.port)))
    }
}
