//! What operators ask for: DescribeGroups, ListGroups, DeleteGroups. Groups are those of the committed log; what is inside
//! a group is told as it is.

use super::classic::{ClassicGroup, ClassicState};
use super::effect::{GroupResponse, RequestContext, Turn};
use super::offsets::offset_tombstone;
use super::shard::GroupShard;
use crate::wire::messages::delete_groups_response::DeletableGroupResult;
use crate::wire::messages::describe_groups_response::DescribedGroup;
use crate::wire::messages::list_groups_response::ListedGroup;
use crate::wire::messages::{GroupId, ListGroupsRequest};
use crate::wire::{ErrorCode, GroupRecord, StrBytes};

/// The state of a group that does not exist.
const DEAD: StrBytes = StrBytes::from_static_str("Dead");

/// The type of a classic group (KIP-848).
const CLASSIC: StrBytes = StrBytes::from_static_str("classic");

/// The first version of DescribeGroups that says of a group that it does not exist (KIP-1043).
const FIRST_VERSION_WITH_GROUP_ID_NOT_FOUND: i16 = 6;

impl GroupShard {
    /// Serves those groups of a DescribeGroups that are this shard's.
    pub fn describe_groups(&self, api_version: i16, group_ids: &[GroupId]) -> Vec<DescribedGroup> {
        let describe = |group_id: &GroupId| match self.timeline.committed().group(group_id) {
            Some(group) => described(self.timeline.group(group)),
            None => not_found(api_version, group_id),
        };
        group_ids.iter().map(describe).collect()
    }

    /// Serves a ListGroups, as far as this shard goes. Both filters take capitals as small letters; one that names nothing
    /// there is lets nothing pass.
    pub fn list_groups(&self, request: &ListGroupsRequest) -> Vec<ListedGroup> {
        let of_type = |kind: &StrBytes| kind.eq_ignore_ascii_case(&CLASSIC);
        if !request.types_filter.is_empty() && !request.types_filter.iter().any(of_type) {
            return Vec::new();
        }
        let passes = |group: &&ClassicGroup| {
            let in_state = |state: &StrBytes| state.trim().eq_ignore_ascii_case(group.state().name());
            request.states_filter.is_empty() || request.states_filter.iter().any(in_state)
        };
        let groups = self.timeline.committed().groups().map(|(_, group)| self.timeline.group(group));
        groups.filter(passes).map(listed).collect()
    }

    /// Serves those groups of a DeleteGroups that are this shard's. Only groups without members can be deleted, and their
    /// offsets go with them.
    pub fn delete_groups(&mut self, turn: &mut Turn<'_>, context: &RequestContext, group_ids: &[GroupId]) {
        let mut records = Vec::new();
        let mut results = Vec::new();
        for group_id in group_ids {
            let error = self.delete_group(group_id, &mut records).err().unwrap_or(ErrorCode::NONE);
            results.push(DeletableGroupResult::default().with_group_id(group_id.clone()).with_error_code(error.0));
        }
        self.append_and_respond(turn, records, context.token, GroupResponse::DeleteGroups(results));
    }

    fn delete_group(&self, group_id: &GroupId, records: &mut Vec<GroupRecord>) -> Result<(), ErrorCode> {
        let known = self.timeline.now();
        let group = known.group(group_id).ok_or(ErrorCode::GROUP_ID_NOT_FOUND)?;
        let group = self.timeline.group(group);
        if group.state() != ClassicState::Empty {
            return Err(ErrorCode::NON_EMPTY_GROUP);
        }
        for (topic, partitions) in known.offsets.of_group(group_id).into_iter().flatten() {
            records.extend(partitions.keys().map(|index| offset_tombstone(group_id, topic, *index)));
        }
        records.push(group.tombstone());
        Ok(())
    }
}

fn described(group: &ClassicGroup) -> DescribedGroup {
    // Before the assignment is there, neither the protocol nor what the members say of it is told.
    let protocol = group.protocol_name().filter(|_| group.state() == ClassicState::Stable);
    DescribedGroup::default()
        .with_group_id(GroupId(group.group_id().clone()))
        .with_group_state(StrBytes::from_static_str(group.state().name()))
        .with_protocol_type(group.protocol_type().cloned().unwrap_or_default())
        .with_protocol_data(protocol.cloned().unwrap_or_default())
        .with_members(group.members().map(|member| member.describe(protocol)).collect())
}

fn not_found(api_version: i16, group_id: &GroupId) -> DescribedGroup {
    let group = DescribedGroup::default().with_group_id(group_id.clone()).with_group_state(DEAD);
    if api_version < FIRST_VERSION_WITH_GROUP_ID_NOT_FOUND {
        return group;
    }
    let message = StrBytes::from_string(format!("Group {} not found.", group_id.as_str()));
    group.with_error_code(ErrorCode::GROUP_ID_NOT_FOUND.0).with_error_message(Some(message))
}

fn listed(group: &ClassicGroup) -> ListedGroup {
    ListedGroup::default()
        .with_group_id(GroupId(group.group_id().clone()))
        .with_protocol_type(group.protocol_type().cloned().unwrap_or_default())
        .with_group_state(StrBytes::from_static_str(group.state().name()))
        .with_group_type(CLASSIC)
}
