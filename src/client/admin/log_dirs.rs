//! Brokers' log directories: describeLogDirs.

use super::{Admin, Call, Route, Step, Throwable, body, thrown};
use crate::base::TopicPartition;
use crate::wire::ErrorCode;
use crate::wire::messages::DescribeLogDirsRequest;

/// A log directory of a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogDir {
    /// Its path.
    pub path: String,
    /// What is wrong with it, if something is.
    pub error: Option<Throwable>,
    /// The replicas in it.
    pub replicas: Vec<LogDirReplica>,
}

/// A replica in a log directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogDirReplica {
    /// The partition.
    pub partition: TopicPartition,
    /// Its log's size in bytes.
    pub size: i64,
    /// How far it is behind the high watermark, or a future replica behind the current one.
    pub offset_lag: i64,
    /// Whether it will take the current one's place (KIP-113).
    pub is_future: bool,
}

impl Admin<'_, '_> {
    /// The log directories of these brokers, one broker after the other (`describeLogDirs`).
    ///
    /// # Errors
    /// What was thrown for the first broker that failed.
    pub fn describe_log_dirs(&mut self, brokers: &[i32]) -> Step<Vec<(i32, Vec<LogDir>)>> {
        let request = DescribeLogDirsRequest::default().with_topics(None);
        let call = |broker: &i32| Call::new("describeLogDirs", Route::Broker(*broker), request.clone());
        let responses = self.call_all(brokers.iter().map(call).collect())?;
        let mut described = Vec::new();
        for (broker, response) in brokers.iter().zip(responses) {
            let response = response?;
            let response = body!(DescribeLogDirs, &response.body);
            if response.results.is_empty() {
                // Before version 3 there was no error code: no directory at all meant that one may not see them.
                let why = thrown(response.error_code, None);
                let unauthorized = || Throwable::of(ErrorCode::CLUSTER_AUTHORIZATION_FAILED, None);
                return Err(why.unwrap_or_else(unauthorized).into());
            }
            described.push((*broker, response.results.iter().map(log_dir).collect()));
        }
        Ok(described)
    }
}

fn log_dir(result: &crate::wire::messages::describe_log_dirs_response::DescribeLogDirsResult) -> LogDir {
    let mut replicas = Vec::new();
    for topic in &result.topics {
        replicas.extend(topic.partitions.iter().map(|p| LogDirReplica {
            partition: TopicPartition::new(&**topic.name, p.partition_index),
            size: p.partition_size,
            offset_lag: p.offset_lag,
            is_future: p.is_future_key,
        }));
    }
    LogDir { path: result.log_dir.to_string(), error: thrown(result.error_code, None), replicas }
}
