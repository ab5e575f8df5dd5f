//! Partition reassignments that are under way: listPartitionReassignments.

use super::{Admin, Call, Route, Step, body, check, topic_name};
use crate::base::{SortedMap, TopicPartition};
use crate::wire::messages::ListPartitionReassignmentsRequest;
use crate::wire::messages::list_partition_reassignments_request::ListPartitionReassignmentsTopics;
use crate::wire::{ErrorCode, RequestKind};

/// A reassignment that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reassignment {
    /// All replicas.
    pub replicas: Vec<i32>,
    /// Those that are being added.
    pub adding: Vec<i32>,
    /// Those that are being removed.
    pub removing: Vec<i32>,
}

impl Admin<'_, '_> {
    /// The reassignments of these partitions that are under way (`listPartitionReassignments`).
    ///
    /// # Errors
    /// What the call throws.
    pub fn list_partition_reassignments(
        &mut self,
        partitions: &[TopicPartition],
    ) -> Step<SortedMap<TopicPartition, Reassignment>> {
        let mut topics: Vec<ListPartitionReassignmentsTopics> = Vec::new();
        for tp in partitions {
            match topics.iter_mut().find(|topic| **topic.name == *tp.topic) {
                Some(topic) => topic.partition_indexes.push(tp.partition),
                None => topics.push(
                    ListPartitionReassignmentsTopics::default()
                        .with_name(topic_name(&tp.topic))
                        .with_partition_indexes(vec![tp.partition]),
                ),
            }
        }
        let request = ListPartitionReassignmentsRequest::default().with_topics(Some(topics));
        let call = Call::new("listPartitionReassignments", Route::Controller, request)
            .timed(|request, timeout_ms| match request {
                RequestKind::ListPartitionReassignments(request) => request.with_timeout_ms(timeout_ms).into(),
                other => other,
            })
            .checked(|response| match body!(ListPartitionReassignments, response).error_code {
                code if code == ErrorCode::NOT_CONTROLLER.0 => check(code, None),
                _ => Ok(()),
            });
        let response = self.call(call)?;
        let response = body!(ListPartitionReassignments, &response.body);
        check(response.error_code, response.error_message.as_ref())?;
        let numbers = |ids: &[crate::wire::BrokerId]| ids.iter().map(|id| id.0).collect::<Vec<i32>>();
        let mut found = SortedMap::new();
        for topic in &response.topics {
            for p in &topic.partitions {
                let reassignment = Reassignment {
                    replicas: numbers(&p.replicas),
                    adding: numbers(&p.adding_replicas),
                    removing: numbers(&p.removing_replicas),
                };
                found.insert(TopicPartition::new(&**topic.name, p.partition_index), reassignment);
            }
        }
        Ok(found)
    }
}
