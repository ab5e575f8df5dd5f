//! deleteConsumerGroups.

use super::super::driver::{Answered, Handler, LookedUp, named};
use super::super::{Admin, Call, Route, Step, Throwable, body};
use super::{GroupError, coordinator_lookup, coordinators, group_error, group_id};
use crate::base::SimDuration;
use crate::network::NodeId;
use crate::wire::messages::DeleteGroupsRequest;
use crate::wire::{ErrorCode, ResponseKind};
use std::collections::{BTreeMap, BTreeSet};

impl Admin<'_, '_> {
    /// Deletes groups without members, each by itself (`deleteConsumerGroups`).
    ///
    /// # Errors
    /// Only [`super::super::Stop::Pending`].
    pub fn delete_consumer_groups(
        &mut self,
        groups: &[String],
        timeout: Option<SimDuration>,
    ) -> Step<BTreeMap<String, Result<(), Throwable>>> {
        self.drive(&mut DeleteGroups, groups.iter().cloned().collect(), &BTreeMap::new(), timeout)
    }
}

struct DeleteGroups;

impl Handler for DeleteGroups {
    type Key = String;
    type Value = ();

    const NAME: &'static str = "deleteConsumerGroups";

    fn lookup(&self, keys: &BTreeSet<String>) -> Call {
        coordinator_lookup(Self::NAME, keys)
    }

    fn looked_up(&mut self, _: &BTreeSet<String>, response: &ResponseKind) -> LookedUp<String> {
        coordinators(response)
    }

    fn request(&self, broker: NodeId, keys: &BTreeSet<String>) -> (Call, BTreeSet<String>) {
        let request = DeleteGroupsRequest::default().with_groups_names(keys.iter().map(|g| group_id(g)).collect());
        (named(Self::NAME, Route::Broker(broker), request), keys.clone())
    }

    fn answered(&mut self, _: NodeId, _: &BTreeSet<String>, response: &ResponseKind) -> Answered<Self> {
        let mut answered: Answered<Self> = Answered { done: BTreeMap::new(), unmapped: BTreeSet::new() };
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
