//! What is selected on the stage, how it is called, and where the arrow keys lead from it.

use super::layout::{ClientBox, GroupBox, Layout};
use super::packet::PacketView;
use super::scene::{ConsumerView, GroupState, Holding, Process, Role, Scene};
use super::words::{partition_words, replica_sentence};
use crate::base::{EventId, Sort, TopicPartition};
use std::sync::Arc;

/// Something on the stage that can be selected.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Selection {
    /// A partition as a whole.
    Partition(TopicPartition),
    /// A broker's replica of a partition.
    Replica(TopicPartition, i32),
    /// A broker.
    Broker(i32),
    /// A controller.
    Controller(i32),
    /// A client or a tool, by host.
    Client(u32),
    /// A group of consumers.
    Group(Arc<str>),
    /// The link between two hosts.
    Link(u32, u32),
    /// A message under way.
    Packet(EventId),
}

/// A direction on the stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toward {
    /// To the left within a row.
    Left,
    /// To the right within a row.
    Right,
    /// To the row above.
    Up,
    /// To the row below.
    Down,
    /// To the first of the row.
    First,
    /// To the last of the row.
    Last,
}

impl Selection {
    /// The link between two hosts, whichever is named first.
    pub fn link(a: u32, b: u32) -> Self {
        Self::Link(a.min(b), a.max(b))
    }

    /// The partition that is selected, as a whole or in a replica.
    pub fn partition(&self) -> Option<&TopicPartition> {
        match self {
            Self::Partition(tp) | Self::Replica(tp, _) => Some(tp),
            _ => None,
        }
    }

    /// The host that a fault on the selection befalls: a replica's is its broker's, a partition's its leader's,
    /// a group's its coordinator's.
    pub fn host(&self, scene: &Scene) -> Option<u32> {
        let broker = |id: &i32| scene.brokers.get(id).map(|b| b.host);
        match self {
            Self::Replica(_, id) | Self::Broker(id) => broker(id),
            Self::Partition(tp) => broker(&scene.partitions.get(tp)?.leader?),
            Self::Controller(id) => scene.controllers.get(id).map(|c| c.host),
            Self::Client(host) => scene.hosts.contains_key(host).then_some(*host),
            Self::Group(id) => broker(&scene.groups.get(id)?.coordinator?),
            Self::Link(..) | Self::Packet(_) => None,
        }
    }

    /// Whether it is there; messages are asked for in `flights`.
    pub fn is_there(&self, scene: &Scene, flights: &[PacketView]) -> bool {
        match self {
            Self::Partition(tp) => scene.partitions.contains_key(tp),
            Self::Replica(tp, broker) => scene.partitions.get(tp).is_some_and(|p| p.replicas.contains(broker)),
            Self::Broker(id) => scene.brokers.contains_key(id),
            Self::Controller(id) => scene.controllers.contains_key(id),
            Self::Client(host) => scene.hosts.get(host).is_some_and(|h| h.role != Role::Tool || h.process.is_up()),
            Self::Group(id) => scene.groups.contains_key(id),
            Self::Link(a, b) => scene.hosts.contains_key(a) && scene.hosts.contains_key(b),
            Self::Packet(id) => flights.iter().any(|p| p.id == *id),
        }
    }

    /// Its name: `broker 2`, `orders-0`, `link broker 1 to broker 3`.
    pub fn name(&self, scene: &Scene) -> String {
        match self {
            Self::Partition(tp) => tp.to_string(),
            Self::Replica(tp, broker) => format!("{tp} on broker {broker}"),
            Self::Broker(id) => format!("broker {id}"),
            Self::Controller(id) => format!("controller {id}"),
            Self::Client(host) => scene.host_name(*host).to_string(),
            Self::Group(id) => format!("group {id}"),
            Self::Link(a, b) => format!("link {} to {}", scene.host_name(*a), scene.host_name(*b)),
            Self::Packet(id) => format!("message {}", id.0),
        }
    }

