//! Groups: listed by every broker; described, changed and deleted by their coordinators.

mod delete;
mod describe;
mod offsets;

use super::driver::{LookedUp, named};
use super::{Admin, Call, Route, Step, Throwable, body, caught, check, text};
use crate::base::{SimDuration, SortedMap, SortedSet};
use crate::wire::messages::{FindCoordinatorRequest, GroupId, ListGroupsRequest, MetadataRequest};
use crate::wire::{ErrorCode, ResponseKind};

pub use offsets::CommittedOffset;

/// A group as a list has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupListing {
    /// Its id.
    pub group_id: String,
    /// Its protocol's type: `consumer` for consumer groups.
    pub protocol_type: String,
    /// Its state, such as `Stable`, if the broker says so.
    pub state: Option<String>,
    /// Its type, such as `Classic`, if the broker says so.
    pub kind: Option<String>,
}

/// Which groups to list.
#[derive(Clone, Debug, Default)]
pub struct GroupFilter {
    /// The protocol types that count; empty: all.
    pub protocol_types: Vec<String>,
    /// The states that count; empty: all.
    pub states: Vec<String>,
    /// The types that count; empty: all.
    pub kinds: Vec<String>,
}

/// A group as its coordinator describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDescription {
    /// Its id.
    pub group_id: String,
    /// Its state, such as `Stable`.
    pub state: String,
    /// The assignor or protocol in force; empty when there is none.
    pub assignor: String,
    /// Its members.
    pub members: Vec<GroupMember>,
    /// The coordinator's broker id.
    pub coordinator: i32,
    /// The group's epoch (KIP-848).
    pub group_epoch: Option<i32>,
    /// The epoch of the target assignment (KIP-848).
    pub assignment_epoch: Option<i32>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    /// Its member id.
    pub member_id: String,
    /// Its `group.instance.id`.
    pub instance_id: Option<String>,
    /// Its `client.id`.
    pub client_id: String,
    /// The host that it speaks from.
    pub host: String,
    /// The partitions that it owns.
    pub assignment: SortedSet<crate::base::TopicPartition>,
    /// The partitions that it shall own (KIP-848).
    pub target_assignment: Option<SortedSet<crate::base::TopicPartition>>,
    /// Its epoch (KIP-848).
    pub epoch: Option<i32>,
    /// Whether it speaks the consumer protocol in a group that also has classic members; none when not known.
    pub is_upgraded: Option<bool>,
}

impl Admin<'_, '_> {
    /// Every group that a broker coordinates, with a filter; a later broker's word on a group replaces an earlier one's
    /// (`listGroups`).
    ///
    /// # Errors
    /// What was thrown for the first broker that failed.
    pub fn list_groups(&mut self, filter: &GroupFilter, timeout: Option<SimDuration>) -> Step<Vec<GroupListing>> {
        let request = MetadataRequest::default().with_topics(Some(Vec::new())).with_allow_auto_topic_creation(true);
        let deadline = self.deadline(timeout);
        let call = Call::new("findAllBrokers", Route::LeastLoaded, request).until(deadline).checked(has_brokers);
        let response = match caught(self.call(call))? {
            Ok(response) => response,
            Err(why) => {
                let failed = Throwable::new(Throwable::KAFKA, "Failed to find brokers to send ListGroups");
                return Err(failed.caused_by(why).into());
            }
        };
        let brokers = &body!(Metadata, &response.body).brokers;
        let request = ListGroupsRequest::default()
            .with_states_filter(filter.states.iter().map(|state| text(state)).collect())
            .with_types_filter(filter.kinds.iter().map(|kind| text(kind)).collect());
        let since = match (filter.kinds.is_empty(), filter.states.is_empty()) {
            (false, _) => 5,
            (true, false) => 4,
            (true, true) => 0,
        };
        let call = |broker: &crate::wire::messages::metadata_response::MetadataResponseBroker| {
            let call = Call::new("listGroups", Route::Broker(broker.node_id.0), request.clone());
            call.since(since).until(deadline).checked(is_loaded)
        };
        let responses = self.call_all(brokers.iter().map(call).collect())?;
        let mut listings: Vec<GroupListing> = Vec::new();
        for (broker, response) in brokers.iter().zip(responses) {
            let listed = response.and_then(|response| listed(&response.body));
            for listing in listed.map_err(|why| listing_failed(broker, &why))? {
                let counts = filter.protocol_types.is_empty() || filter.protocol_types.contains(&listing.protocol_type);
                match listings.iter_mut().find(|known| known.group_id == listing.group_id) {
                    Some(known) if counts => *known = listing,
                    None if counts => listings.push(listing),
                    _ => {}
                }
            }
        }
        Ok(listings)
    }
}

