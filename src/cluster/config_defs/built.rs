//! Which of Kafka's configs change something here. The others are known, checked and kept, and change nothing; whoever
//! sets one or looks at one is told so.

/// The broker configs that change something here, with what they mean.
const BUILT_BROKER_CONFIGS: &[(&str, &str)] = &[
    ("auto.create.topics.enable", "Asking for a topic that does not exist creates it, if the client allows that."),
    ("auto.leader.rebalance.enable", "The controller gives leadership back to preferred replicas by itself."),
    ("broker.heartbeat.interval.ms", "How often a broker tells the controller that it lives."),
    ("broker.rack", "Where the broker stands. Replicas of a partition are spread over racks."),
    ("broker.session.timeout.ms", "A broker that the controller has not heard of for so long is fenced."),
    ("connections.max.idle.ms", "A connection on which nothing has happened for so long is closed."),
    (
        "controller.quorum.append.linger.ms",
        "How long the active controller gathers metadata records before it writes them.",
    ),
    (
        "controller.quorum.election.backoff.max.ms",
        "The longest that a candidate which lost waits before it stands again.",
    ),
    ("controller.quorum.election.timeout.ms", "How long a controller waits for votes before it begins a new election."),
    (
        "controller.quorum.fetch.timeout.ms",
        "A voter that could not fetch from the active controller for so long stands for election.",
    ),
    ("controller.quorum.request.timeout.ms", "How long a controller waits for another's answer."),
    ("controller.quorum.retry.backoff.ms", "The pause before a request between controllers is tried again."),
    ("default.replication.factor", "How many replicas a new topic has that does not say."),
    ("delete.topic.enable", "Topics may be deleted."),
    ("fetch.max.bytes", "A broker answers one fetch with no more than this, but for a first batch that is larger."),
    ("group.coordinator.append.linger.ms", "How long a coordinator gathers what it writes to __consumer_offsets."),
    ("group.initial.rebalance.delay.ms", "How long an empty group waits for more members after its first one."),
    ("group.max.session.timeout.ms", "The longest session timeout that a member may ask for."),
    ("group.max.size", "How many members a group may have."),
    ("group.min.session.timeout.ms", "The shortest session timeout that a member may ask for."),
    (
        "initial.broker.registration.timeout.ms",
        "A broker that could not register for so long after its start gives up.",
    ),
    (
        "leader.imbalance.check.interval.seconds",
        "How often the controller looks for partitions that their preferred replica does not lead.",
    ),
    ("log.flush.interval.messages", "After so many records a log is written through to the disk."),
    ("log.flush.interval.ms", "After so long a log is written through to the disk."),
    ("log.flush.offset.checkpoint.interval.ms", "How often a broker notes up to where its logs need no recovery."),
    ("log.flush.scheduler.interval.ms", "How often a broker looks for logs that are due to be written through."),
    ("log.flush.start.offset.checkpoint.interval.ms", "How often a broker notes where its logs start."),
    ("log.index.interval.bytes", "An offset index has an entry for every so many bytes."),
    ("log.index.size.max.bytes", "A segment whose index has grown to this is rolled."),
    ("log.roll.hours", "A segment older than this is rolled."),
    ("log.roll.ms", "A segment older than this is rolled; goes before log.roll.hours."),
    ("log.segment.bytes", "A segment that would grow beyond this is rolled."),
    ("max.incremental.fetch.session.cache.slots", "How many fetch sessions a broker keeps."),
    ("message.max.bytes", "The largest record batch that a broker takes."),
    (
        "metadata.log.max.record.bytes.between.snapshots",
        "After so many bytes of metadata records a node takes a snapshot.",
    ),
    ("metadata.log.max.snapshot.interval.ms", "After so long a node takes a snapshot of the metadata."),
    ("metadata.max.idle.interval.ms", "An idle active controller writes a record this often, to show that it lives."),
    (
        "min.insync.replicas",
        "With acks=all a write is refused while fewer replicas are in sync; the high watermark waits, too.",
    ),
    ("num.partitions", "How many partitions a new topic has that does not say."),
    ("offset.metadata.max.bytes", "How long the text may be that comes with a committed offset."),
    ("offsets.commit.timeout.ms", "How long a commit waits for the replicas of __consumer_offsets."),
    ("offsets.retention.check.interval.ms", "How often a coordinator looks for committed offsets that have expired."),
    ("offsets.retention.minutes", "How long committed offsets outlive their group's last member."),
    ("offsets.topic.compression.codec", "How what coordinators write is compressed."),
    ("offsets.topic.num.partitions", "How many partitions __consumer_offsets gets when it is created."),
    ("offsets.topic.replication.factor", "How many replicas __consumer_offsets gets when it is created."),
    ("offsets.topic.segment.bytes", "The segment size of __consumer_offsets."),
    ("replica.fetch.backoff.ms", "How long a follower pauses after a fetch that failed."),
    ("replica.fetch.max.bytes", "How much of one partition a follower asks for at once."),
    ("replica.fetch.min.bytes", "A leader holds a follower's fetch until there is so much to send."),
    ("replica.fetch.response.max.bytes", "How much a follower takes in one answer."),
    ("replica.fetch.wait.max.ms", "The longest that a leader holds a follower's fetch."),
    ("replica.high.watermark.checkpoint.interval.ms", "How often a broker notes its high watermarks on disk."),
    ("replica.lag.time.max.ms", "A follower that was not caught up for so long leaves the ISR."),
    ("replica.selector.class", "Which replica consumers may read from: the leader, or one in their own rack."),
    ("replica.socket.timeout.ms", "How long a follower waits for its leader's answer."),
    ("request.timeout.ms", "How long a broker waits for an answer to a request of its own."),
    ("socket.request.max.bytes", "A connection that sends a request larger than this is closed."),
    ("unclean.leader.election.enable", "A replica out of sync may lead when no other can: what it lacks is lost."),
    (
        "unclean.leader.election.interval.ms",
        "How often the controller looks for partitions that wait for an unclean election.",
    ),
];

