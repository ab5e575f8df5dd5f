//! Mutants: ways to break the engine on purpose, so that tests can show that a law notices.
//!
//! A world has one only when a test gives it one ([`crate::sim::World::with_mutant`]); no script, save or page can.

/// A mistake that the machines of a world make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// A leader takes everything for committed as soon as it has it itself.
    HighWatermarkIgnoresFollowers,
    /// A leader's high watermark follows its slowest replica, back as well.
    HighWatermarkFollowsSlowest,
    /// A follower of a new leader cuts its log off at its high watermark, as before KIP-101.
    FollowerTruncatesToHighWatermark,
    /// A leader does not compare epochs when a follower asks for more.
    LeaderIgnoresDivergence,
    /// A leader that is deposed takes the new epoch for its own.
    DeposedLeaderStays,
    /// A leader takes followers out of the ISR without asking the controller.
    IsrShrinksAlone,
    /// Records are acknowledged with acks=all when the leader has them.
    AcksAllAnsweredAtOnce,
    /// A leader writes a batch over the last one, now and then.
    AppendReusesOffset,
    /// A replica of the metadata log grants its vote to everybody who asks.
    VoteGrantedTwice,
    /// A node takes in metadata that is not committed.
    MetadataAppliedBeforeCommit,
    /// An unclean election leaves the ISR as it was.
    UncleanElectionKeepsIsr,
    /// A leader does not check the sequence numbers of idempotent producers.
    LeaderIgnoresSequences,
    /// A consumer that commits by itself commits what it has fetched, handed over or not.
    ConsumerCommitsWhatIsFetched,
    /// A member of a group takes all partitions of its topics, whatever it was assigned.
    MemberTakesEverything,
}
