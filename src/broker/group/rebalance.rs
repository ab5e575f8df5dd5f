//! A group's rebalance: it waits for its members to join, opens the next generation, and waits for them to sync.

use super::classic::ClassicState;
use super::effect::{Effect, GroupEvent, Removal, Turn};
use super::join;
use super::member::ClassicMember;
use super::shard::GroupShard;
use super::timeline::Incarnation;
use super::timers::{TimerKey, TimerTask};
use super::writes::{Completion, Write};
use crate::wire::{ErrorCode, StrBytes};
use bytes::Bytes;

impl GroupShard {
    /// Begins a rebalance, or, if one is under way already, ends it when all have joined.
    pub(super) fn prepare_rebalance_or_complete_join(
        &mut self,
        turn: &mut Turn<'_>,
        group: Incarnation,
        reason: String,
    ) -> Option<Write> {
        match self.timeline.group(group).can_rebalance() {
            true => self.prepare_rebalance(turn, group, reason),
            false => self.complete_join_if_all_joined(turn, group),
        }
    }

    /// Begins a rebalance. That of an empty group lasts for the initial delay (KIP-134) whoever joins; another until all
    /// have joined, but no longer than the most patient member waits.
    pub(super) fn prepare_rebalance(
        &mut self,
        turn: &mut Turn<'_>,
        group: Incarnation,
        reason: String,
    ) -> Option<Write> {
        let state = self.timeline.group(group).state();
        if state == ClassicState::CompletingRebalance {
            self.propagate_error(turn, group, ErrorCode::REBALANCE_IN_PROGRESS);
        }
        let is = self.timeline.group_mut(group);
        is.pending_sync.clear();
        is.transition_to(ClassicState::PreparingRebalance, turn.now_ms());
        let (group_id, generation) = (is.group_id().clone(), is.generation());
        let timeout_ms = i64::from(is.rebalance_timeout_ms());
        let all_joined = is.has_all_members_joined();
        turn.push(Effect::Event(GroupEvent::PreparingRebalance { group: group_id.clone(), generation, reason }));
        self.timers.cancel(&TimerKey::Sync(group_id.clone()));
        let (delay_ms, task) = match state {
            ClassicState::Empty => {
                let delay_ms = i64::from(self.config.initial_rebalance_delay_ms);
                let remaining_ms = (timeout_ms - delay_ms).max(0);
                (delay_ms, TimerTask::InitialDelay { delay_ms, remaining_ms })
            }
            _ if all_joined => return self.complete_join(turn, group),
            _ => (timeout_ms, TimerTask::Plain),
        };
        self.timers.schedule(TimerKey::Join(group_id), turn.now, delay_ms, task);
        None
    }

    /// Ends the wait for members if all have joined. The initial delay is not shortened so.
    pub(super) fn complete_join_if_all_joined(&mut self, turn: &mut Turn<'_>, group: Incarnation) -> Option<Write> {
        let is = self.timeline.group(group);
        let is_waiting = is.state() == ClassicState::PreparingRebalance && is.previous != Some(ClassicState::Empty);
        if is_waiting && is.has_all_members_joined() { self.complete_join(turn, group) } else { None }
    }

    /// The time to join is over. The initial delay is renewed while members come, up to the rebalance timeout.
    pub(super) fn expire_join(&mut self, turn: &mut Turn<'_>, group_id: &StrBytes, task: TimerTask) {
        let Some(group) = self.timeline.now().group(group_id) else { return };
        if self.timeline.group(group).state() != ClassicState::PreparingRebalance {
            // The timer is that of a group whose first write failed, and this one has its id.
            return;
        }
        if let TimerTask::InitialDelay { delay_ms, remaining_ms } = task {
            let is = self.timeline.group_mut(group);
            if is.new_member_added && remaining_ms != 0 {
                is.new_member_added = false;
                let next_ms = i64::from(self.config.initial_rebalance_delay_ms).min(remaining_ms);
                let remaining_ms = (remaining_ms - delay_ms).max(0);
                let task = TimerTask::InitialDelay { delay_ms: next_ms, remaining_ms };
                return self.timers.schedule(TimerKey::Join(group_id.clone()), turn.now, next_ms, task);
            }
        }
        let write = self.complete_join(turn, group);
        self.append(turn, write);
    }

    /// Opens the next generation with those who have joined. Dynamic members that have not are out; static members stay
    /// until their session ends.
    fn complete_join(&mut self, turn: &mut Turn<'_>, group: Incarnation) -> Option<Write> {
        let is = self.timeline.group(group);
        let group_id = is.group_id().clone();
        self.timers.cancel(&TimerKey::Join(group_id.clone()));
        let is_absent = |member: &&ClassicMember| !member.is_awaiting_join() && member.group_instance_id().is_none();
        let absent: Vec<StrBytes> = is.members().filter(is_absent).map(|member| member.member_id().clone()).collect();
        for member_id in absent {
            self.timeline.group_mut(group).remove(&member_id);
            self.timers.cancel(&TimerKey::Heartbeat(group_id.clone(), member_id.clone()));
            let (group, why) = (group_id.clone(), Removal::DidNotJoin);
            turn.push(Effect::Event(GroupEvent::Removed { group, member_id, why }));
        }
        let is = self.timeline.group_mut(group);
        if !is.elect_joined_leader() && is.members().len() != 0 {
            // Static members alone are left, and none is here: they get as much time again, or their sessions end.
            let timeout_ms = is.rebalance_timeout_ms().into();
            self.timers.schedule(TimerKey::Join(group_id), turn.now, timeout_ms, TimerTask::Plain);
            return None;
        }
        is.init_next_generation(turn.now_ms());
        let generation = is.generation();
        if is.state() == ClassicState::Empty {
            let records = vec![is.to_record(|_| Bytes::new())];
            turn.push(Effect::Event(GroupEvent::Emptied { group: group_id, generation }));
            return Some(Write { records, completion: Completion::Nothing });
        }
        turn.push(Effect::Event(GroupEvent::Stabilized {
            group: group_id,
            generation,
            protocol: is.protocol_name().cloned().unwrap_or_default(),
            leader: is.leader().cloned().unwrap_or_default(),
            members: is.member_ids(),
        }));
        self.answer_joined(turn, group);
        None
    }

