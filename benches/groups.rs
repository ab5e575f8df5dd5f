//! What a rebalance costs the coordinator, as a group grows: the time per member must not.

use bytes::Bytes;
use divan::Bencher;
use divan::counter::ItemsCount;
use kafka_terrarium::base::{Rng, SimDuration, SimTime};
use kafka_terrarium::broker::group::*;
use kafka_terrarium::wire::StrBytes;
use kafka_terrarium::wire::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_terrarium::wire::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_terrarium::wire::messages::*;

/// How many partitions the members share.
const PARTITIONS: usize = 10_000;

fn main() {
    divan::main();
}

/// A shard whose log acknowledges at once, and who is in its group.
#[derive(Clone)]
struct Group {
    shard: GroupShard,
    now: SimTime,
    rng: Rng,
    members: Vec<StrBytes>,
    generation: i32,
    requests: u64,
}

impl Group {
    fn turn(&mut self, input: impl FnOnce(&mut GroupShard, &mut Turn<'_>)) -> Vec<GroupResponse> {
        let mut effects = Vec::new();
        input(&mut self.shard, &mut Turn::new(self.now, 0, &mut self.rng, &mut effects));
        let mut answers = Vec::new();
        while !effects.is_empty() {
            let mut next = Vec::new();
            for effect in effects {
                match effect {
                    Effect::Append { write, .. } => {
                        self.shard.committed(&mut Turn::new(self.now, 0, &mut self.rng, &mut next), write);
                    }
                    Effect::Respond { response, .. } => answers.push(response),
                    Effect::Event(_) => {}
                }
            }
            effects = next;
        }
        answers
    }

    fn context(&mut self) -> RequestContext {
        self.requests += 1;
        RequestContext {
            token: RequestToken(self.requests),
            api_version: 3,
            client_id: StrBytes::from_static_str("consumer"),
            client_host: StrBytes::from_static_str("/127.0.0.1"),
        }
    }

    /// Sends a JoinGroup; takes in the answers that come.
    fn join(&mut self, member_id: StrBytes) {
        let protocol = JoinGroupRequestProtocol::default().with_name(StrBytes::from_static_str("range"));
        let request = JoinGroupRequest::default()
            .with_group_id(GroupId(StrBytes::from_static_str("g")))
            .with_session_timeout_ms(45_000)
            .with_rebalance_timeout_ms(300_000)
            .with_member_id(member_id)
            .with_protocol_type(StrBytes::from_static_str("consumer"))
            .with_protocols(vec![protocol.with_metadata(Bytes::from_static(&[0; 60]))]);
        let context = self.context();
        let answers = self.turn(|shard, turn| shard.join_group(turn, &context, &request));
        self.take(answers);
    }

    fn take(&mut self, answers: Vec<GroupResponse>) {
        for answer in answers {
            if let GroupResponse::Join(answer) = answer {
                self.generation = answer.generation_id;
                self.members.push(answer.member_id);
            }
        }
    }

    /// All sync, the leader last.
    fn sync(&mut self) {
        let leader = self.shard.groups().next().and_then(|group| group.leader().cloned()).expect("a leader");
        let size = 8 * PARTITIONS / self.members.len();
        let assignment = |member_id: &StrBytes| {
            let bytes = Bytes::from(vec![1; size]);
            SyncGroupRequestAssignment::default().with_member_id(member_id.clone()).with_assignment(bytes)
        };
        let assigned: Vec<_> = self.members.iter().map(assignment).collect();
        let followers = self.members.clone().into_iter().filter(|member_id| *member_id != leader);
        for member_id in followers.chain([leader.clone()]) {
            let request = SyncGroupRequest::default()
                .with_group_id(GroupId(StrBytes::from_static_str("g")))
                .with_generation_id(self.generation)
                .with_assignments(if member_id == leader { assigned.clone() } else { Vec::new() })
                .with_member_id(member_id);
            let context = self.context();
            self.turn(|shard, turn| shard.sync_group(turn, &context, &request));
        }
    }
}

/// A stable group.
fn stable(members: usize) -> Group {
    let mut group = Group {
        shard: GroupShard::new(GroupConfig::default()),
        now: SimTime::ZERO,
        rng: Rng::stream(1, "groups"),
        members: Vec::new(),
        generation: 0,
        requests: 0,
    };
    group.turn(|shard, turn| {
        shard.loaded(turn);
    });
    (0..members).for_each(|_| group.join(StrBytes::new()));
    for _ in 0..2 {
        group.now += SimDuration::from_millis(3_000);
        let answers = group.turn(|shard, turn| shard.poll(turn));
        group.take(answers);
    }
    assert_eq!(group.members.len(), members);
    group.sync();
    group
}

/// The leader joins again, then all others, and all sync. Compare the time per item.
#[divan::bench(args = [10, 100, 1_000, 4_000])]
fn rebalance(bencher: Bencher, members: usize) {
    let group = stable(members);
    bencher.counter(ItemsCount::new(members)).with_inputs(|| group.clone()).bench_local_values(|mut group| {
        let leader = group.shard.groups().next().and_then(|group| group.leader().cloned()).expect("a leader");
        let members = std::mem::take(&mut group.members);
        group.join(leader.clone());
        members.into_iter().filter(|member_id| *member_id != leader).for_each(|member_id| group.join(member_id));
        group.sync();
        assert_eq!(group.generation, 2);
        group
    });
}