    /// Its id among the page's elements.
    pub fn id(&self) -> String {
        match self {
            Self::Partition(tp) => format!("at-{tp}"),
            Self::Replica(tp, broker) => format!("at-{tp}-on-{broker}"),
            Self::Broker(id) => format!("at-broker-{id}"),
            Self::Controller(id) => format!("at-controller-{id}"),
            Self::Client(host) => format!("at-client-{host}"),
            Self::Group(id) => format!("at-group-{id}"),
            Self::Link(a, b) => format!("at-link-{a}-{b}"),
            Self::Packet(id) => format!("at-message-{}", id.0),
        }
    }

    /// What is to say about it in a sentence, for people who do not see it.
    pub fn sentence(&self, scene: &Scene, now: f64) -> String {
        match self {
            Self::Replica(tp, broker) => replica_sentence(scene, tp, *broker),
            Self::Partition(tp) => {
                let leader = scene.partitions.get(tp).and_then(|p| p.leader);
                let leads = leader.map_or("nobody leads".into(), |id| format!("led by broker {id}"));
                let words = partition_words(scene, tp, now).0;
                if words.is_empty() { format!("{tp}, {leads}") } else { format!("{tp}, {leads}, {words}") }
            }
            Self::Broker(id) => broker_sentence(scene, *id),
            Self::Controller(id) => match scene.controllers.get(id) {
                Some(c) => {
                    let process = process_word(scene.controller_process(*id)).unwrap_or("running");
                    format!("controller {id}, {}, {process}, epoch {}, log end {}", c.role, c.epoch, c.leo)
                }
                None => self.name(scene),
            },
            Self::Client(host) => match scene.hosts.get(host) {
                Some(h) => {
                    let state = process_word(h.process).map(|w| format!(", {w}")).unwrap_or_default();
                    let holds = scene.consumers.get(&h.name).filter(|_| h.role == Role::Consumer);
                    let holds = holds.map(|c| holdings_words(scene, c)).unwrap_or_default();
                    format!("{} {}{state}{holds}", role_word(h.role), h.name)
                }
                None => self.name(scene),
            },
            Self::Group(id) => group_sentence(scene, id),
            Self::Link(..) | Self::Packet(_) => self.name(scene),
        }
    }

    /// Where the arrow keys lead from here.
    pub fn moved(&self, to: Toward, scene: &Scene, layout: &Layout) -> Option<Self> {
        let rows = rows(scene, layout);
        let at = rows.iter().enumerate().find_map(|(r, row)| Some((r, row.iter().position(|s| s == self)?)));
        let Some((r, c)) = at else { return rows.into_iter().flatten().find(|s| s.partition() == self.partition()) };
        match to {
            Toward::Left => c.checked_sub(1).map(|c| rows[r][c].clone()),
            Toward::Right => rows[r].get(c + 1).cloned(),
            Toward::First => rows[r].first().cloned(),
            Toward::Last => rows[r].last().cloned(),
            Toward::Up => r.checked_sub(1).and_then(|r| self.nearest(&rows[r], c)),
            Toward::Down => rows.get(r + 1).and_then(|row| self.nearest(row, c)),
        }
    }

    /// In another row: the same partition's replica, or what is of the same kind, or what stands in the same place.
    fn nearest(&self, row: &[Self], at: usize) -> Option<Self> {
        let same = |s: &&Self| self.partition().is_some() && s.partition() == self.partition();
        let kind = |s: &&Self| std::mem::discriminant(*s) == std::mem::discriminant(self);
        let place = || row.get(at.min(row.len().checked_sub(1)?));
        row.iter().find(same).or_else(|| row.iter().find(kind)).or_else(place).cloned()
    }
}

