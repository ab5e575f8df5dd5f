//! `close()`: commits what was given to the application, if the consumer commits by itself, leaves the group, closes the
//! fetch sessions, and then the connections.

use super::{Asked, Consumer};
use crate::base::{SimDuration, SimTime};
use crate::machine::Ctx;
use crate::wire::messages::FetchRequest;
use crate::wire::{ApiKey, RequestKind};

/// `ConsumerUtils.DEFAULT_CLOSE_TIMEOUT_MS`.
const CLOSE_TIMEOUT: SimDuration = SimDuration::from_secs(30);

/// How far closing is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Closing {
    stage: Stage,
    until: SimTime,
    /// Answers to closing fetches that are still to come.
    sessions: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The last commit is under way.
    Committing,
    /// LeaveGroup is under way.
    Leaving,
    /// The fetch sessions are being closed.
    Sessions,
}

impl Consumer {
    /// Ends it.
    pub fn close(&mut self, ctx: &mut Ctx<'_>) {
        if self.closing.is_none() {
            self.begin_closing(ctx);
            self.drive(ctx);
        }
    }

    pub(super) fn begin_closing(&mut self, ctx: &mut Ctx<'_>) {
        let until = ctx.now() + CLOSE_TIMEOUT;
        self.closing = Some(Closing { stage: Stage::Committing, until, sessions: 0 });
        let offsets = self.positions_to_commit();
        if self.config.commits_by_itself() && !offsets.is_empty() {
            self.commit_sync(offsets, ctx);
        }
    }

    pub(super) fn go_on_closing(&mut self, ctx: &mut Ctx<'_>) {
        let Some(Closing { stage, until, sessions }) = self.closing else { return };
        let late = until <= ctx.now();
        if !late {
            self.wake(until);
        }
        match stage {
            Stage::Committing => {
                if self.membership.is_some() && !late {
                    self.drive_commits(ctx);
                    if self.commits.is_waited_for() || self.commits.is_any_pending() {
                        return;
                    }
                }
                self.leave_for_good(ctx);
                self.enter(Stage::Leaving);
            }
            Stage::Leaving if self.leaving > 0 && !late => {}
            Stage::Leaving => {
                let sent = self.close_sessions(ctx);
                self.enter(Stage::Sessions);
                self.closing.as_mut().expect("it was looked at").sessions = sent;
            }
            Stage::Sessions if sessions > 0 && !late => {}
            Stage::Sessions => {
                self.net.close(ctx);
                self.dead = true;
                ctx.exit();
            }
        }
    }

    fn enter(&mut self, stage: Stage) {
        self.closing.as_mut().expect("it is closing").stage = stage;
        self.again = true;
    }

    fn leave_for_good(&mut self, ctx: &mut Ctx<'_>) {
        if self.membership.is_none() {
            return;
        }
        self.drop_assignment(ctx);
        self.leave("the consumer is being closed", ctx);
    }

    /// Tells the brokers that their fetch sessions are over; how many.
    fn close_sessions(&mut self, ctx: &mut Ctx<'_>) -> usize {
        let mut sent = 0;
        for (node, session) in std::mem::take(&mut self.sessions) {
            if session.stands() && self.net.ready(node, ctx) {
                let request = FetchRequest::default()
                    .with_max_wait_ms(self.config.fetch_max_wait.as_millis() as i32)
                    .with_min_bytes(self.config.fetch_min_bytes)
                    .with_max_bytes(self.config.fetch_max_bytes)
                    .with_isolation_level(i8::from(self.config.read_committed))
                    .with_session_id(session.id())
                    .with_session_epoch(-1);
                sent += 1;
                let tied = Some(Asked::CloseSession);
                self.net.send(node, ApiKey::Fetch, tied, ctx, |_| RequestKind::Fetch(request));
            }
        }
        sent
    }

    pub(super) fn session_closed(&mut self) {
        if let Some(closing) = &mut self.closing {
            closing.sessions = closing.sessions.saturating_sub(1);
        }
    }
}