/// `GroupState`.
const STATES: [&str; 8] =
    ["PreparingRebalance", "CompletingRebalance", "Stable", "Dead", "Empty", "Assigning", "Reconciling", "NotReady"];

/// `GroupType`.
const TYPES: [&str; 4] = ["Consumer", "Classic", "Share", "Streams"];

/// A name as the client spells it, whatever capitals the broker wrote.
fn name_among(names: &[&str], text: &str) -> String {
    names.iter().find(|name| name.eq_ignore_ascii_case(text)).unwrap_or(&"Unknown").to_string()
}

fn has_brokers(response: &ResponseKind) -> Result<(), Throwable> {
    match body!(Metadata, response).brokers.is_empty() {
        // StaleMetadataException is an InvalidMetadataException: it is tried again.
        true => {
            let message = "Metadata fetch failed due to missing broker list";
            Err(Throwable::of(ErrorCode::LEADER_NOT_AVAILABLE, Some(message)))
        }
        false => Ok(()),
    }
}

/// A coordinator that is loading has to be asked again.
fn is_loaded(response: &ResponseKind) -> Result<(), Throwable> {
    match ErrorCode(body!(ListGroups, response).error_code) {
        error @ (ErrorCode::COORDINATOR_LOAD_IN_PROGRESS | ErrorCode::COORDINATOR_NOT_AVAILABLE) => {
            Err(Throwable::of(error, None))
        }
        _ => Ok(()),
    }
}

fn listed(response: &ResponseKind) -> Result<Vec<GroupListing>, Throwable> {
    let response = body!(ListGroups, response);
    check(response.error_code, None)?;
    let named = |names: &[&str], text: &str| (!text.is_empty()).then(|| name_among(names, text));
    let listing = |group: &crate::wire::messages::list_groups_response::ListedGroup| GroupListing {
        group_id: group.group_id.to_string(),
        protocol_type: group.protocol_type.to_string(),
        state: named(&STATES, &group.group_state),
        kind: named(&TYPES, &group.group_type),
    };
    Ok(response.groups.iter().map(listing).collect())
}

fn listing_failed(
    broker: &crate::wire::messages::metadata_response::MetadataResponseBroker,
    why: &Throwable,
) -> Throwable {
    let rack = broker.rack.as_ref().map_or("null", |rack| rack);
    let node = format!("{}:{} (id: {} rack: {rack} isFenced: false)", &*broker.host, broker.port, broker.node_id.0);
    let message = format!("Error listing groups on {node}: {}", why.message());
    Throwable::of(why.error().unwrap_or(ErrorCode::UNKNOWN_SERVER_ERROR), Some(&message))
}

/// The request that finds groups' coordinators (`CoordinatorStrategy`).
fn coordinator_lookup(operation: &str, groups: &SortedSet<String>) -> Call {
    let request = FindCoordinatorRequest::default()
        .with_key_type(0)
        .with_coordinator_keys(groups.iter().map(|group| text(group)).collect());
    named(operation, Route::LeastLoaded, request).since(4)
}

fn coordinators(response: &ResponseKind) -> LookedUp<String> {
    let mut found = LookedUp { brokers: SortedMap::new(), failed: SortedMap::new() };
    for coordinator in &body!(FindCoordinator, response).coordinators {
        let group = coordinator.key.to_string();
        match ErrorCode(coordinator.error_code) {
            ErrorCode::NONE => {
                found.brokers.insert(group, coordinator.node_id.0);
            }
            ErrorCode::COORDINATOR_NOT_AVAILABLE | ErrorCode::COORDINATOR_LOAD_IN_PROGRESS => {}
            error => {
                let key = format!("CoordinatorKey(idValue='{group}', type=GROUP)");
                let what = match error {
                    ErrorCode::GROUP_AUTHORIZATION_FAILED => {
                        format!("FindCoordinator request for groupId `{key}` failed due to authorization failure")
                    }
                    _ => format!("FindCoordinator request for key `{key}` failed due to an unexpected error"),
                };
                found.failed.insert(group, Throwable::of(error, Some(&what)));
            }
        }
    }
    found
}

/// What a coordinator's error means for a group.
enum GroupError {
    /// It is still loading: it is asked again.
    Again,
    /// It is not the coordinator: another is looked for.
    Elsewhere,
    /// That is the answer.
    Failed(Throwable),
}

fn group_error(error: ErrorCode) -> GroupError {
    match error {
        ErrorCode::COORDINATOR_LOAD_IN_PROGRESS => GroupError::Again,
        ErrorCode::COORDINATOR_NOT_AVAILABLE | ErrorCode::NOT_COORDINATOR => GroupError::Elsewhere,
        error => GroupError::Failed(Throwable::of(error, None)),
    }
}

fn group_id(group: &str) -> GroupId {
    GroupId(text(group))
}