/// All that can be reached by arrow keys, row by row: the controllers; then each broker with its replicas, and the
/// clients beside it.
pub fn rows(scene: &Scene, layout: &Layout) -> Vec<Vec<Selection>> {
    let mut rows: Vec<Vec<Selection>> = Vec::new();
    if let Some(quorum) = &layout.quorum {
        rows.push(quorum.nodes.iter().map(|(id, _)| Selection::Controller(*id)).collect());
    }
    let first = rows.len();
    for column in layout.columns.iter().filter(|c| c.panel.is_some()) {
        let replicas = column.tapes.iter().map(|(id, _)| Selection::Replica(column.tp.clone(), *id));
        rows.push([Selection::Partition(column.tp.clone())].into_iter().chain(replicas).collect());
    }
    for shelf in &layout.shelves {
        let on = layout.columns.iter().filter(|c| c.panel.is_none() && c.tape(shelf.broker).is_some());
        let replicas = on.map(|c| Selection::Replica(c.tp.clone(), shelf.broker));
        rows.push([Selection::Broker(shelf.broker)].into_iter().chain(replicas).collect());
    }
    for band in &layout.bands {
        rows.push(band.ticks.iter().map(|(id, _)| Selection::Broker(*id)).collect());
    }
    if rows.len() == first {
        rows.push(Vec::new());
    }
    let count = rows.len() - first;
    let (mut left, mut right) = (vec![Vec::new(); count], vec![Vec::new(); count]);
    let clients = layout.clients.iter().filter(|c| scene.hosts.contains_key(&c.host));
    let (consumers, others): (Vec<_>, Vec<_>) = clients.partition(|c| c.role == Role::Consumer);
    let client = |c: &&ClientBox| (c.card.y, Selection::Client(c.host));
    let group = |g: &GroupBox| (g.head.y, Selection::Group(g.id.clone()));
    let mut consumers: Vec<_> = consumers.iter().map(client).chain(layout.groups.iter().map(group)).collect();
    consumers.order_by(|a, b| a.0.total_cmp(&b.0));
    for (side, of) in [(&mut left, others.iter().map(client).collect()), (&mut right, consumers)] {
        let n = of.len().max(1);
        of.into_iter().enumerate().for_each(|(i, (_, what))| side[i * count / n].push(what));
    }
    for (row, (left, right)) in rows[first..].iter_mut().zip(left.into_iter().zip(right)) {
        row.splice(0..0, left);
        row.extend(right);
    }
    rows.retain(|row| !row.is_empty());
    rows
}

/// What a consumer in a group holds: `, in group billing, owns orders-0, next orders-2`.
fn holdings_words(scene: &Scene, consumer: &ConsumerView) -> String {
    let Some(group) = &consumer.group else { return String::new() };
    let all = scene.holdings(consumer);
    let of = |holding: Holding, word: &str| {
        let some: Vec<String> =
            all.iter().filter(|(_, is)| *is == holding).map(|(tp, _)| tp.to_string()).take(NAMED).collect();
        if some.is_empty() { String::new() } else { format!(", {word} {}", some.join(", ")) }
    };
    let owns = if all.is_empty() { ", owns nothing".into() } else { of(Holding::Owned, "owns") };
    let (revoked, next) = (of(Holding::Revoked, "to give up"), of(Holding::Assigned, "next"));
    format!(", in group {group}{owns}{revoked}{next}")
}

/// How many partitions a sentence names.
const NAMED: usize = 6;

fn group_sentence(scene: &Scene, id: &str) -> String {
    let Some(group) = scene.groups.get(id) else { return format!("group {id}") };
    let coordinator = group.coordinator.map_or("no coordinator".into(), |id| format!("coordinator broker {id}"));
    if group.state == GroupState::Unknown {
        return format!("group {id}, not loaded anywhere, {coordinator}");
    }
    let members = if group.members.len() == 1 { "1 member".into() } else { format!("{} members", group.members.len()) };
    let (state, generation, lag) = (group_word(group.state), group.generation, scene.group_lag(group));
    format!("group {id}, {state}, generation {generation}, {members}, lag {lag}, {coordinator}")
}

/// A group's state in words.
pub fn group_word(state: GroupState) -> &'static str {
    match state {
        GroupState::Unknown => "not loaded",
        GroupState::Empty => "empty",
        GroupState::PreparingRebalance => "rebalancing: members join",
        GroupState::CompletingRebalance => "rebalancing: leader assigns",
        GroupState::Stable => "stable",
    }
}

/// A process's state in a word; none when it runs.
pub fn process_word(process: Process) -> Option<&'static str> {
    match process {
        Process::Running => None,
        Process::Paused => Some("paused"),
        Process::Crashed => Some("down"),
        Process::Stopped => Some("stopped"),
    }
}

fn role_word(role: Role) -> &'static str {
    match role {
        Role::Broker(_) => "broker",
        Role::Controller(_) => "controller",
        Role::Producer => "producer",
        Role::Consumer => "consumer",
        Role::Tool => "tool",
    }
}