    /// Tells every member of the new generation, and its leader of the members; then they have to sync.
    fn answer_joined(&mut self, turn: &mut Turn<'_>, group: Incarnation) {
        for member_id in self.timeline.group(group).member_ids() {
            let is = self.timeline.group_mut(group);
            let members = if is.is_leader(&member_id) { is.joined_members() } else { Vec::new() };
            let response = join::generation_of(is, &member_id).with_members(members);
            let parked = is.take_join(&member_id);
            is.member_mut(&member_id).expect("a member of the group").is_new = false;
            is.pending_sync.insert(member_id.clone());
            self.answer_join(turn, parked, response);
            self.schedule_heartbeat(turn, group, &member_id);
        }
        let is = self.timeline.group(group);
        let (key, timeout_ms) = (TimerKey::Sync(is.group_id().clone()), is.rebalance_timeout_ms().into());
        self.timers.schedule(key, turn.now, timeout_ms, TimerTask::Generation(is.generation()));
    }

    /// The time to sync is over: members that have not are out, and the group is rebalanced again.
    pub(super) fn expire_sync(&mut self, turn: &mut Turn<'_>, group_id: &StrBytes, task: TimerTask) {
        let Some(group) = self.timeline.now().group(group_id) else { return };
        let is = self.timeline.group(group);
        let has_generation = matches!(is.state(), ClassicState::CompletingRebalance | ClassicState::Stable);
        if task != TimerTask::Generation(is.generation()) || !has_generation || is.pending_sync.is_empty() {
            return;
        }
        let late: Vec<StrBytes> = is.pending_sync_members().cloned().collect();
        for member_id in &late {
            self.timeline.group_mut(group).remove(member_id);
            self.timers.cancel(&TimerKey::Heartbeat(group_id.clone(), member_id.clone()));
            let (group, member_id, why) = (group_id.clone(), member_id.clone(), Removal::DidNotSync);
            turn.push(Effect::Event(GroupEvent::Removed { group, member_id, why }));
        }
        let reason = format!("Removing [{}] on pending sync request expiration", listed(&late));
        let write = self.prepare_rebalance(turn, group, reason);
        self.append(turn, write);
    }

    /// A session is over: of a member, or of one that was given an id and has not joined with it.
    pub(super) fn expire_heartbeat(&mut self, turn: &mut Turn<'_>, group_id: &StrBytes, member_id: &StrBytes) {
        let Some(group) = self.timeline.now().group(group_id) else { return };
        let is = self.timeline.group_mut(group);
        let write = match is.member(member_id) {
            None if is.pending_join.contains(member_id) => {
                is.remove(member_id);
                self.complete_preparation(turn, group)
            }
            None => None,
            Some(member) if member.has_satisfied_heartbeat() => None,
            Some(_) => {
                turn.push(Effect::Event(GroupEvent::Removed {
                    group: group_id.clone(),
                    member_id: member_id.clone(),
                    why: Removal::SessionExpired,
                }));
                // A new member that is still there asks again.
                let parked = is.take_join(member_id);
                is.remove(member_id);
                let state = is.state();
                self.answer_join(turn, parked, join::refusal("", ErrorCode::UNKNOWN_MEMBER_ID));
                let reason = format!("removing member {member_id} on heartbeat expiration.");
                match state {
                    ClassicState::Stable | ClassicState::CompletingRebalance => {
                        self.prepare_rebalance_or_complete_join(turn, group, reason)
                    }
                    _ => self.complete_preparation(turn, group),
                }
            }
        };
        self.append(turn, write);
    }

    /// Ends the wait for members if all have joined, the initial delay too: nobody is left whom it could serve.
    fn complete_preparation(&mut self, turn: &mut Turn<'_>, group: Incarnation) -> Option<Write> {
        let is = self.timeline.group(group);
        let all_joined = is.state() == ClassicState::PreparingRebalance && is.has_all_members_joined();
        if all_joined { self.complete_join(turn, group) } else { None }
    }

    /// Starts a member's session anew.
    pub(super) fn schedule_heartbeat(&mut self, turn: &Turn<'_>, group: Incarnation, member_id: &StrBytes) {
        let is = self.timeline.group(group);
        let Some(member) = is.member(member_id) else { return };
        let key = TimerKey::Heartbeat(is.group_id().clone(), member_id.clone());
        self.timers.schedule(key, turn.now, member.session_timeout_ms().into(), TimerTask::Plain);
    }
}

/// Member ids with commas between them.
pub(super) fn listed(member_ids: &[StrBytes]) -> String {
    let texts: Vec<&str> = member_ids.iter().map(StrBytes::as_str).collect();
    texts.join(", ")
}
