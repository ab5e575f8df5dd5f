//! Elections of partition leaders: electLeaders.

use super::{Admin, Call, Route, Step, Throwable, body, check, thrown, topic_name};
use crate::base::TopicPartition;
use crate::wire::RequestKind;
use crate::wire::messages::ElectLeadersRequest;
use crate::wire::messages::elect_leaders_request::TopicPartitions;

/// The kind of election.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElectionType {
    /// The first replica becomes leader, if it is in sync.
    Preferred,
    /// A replica becomes leader that may lack acknowledged records.
    Unclean,
}

/// As Java prints it.
impl std::fmt::Display for ElectionType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Preferred => "PREFERRED",
            Self::Unclean => "UNCLEAN",
        })
    }
}

impl Admin<'_, '_> {
    /// Elects leaders for these partitions, or for all that can have one elected; each with its failure, if it failed,
    /// in the order of the response (`electLeaders`).
    ///
    /// # Errors
    /// What the call throws.
    pub fn elect_leaders(
        &mut self,
        kind: ElectionType,
        partitions: Option<&[TopicPartition]>,
    ) -> Step<Vec<(TopicPartition, Option<Throwable>)>> {
        let topics = partitions.map(|partitions| {
            let mut topics: Vec<TopicPartitions> = Vec::new();
            for tp in partitions {
                match topics.iter_mut().find(|topic| **topic.topic == *tp.topic) {
                    Some(topic) => topic.partitions.push(tp.partition),
                    None => topics.push(
                        TopicPartitions::default()
                            .with_topic(topic_name(&tp.topic))
                            .with_partitions(vec![tp.partition]),
                    ),
                }
            }
            topics
        });
        let (election, since) = match kind {
            ElectionType::Preferred => (0, 0),
            ElectionType::Unclean => (1, 1),
        };
        let request = ElectLeadersRequest::default().with_election_type(election).with_topic_partitions(topics);
        let call =
            Call::new("electLeaders", Route::Controller, request).since(since).timed(
                |request, timeout_ms| match request {
                    RequestKind::ElectLeaders(request) => request.with_timeout_ms(timeout_ms).into(),
                    other => other,
                },
            );
        let response = self.call(call)?;
        let response = body!(ElectLeaders, &response.body);
        check(response.error_code, None)?;
        let mut elected = Vec::new();
        for topic in &response.replica_election_results {
            for p in &topic.partition_result {
                let tp = TopicPartition::new(&**topic.topic, p.partition_id);
                elected.push((tp, thrown(p.error_code, p.error_message.as_ref())));
            }
        }
        Ok(elected)
    }
}