fn broker_sentence(scene: &Scene, id: i32) -> String {
    let Some(broker) = scene.brokers.get(&id) else { return format!("broker {id}") };
    let rack = broker.rack.as_ref().map(|rack| format!(", rack {rack}")).unwrap_or_default();
    let process = process_word(scene.broker_process(id)).unwrap_or("alive");
    let fenced = if broker.fenced { ", fenced" } else { "" };
    format!("broker {id}{rack}, {process}{fenced}, leads {}, holds {}", broker.leads, broker.holds)
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::super::layout::{Room, layout};
    use super::*;

    fn stage() -> (Scene, Layout) {
        let scene = fixture::two_faults();
        let layout = layout(&scene, Room { width: 1076.0, height: 618.0, large: false }, None);
        (scene, layout)
    }

    fn replica(p: i32, broker: i32) -> Selection {
        Selection::Replica(TopicPartition::new("orders", p), broker)
    }

    #[test]
    fn arrows_move_over_shelf_and_column() {
        let (scene, layout) = stage();
        let go = |from: &Selection, to| from.moved(to, &scene, &layout);
        assert_eq!(go(&replica(1, 1), Toward::Down), Some(replica(1, 2)));
        assert_eq!(go(&replica(1, 1), Toward::Right), Some(replica(2, 1)));
        assert_eq!(go(&replica(0, 3), Toward::Left), Some(Selection::Broker(3)));
        assert_eq!(go(&Selection::Broker(1), Toward::Down), Some(Selection::Broker(2)));
        assert!(matches!(go(&replica(0, 1), Toward::Up), Some(Selection::Controller(_))));
        assert!(matches!(go(&replica(2, 2), Toward::Right), Some(Selection::Client(_) | Selection::Group(_))));
        assert_eq!(go(&replica(2, 3), Toward::Down), None);
        let partition = Selection::Partition(TopicPartition::new("orders", 2));
        assert_eq!(go(&partition, Toward::Down), Some(replica(2, 1)), "from a head to its first replica");
    }

    #[test]
    fn everything_on_the_stage_is_reached_once() {
        for (brokers, partitions) in [(1, 3), (3, 3), (10, 12), (100, 1_000)] {
            let names: [&[&str]; 2] = [&["a", "b", "c", "d"], &["e"]];
            let mut scene = fixture::cluster(brokers, 3, &["x", "y"], &[("t", partitions, 3)], names);
            fixture::group(&mut scene, "g", &["e"]);
            let layout = layout(&scene, Room { width: 1076.0, height: 618.0, large: false }, None);
            let mut all: Vec<Selection> = rows(&scene, &layout).into_iter().flatten().collect();
            let count = all.len();
            all.order();
            all.dedup();
            assert_eq!(all.len(), count);
            let clients = all.iter().filter(|s| matches!(s, Selection::Client(_))).count();
            let found = all.iter().filter(|s| matches!(s, Selection::Broker(_))).count();
            let groups = all.iter().filter(|s| matches!(s, Selection::Group(_))).count();
            assert_eq!((clients, found, groups), (5, brokers as usize, 1));
        }
    }

    #[test]
    fn everything_has_a_sentence() {
        let (scene, _) = stage();
        let say = |s: Selection| s.sentence(&scene, 12.8e6);
        assert_eq!(
            say(replica(0, 3)),
            "orders-0 on broker 3, follower, out of ISR, 6 behind, high watermark 44, log end 44"
        );
        assert_eq!(say(replica(0, 1)), "orders-0 on broker 1, leader, high watermark 46 held, log end 50");
        assert_eq!(say(Selection::Broker(2)), "broker 2, rack b, down, fenced, leads 0, holds 3");
        assert_eq!(say(Selection::Controller(102)), "controller 102, leader, running, epoch 3, log end 320");
        assert_eq!(
            say(Selection::Group("billing".into())),
            "group billing, rebalancing: leader assigns, generation 9, 3 members, lag 9, coordinator broker 3"
        );
        let host = scene.consumers["bill-1"].host;
        assert_eq!(say(Selection::Client(host)), "consumer bill-1, in group billing, owns orders-0, orders-2");
        let words = say(Selection::Partition(TopicPartition::new("orders", 1)));
        assert_eq!(words, "orders-1, led by broker 3, leader e4 to e5");
    }
}
