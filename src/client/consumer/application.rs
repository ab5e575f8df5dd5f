//! The application around a consumer: a loop that polls, works on each record, and commits as it is told to.
//!
//! Kafka's consumer knows nothing of work: it sees only when it is polled. What makes records come twice or get lost is
//! the order in which an application works, commits and dies, so that order is what can be chosen here.

use super::{Consumer, ConsumerConfig};
use crate::base::{SimDuration, SimTime, SortedMap, TopicPartition};
use crate::client::config::ConfigError;
use crate::machine::{Ctx, Fact};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Settings of a simulated application.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplicationConfig {
    /// How long it works on each record.
    pub work: SimDuration,
    /// When it commits.
    pub commits: Commits,
    /// It polls only when it is told to.
    pub by_hand: bool,
    /// The value of a record on which it fails each time: its process ends without closing the consumer.
    pub poison: Option<String>,
    /// When its process dies by itself.
    pub dies: Option<Death>,
}

/// When an application commits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Commits {
    /// Never: that is left to `enable.auto.commit`, or to nobody.
    #[default]
    Never,
    /// `commitSync()` when all that a poll gave is worked on.
    Sync,
    /// `commitAsync()` when all that a poll gave is worked on.
    Async,
    /// `commitSync(offset)` after each record.
    Each,
    /// `commitSync()` as soon as a poll gave something, before the work.
    First,
}

/// When a process dies: before or after a commit that covers one of its records is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Death {
    /// Before that commit is sent; else as soon as it is acknowledged.
    pub before: bool,
    /// Which record it is, counted from 1 over all that the consumer was given.
    pub record: u64,
}

impl ApplicationConfig {
    /// Checks the settings against Kafka's.
    ///
    /// # Errors
    /// What does not go together.
    pub(super) fn validate(&self, config: &ConsumerConfig) -> Result<(), ConfigError> {
        let refuse = |text: &str| Err(ConfigError(text.into()));
        if self.commits != Commits::Never && config.group_id.is_none() {
            return refuse("a consumer without a group has nowhere to commit to: `--commit` needs `--group`");
        }
        if self.commits != Commits::Never && config.enable_auto_commit == Some(true) {
            return refuse("`--commit` and enable.auto.commit=true: only one of the two can decide when to commit");
        }
        if self.dies.is_some() && matches!(self.commits, Commits::Never | Commits::Async) {
            return refuse("`--dies` needs a `--commit` that is waited for: sync, each or first");
        }
        Ok(())
    }
}

/// A record that poll gave.
#[derive(Clone, Debug)]
pub(super) struct InHand {
    pub(super) partition: TopicPartition,
    pub(super) offset: i64,
    pub(super) epoch: i32,
    pub(super) poison: bool,
}

/// What somebody asks of the application from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Call {
    /// Polls once, for as long at most; only of an application that polls by hand.
    Poll(SimDuration),
    /// `commitSync()`, or `commitAsync()`.
    Commit {
        /// Whether nobody waits for the answer.
        is_async: bool,
    },
    /// `seek`, `seekToBeginning` or `seekToEnd`.
    Seek(TopicPartition, SeekTo),
    /// `pause` of one partition.
    Pause(TopicPartition),
    /// `resume` of one partition.
    Resume(TopicPartition),
    /// `unsubscribe`.
    Unsubscribe,
    /// Does something else for as long.
    Busy(SimDuration),
}

/// Where a seek goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SeekTo {
    /// To an offset.
    Offset(i64),
    /// To the log's start.
    Beginning,
    /// To the log's end.
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    /// In `poll`, until a moment at most.
    Polling(Option<SimTime>),
    /// Works on the first record in hand, or does something else.
    Working { until: SimTime, on_record: bool },
    /// In `commitSync`.
    Committing,
    /// Nothing: it polls by hand.
    Idle,
}

