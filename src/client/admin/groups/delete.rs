//! deleteConsumerGroups.

use super::super::driver::{Answered, Handler, LookedUp, named};
use super::super::{Admin, Call, Route, Step, Throwable, body};
use super::{GroupError, coordinator_lookup, coordinators, group_error, group_id};
use crate::base::{SimDuration, SortedMap, SortedSet};
use crate::network::NodeId;
use crate::wire::messages::DeleteGroupsRequest;
use crate::wire::{ErrorCode, ResponseKind};

impl Admin<'_, '_> {
    /// Deletes groups without members, each by itself (`deleteConsumerGroups`).
    ///
    /// # Errors
    /// Only [`super::super::Stop::Pending`].
    pub fn delete_consumer_groups(
        &mut self,
        groups: &[String],
        timeout: Option<SimDuration>,
    ) -> Step<SortedMap<String, Result<(), Throwable>>> {
        self.drive(&mut DeleteGroups, groups.iter().cloned().collect(), &SortedMap::new(), timeout)
    }
}

struct DeleteGroups;

impl Handler for DeleteGroups {
    type Key = String;
    type Value = ();

    const NAME: &'static str = "deleteConsumerGroups";

    fn lookup(&self, keys: &SortedSet<String>) -> Call {
        coordinator_lookup(Self::NAME, keys)
    }

    fn looked_up(&mut self, _: &SortedSet<String>, response: &ResponseKind) -> LookedUp<String> {
        coordinators(response)
    }

    fn request(&self, broker: NodeId, keys: &SortedSet<String>) -> (Call, SortedSet<String>) {
        let request = DeleteGroupsRequest::default().with_groups_names(keys.iter().map(|g| group_id(g)).collect());
        (named(Self::NAME, Route::Broker(broker), request), keys.clone())
    }

    fn answered(&mut self, _: NodeId, _: &SortedSet<String>, response: &ResponseKind) -> Answered<Self> {
        let mut answered: Answered<Self> = Answered { done: SortedMap::new(), unmapped: SortedSet::new() };
        for result in &body!(DeleteGroups, response).results {
            let group = result.group_id.to_string();
            match ErrorCode(result.error_code) {
                ErrorCode::NONE => {
                    answered.done.insert(group, Ok(()));
                }
                error => match group_error(error) {
                    GroupError::Again => {}
                    GroupError::Elsewhere => {
                        answered.unmapped.insert(group);
                    }
                    GroupError::Failed(why) => {
                        answered.done.insert(group, Err(why));
                    }
                },
            }
        }
        answered
    }
}
