//! Random requests, times and logs: nothing panics, nobody is answered twice, and the log holds what the coordinator
//! knows.

use super::*;
use crate::base::SortedSet;

const GROUPS: [&str; 3] = ["g", "h", "i"];
const NAMES: [&str; 4] = ["c1", "c2", "c3", "c4"];
const PROTOCOLS: [&[&str]; 4] = [&["range"], &["range", "sticky"], &["sticky", "range"], &["sticky"]];
const TOPICS: [&str; 3] = ["t", "u", "v"];
const VERSIONS: [i16; 4] = [0, 3, 6, 9];

/// How the log treats what is appended.
#[derive(Clone, Copy, PartialEq)]
enum Log {
    /// It acknowledges in its own time, which is short.
    Good,
    /// It may take too long, or refuse.
    Bad,
}

struct Run {
    lab: Lab,
    dice: Rng,
    clients: Vec<Client>,
    /// Who waits for which JoinGroup.
    joining: Vec<(usize, u64)>,
    log: Log,
}

impl Run {
    fn new(seed: u64, log: Log) -> Self {
        let mut dice = Rng::stream(seed, "dice");
        let mut lab = Lab::with(|config| {
            config.max_size = 3 + dice.below(3) as i32;
            config.offsets_retention_minutes = 1 + dice.below(30) as i32;
            config.offsets_retention_check_interval_ms = 60_000;
            config.initial_rebalance_delay_ms = dice.below(4_000) as i32;
        });
        lab.commits = false;
        Self { lab, dice, clients: Vec::new(), joining: Vec::new(), log }
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.dice.below(from.len() as u64) as usize]
    }

    /// A client that is there, or a new one, or one that has lost its memory.
    fn client(&mut self) -> usize {
        if self.clients.is_empty() || self.clients.len() < 12 && self.dice.below(6) == 0 {
            let (group, name, version) = (self.pick(&GROUPS), self.pick(&NAMES), self.pick(&VERSIONS));
            let client = Client { version, ..Client::new(name).of_group(group) };
            let is_static = self.dice.below(3) == 0;
            self.clients.push(if is_static { client.with_instance(name) } else { client });
            return self.clients.len() - 1;
        }
        let at = self.dice.below(self.clients.len() as u64) as usize;
        let (what, protocols, topic) = (self.dice.below(12), self.pick(&PROTOCOLS), self.pick(&TOPICS));
        let client = &mut self.clients[at];
        match what {
            0 => client.member_id = StrBytes::new(),
            1 => client.protocols = protocols.to_vec(),
            2 => client.metadata = subscription(&[topic]),
            3 => client.metadata = Bytes::from_static(&[1, 2, 3]),
            4 => client.generation -= 1,
            5 => client.rebalance_timeout_ms = 1_000 * (what as i32 + 3),
            _ => {}
        }
        at
    }

    fn step(&mut self) {
        let at = self.client();
        let client = self.clients[at].clone();
        match self.dice.below(14) {
            0..=4 => {
                let request = self.lab.join(&client);
                self.joining.push((at, request));
            }
            5 | 6 => {
                let ids: Vec<StrBytes> = self.clients.iter().map(|client| client.member_id.clone()).collect();
                let assigned: Vec<(&StrBytes, &'static [u8])> = ids.iter().map(|id| (id, &[9u8][..])).collect();
                self.lab.sync(&client, &assigned);
            }
            7 => self.send_heartbeat(&client),
            8 => self.send_leave(&client),
            9 | 10 => self.send_commit(&client),
            11 => self.send_delete(&client),
            _ => {
                let ms = [1, 10, 400, 3_000, 11_000, 40_000][self.dice.below(6) as usize];
                self.pass(ms);
            }
        }
        self.settle_log();
        self.take_answers();
        self.check();
    }

    fn send_heartbeat(&mut self, client: &Client) {
        let request = HeartbeatRequest::default()
            .with_group_id(GroupId(client.group.clone()))
            .with_generation_id(client.generation)
            .with_member_id(client.member_id.clone())
            .with_group_instance_id(client.instance.clone());
        let context = self.lab.context(client, 4);
        self.lab.turn(|shard, turn| shard.heartbeat(turn, &context, &request));
    }

    fn send_leave(&mut self, client: &Client) {
        let member = leave_group_request::MemberIdentity::default()
            .with_member_id(client.member_id.clone())
            .with_group_instance_id(client.instance.clone());
        let request = LeaveGroupRequest::default()
            .with_group_id(GroupId(client.group.clone()))
            .with_member_id(client.member_id.clone())
            .with_members(vec![member]);
        let version = self.pick(&[1, 5]);
        let context = self.lab.context(client, version);
        self.lab.turn(|shard, turn| shard.leave_group(turn, &context, &request));
    }

    fn send_commit(&mut self, client: &Client) {
        use crate::wire::messages::offset_commit_request::*;
        let partition = OffsetCommitRequestPartition::default().with_committed_offset(self.dice.below(100) as i64);
        let topic = self.pick(&TOPICS);
        let topic =
            OffsetCommitRequestTopic::default().with_name(TopicName(text(topic))).with_partitions(vec![partition]);
        let generation = if self.dice.below(3) == 0 { -1 } else { client.generation };
        let request = OffsetCommitRequest::default()
            .with_group_id(GroupId(client.group.clone()))
            .with_generation_id_or_member_epoch(generation)
            .with_member_id(if generation < 0 { StrBytes::new() } else { client.member_id.clone() })
            .with_topics(vec![topic]);
        let context = self.lab.context(client, 9);
        self.lab.turn(|shard, turn| shard.commit_offsets(turn, &context, &request));
    }

    fn send_delete(&mut self, client: &Client) {
        let context = self.lab.context(client, 2);
        let groups = [GroupId(client.group.clone())];
        self.lab.turn(|shard, turn| shard.delete_groups(turn, &context, &groups));
        let context = self.lab.context(client, 9);
        let request = offset_fetch_request::OffsetFetchRequestGroup::default().with_group_id(groups[0].clone());
        self.lab.turn(|shard, turn| shard.fetch_stable_offsets(turn, &context, &request.with_topics(None)));
    }

    /// Lets time pass. A good log acknowledges before a request gives up.
    fn pass(&mut self, ms: u64) {
        if self.log == Log::Bad {
            return self.lab.wait(ms);
        }
        for _ in 0..ms.div_ceil(1_000) {
            self.lab.wait(ms.min(1_000));
            self.lab.commit();
        }
    }

    fn settle_log(&mut self) {
        match self.dice.below(6) {
            0 | 1 => self.lab.commit(),
            2 if self.log == Log::Bad && !self.lab.uncommitted.is_empty() => {
                let from = self.dice.below(self.lab.uncommitted.len() as u64) as usize;
                let (first, _) = self.lab.uncommitted[from];
                self.lab.uncommitted.truncate(from);
                let error = self.pick(&[ErrorCode::NOT_LEADER_OR_FOLLOWER, ErrorCode::MESSAGE_TOO_LARGE]);
                self.lab.turn(|shard, turn| shard.failed(turn, first, error));
            }
            _ => {}
        }
    }

    fn take_answers(&mut self) {
        for (at, request) in std::mem::take(&mut self.joining) {
            match self.lab.answers.get(&request) {
                None => self.joining.push((at, request)),
                Some(GroupResponse::Join(answer)) if answer.error_code == 0 => {
                    self.clients[at].member_id = answer.member_id.clone();
                    self.clients[at].generation = answer.generation_id;
                }
                Some(GroupResponse::Join(answer)) if answer.error_code == ErrorCode::MEMBER_ID_REQUIRED.0 => {
                    self.clients[at].member_id = answer.member_id.clone();
                }
                Some(_) => {}
            }
        }
    }

    /// What must hold at every moment.
    fn check(&self) {
        for group in self.lab.shard.groups() {
            let waiting = group.members().filter(|member| member.is_awaiting_join()).count();
            assert_eq!(waiting, group.awaiting_join());
            let is_empty = group.members().len() == 0;
            assert!(group.state() != ClassicState::Empty || is_empty, "an empty group has members");
            assert!(!is_empty || group.leader().is_none());
            assert!(is_empty || group.leader().is_some_and(|leader| group.member(leader).is_some()));
            if matches!(group.state(), ClassicState::CompletingRebalance | ClassicState::Stable) {
                let protocol = group.protocol_name().expect("members have a protocol");
                assert!(group.members().all(|member| member.protocols().iter().any(|is| is.name == *protocol)));
            }
            let instances: SortedSet<_> = group.static_members().map(|(_, member)| member).collect();
            assert!(instances.iter().all(|member| group.member(member).is_some()));
        }
        assert!(self.lab.shard.describe_groups(6, &GROUPS.map(|group| GroupId(text(group)))).len() == GROUPS.len());
    }
}