/// The topic configs that change something here, with what they mean.
const BUILT_TOPIC_CONFIGS: &[(&str, &str)] = &[
    ("flush.messages", "After so many records the log is written through to the disk."),
    ("flush.ms", "After so long the log is written through to the disk."),
    ("index.interval.bytes", "The offset index has an entry for every so many bytes."),
    ("max.message.bytes", "The largest record batch that the topic takes."),
    (
        "min.insync.replicas",
        "With acks=all a write is refused while fewer replicas are in sync; the high watermark waits, too.",
    ),
    ("segment.bytes", "A segment that would grow beyond this is rolled."),
    ("segment.index.bytes", "A segment whose index has grown to this is rolled."),
    ("segment.ms", "A segment older than this is rolled."),
    ("unclean.leader.election.enable", "A replica out of sync may lead when no other can: what it lacks is lost."),
];

/// Whether a broker config changes something here.
pub fn is_built_for_brokers(name: &str) -> bool {
    broker_config_meaning(name).is_some()
}

/// Whether a topic config changes something here.
pub fn is_built_for_topics(name: &str) -> bool {
    topic_config_meaning(name).is_some()
}

/// What a broker config means, if it changes something here.
pub fn broker_config_meaning(name: &str) -> Option<&'static str> {
    meaning(BUILT_BROKER_CONFIGS, name)
}

/// What a topic config means, if it changes something here.
pub fn topic_config_meaning(name: &str) -> Option<&'static str> {
    meaning(BUILT_TOPIC_CONFIGS, name)
}

fn meaning(built: &[(&str, &'static str)], name: &str) -> Option<&'static str> {
    built.binary_search_by_key(&name, |(name, _)| *name).ok().map(|at| built[at].1)
}

#[cfg(test)]
mod tests {
    use super::super::{broker_config, topic_config};
    use super::*;

    #[test]
    fn what_is_built_is_kafkas() {
        assert!(BUILT_BROKER_CONFIGS.is_sorted() && BUILT_TOPIC_CONFIGS.is_sorted());
        assert!(BUILT_BROKER_CONFIGS.iter().all(|(name, _)| broker_config(name).is_some()));
        assert!(BUILT_TOPIC_CONFIGS.iter().all(|(name, _)| topic_config(name).is_some()));
        assert!(is_built_for_topics("segment.bytes") && !is_built_for_topics("retention.ms"));
    }
}