/// What the application is at.
#[derive(Clone, Debug)]
pub(super) struct Application {
    doing: Doing,
    in_hand: VecDeque<InHand>,
    /// A poll gave something, and the commit after its work is still to come.
    owes_commit: bool,
    calls: VecDeque<Call>,
    /// Records given and records worked on, since the start.
    given: u64,
    worked: u64,
}

impl Application {
    pub(super) fn new(config: &ApplicationConfig) -> Self {
        let doing = if config.by_hand { Doing::Idle } else { Doing::Polling(None) };
        Self { doing, in_hand: VecDeque::new(), owes_commit: false, calls: VecDeque::new(), given: 0, worked: 0 }
    }

    /// Whether it is inside `poll`: only then does the consumer do anything but send heartbeats.
    pub(super) fn is_polling(&self) -> bool {
        matches!(self.doing, Doing::Polling(_))
    }

    /// How many records it has worked on.
    pub(super) fn worked(&self) -> u64 {
        self.worked
    }
}

impl Consumer {
    /// Takes a call from outside; it is made when the application comes to it.
    ///
    /// # Errors
    /// What this application does not do.
    pub fn call(&mut self, call: Call, ctx: &mut Ctx<'_>) -> Result<(), String> {
        let by_hand = self.config.application.by_hand;
        match &call {
            Call::Poll(_) if !by_hand => {
                return Err(format!("consumer {} polls by itself; `--manual` leaves that to `poll`", self.name));
            }
            Call::Commit { .. } if self.membership.is_none() => {
                return Err(format!("consumer {} is in no group: there is nowhere to commit to", self.name));
            }
            Call::Seek(tp, _) | Call::Pause(tp) | Call::Resume(tp) if self.subscription.get(tp).is_none() => {
                // `SubscriptionState.assignedState`
                return Err(format!("No current assignment for partition {tp}"));
            }
            _ => {}
        }
        self.application.calls.push_back(call);
        self.drive(ctx);
        Ok(())
    }

    /// What the application does until it waits for something; whether it is inside `poll` then.
    pub(super) fn work(&mut self, ctx: &mut Ctx<'_>) -> bool {
        while !self.is_closing() {
            match self.application.doing {
                Doing::Polling(until) => {
                    if let Some(call) = self.application.calls.pop_front() {
                        self.make(call, ctx);
                        continue;
                    }
                    if until.is_some_and(|until| until <= ctx.now()) {
                        self.application.doing = Doing::Idle;
                        continue;
                    }
                    until.into_iter().for_each(|until| self.wake(until));
                    return true;
                }
                Doing::Working { until, on_record } => {
                    if until > ctx.now() {
                        self.wake(until);
                        return false;
                    }
                    if on_record {
                        self.record_done(ctx);
                    } else {
                        self.go_on(ctx);
                    }
                }
                // It goes on with the commit's outcome.
                Doing::Committing => return false,
                Doing::Idle => match self.application.calls.pop_front() {
                    Some(call) => self.make(call, ctx),
                    None => return false,
                },
            }
        }
        false
    }

    /// Goes on with what is next in the application's loop.
    fn go_on(&mut self, ctx: &mut Ctx<'_>) {
        if let Some(call) = self.application.calls.pop_front() {
            return self.make(call, ctx);
        }
        if !self.application.in_hand.is_empty() {
            let until = ctx.now() + self.config.application.work;
            self.application.doing = Doing::Working { until, on_record: true };
            return;
        }
        if std::mem::take(&mut self.application.owes_commit) {
            match self.config.application.commits {
                Commits::Sync => return self.commit_and_wait(self.positions_to_commit(), ctx),
                Commits::Async => self.commit_async(self.positions_to_commit(), ctx),
                Commits::Never | Commits::Each | Commits::First => {}
            }
        }
        let by_hand = self.config.application.by_hand;
        self.application.doing = if by_hand { Doing::Idle } else { Doing::Polling(None) };
    }