/// What of a group is in the log: everything, if it is stable; that it is there and its generation, if it is empty.
fn durable(group: &ClassicGroup) -> Option<String> {
    let head = (group.group_id(), group.generation(), group.protocol_type(), group.protocol_name(), group.leader());
    match group.state() {
        ClassicState::Empty => Some(format!("{head:?}")),
        ClassicState::Stable => {
            let protocol = group.protocol_name()?;
            let members = group.members().map(|member| {
                let timeouts = (member.session_timeout_ms(), member.rebalance_timeout_ms());
                let ids = (member.member_id(), member.group_instance_id(), member.client_id());
                (ids, timeouts, member.metadata(protocol), member.assignment())
            });
            Some(format!("{head:?} {:?}", members.collect::<Vec<_>>()))
        }
        ClassicState::PreparingRebalance | ClassicState::CompletingRebalance => None,
    }
}

fn same_offsets(lab: &Lab, again: &Lab) {
    for group in GROUPS.map(text) {
        let of = |lab: &Lab| format!("{:?}", lab.shard.offsets(&group).collect::<Vec<_>>());
        assert_eq!(of(lab), of(again));
    }
}

/// Reads the log into a new shard and compares.
fn compare_with_log(run: &mut Run) {
    run.lab.commit();
    let again = Lab::loaded(GroupConfig::default(), &run.lab.log, run.lab.now);
    same_offsets(&run.lab, &again);
    for group in run.lab.shard.groups() {
        let loaded = again.shard.group(group.group_id()).unwrap_or_else(|| panic!("{} is lost", group.group_id()));
        if let Some(is) = durable(group) {
            assert_eq!(Some(is), durable(loaded));
        }
    }
    for group in again.shard.groups() {
        assert!(run.lab.shard.group(group.group_id()).is_some(), "{} is not there any more", group.group_id());
    }
}

#[test]
fn the_log_holds_what_the_coordinator_knows() {
    let mut states = SortedSet::new();
    for seed in 0..60 {
        let mut run = Run::new(seed, Log::Good);
        for step in 0..300 {
            run.step();
            if step % 25 == 0 {
                compare_with_log(&mut run);
                states.extend(run.lab.shard.groups().map(|group| group.state().name()));
            }
        }
    }
    assert_eq!(states.len(), 4, "every state was met: {states:?}");
}

#[test]
fn a_bad_log_breaks_nothing() {
    for seed in 0..60 {
        let mut run = Run::new(seed, Log::Bad);
        (0..300).for_each(|_| run.step());
        run.lab.commit();
        // What the log refused is as if it had not been asked.
        let again = Lab::loaded(GroupConfig::default(), &run.lab.log, run.lab.now);
        same_offsets(&run.lab, &again);
        let shard = run.lab.shard.clone();
        run.lab.turn(|_, turn| shard.unload(turn));
    }
}

/// The same inputs give the same answers and the same log.
#[test]
fn a_run_can_be_repeated() {
    let run = || {
        let mut run = Run::new(5, Log::Bad);
        (0..300).for_each(|_| run.step());
        format!("{:?} {:?} {:?}", run.lab.answers, run.lab.log, run.lab.events)
    };
    assert_eq!(run(), run());
}