    fn make(&mut self, call: Call, ctx: &mut Ctx<'_>) {
        match call {
            Call::Poll(span) => {
                self.application.doing = Doing::Polling(Some(ctx.now() + span));
                return;
            }
            Call::Commit { is_async: false } => return self.commit_and_wait(self.positions_to_commit(), ctx),
            Call::Commit { is_async: true } => self.commit_async(self.positions_to_commit(), ctx),
            Call::Busy(span) => {
                self.application.doing = Doing::Working { until: ctx.now() + span, on_record: false };
                return;
            }
            Call::Seek(tp, to) => self.seek(&tp, to, ctx),
            Call::Pause(tp) => self.subscription.get_mut(&tp).into_iter().for_each(|position| position.paused = true),
            Call::Resume(tp) => self.subscription.get_mut(&tp).into_iter().for_each(|position| position.paused = false),
            Call::Unsubscribe => self.unsubscribe(ctx),
        }
        if !self.application.is_polling() {
            self.go_on(ctx);
        }
    }

    /// Poll has returned with records.
    pub(super) fn hand_over(&mut self, records: Vec<InHand>, ctx: &mut Ctx<'_>) {
        self.application.given += records.len() as u64;
        self.application.in_hand.extend(records);
        self.application.owes_commit = true;
        match self.config.application.commits {
            Commits::First => self.commit_and_wait(self.positions_to_commit(), ctx),
            _ => self.go_on(ctx),
        }
    }

    /// The application has worked on the first record in hand; one that takes no time for it, on all of the partition.
    fn record_done(&mut self, ctx: &mut Ctx<'_>) {
        let Some(record) = self.application.in_hand.pop_front() else { return self.go_on(ctx) };
        if record.poison {
            let message = format!("the application fails on {} @{}", record.partition, record.offset);
            return self.die(message, ctx);
        }
        let (mut records, mut last_offset) = (1, record.offset);
        if self.config.application.work == SimDuration::ZERO && self.config.application.commits != Commits::Each {
            let is_next = |next: &mut InHand| next.partition == record.partition && !next.poison;
            while let Some(next) = self.application.in_hand.pop_front_if(is_next) {
                (records, last_offset) = (records + 1, next.offset);
            }
        }
        self.application.worked += u64::from(records);
        if let Some(membership) = &self.membership {
            let (group, partition) = (membership.group.clone(), record.partition.clone());
            ctx.fact(Fact::Processed { group, partition, first_offset: record.offset, last_offset, records });
        }
        if self.config.application.commits == Commits::Each {
            let next = (record.offset + 1, Some(record.epoch));
            return self.commit_and_wait(SortedMap::from([(record.partition, next)]), ctx);
        }
        self.go_on(ctx);
    }

    /// `commitSync`: the application waits for the outcome.
    fn commit_and_wait(&mut self, offsets: super::Offsets, ctx: &mut Ctx<'_>) {
        if self.dies_at_commit(true) {
            return self.die("the process dies before it commits".into(), ctx);
        }
        self.application.doing = Doing::Committing;
        self.commit_sync(offsets, ctx);
    }

    /// `commitSync` has returned.
    pub(super) fn commit_returned(&mut self, is_ok: bool, ctx: &mut Ctx<'_>) {
        if is_ok && self.dies_at_commit(false) {
            return self.die("the process dies after its commit".into(), ctx);
        }
        self.go_on(ctx);
        self.again = true;
    }

    /// Whether the commit that is made now covers the record at which the process dies.
    fn dies_at_commit(&self, before: bool) -> bool {
        let covered = match self.config.application.commits {
            Commits::First => self.application.given,
            _ => self.application.worked,
        };
        self.config.application.dies.is_some_and(|death| death.before == before && death.record <= covered)
    }

    /// The process ends; nobody closes anything.
    fn die(&mut self, message: String, ctx: &mut Ctx<'_>) {
        ctx.fact(Fact::ClientError { message });
        self.net.close(ctx);
        self.dead = true;
        ctx.exit();
    }
}
