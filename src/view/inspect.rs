//! The inspector: what is known of the selected thing, as rows and tables under Kafka's names.

use super::packet::{PacketView, records_text};
use super::scene::{
    BrokerPhase, GroupState, GroupView, Health, LinkView, MemberInfo, PartitionView, Process, Role, Scene, SetConfig,
    Standing,
};
use super::select::{Selection, process_word};
use super::words::{Tone, replica_words};
use crate::base::{Sort, TopicPartition};
use std::sync::Arc;

/// What is known of a thing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sheet {
    /// The partition whose chip stands before the title.
    pub chip: Option<i32>,
    /// What it is called.
    pub title: String,
    /// How it is, in a word or two.
    pub state: Option<(String, Tone)>,
    /// What matters most about it, in a sentence or two.
    pub lead: String,
    /// Names and values.
    pub rows: Vec<(&'static str, String, Tone)>,
    /// Tables.
    pub tables: Vec<Table>,
}

/// A table of a sheet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// What it is about.
    pub title: &'static str,
    /// The columns' names.
    pub head: Vec<&'static str>,
    /// The rows, each with its tone.
    pub rows: Vec<(Vec<String>, Tone)>,
}

impl Sheet {
    fn row(&mut self, name: &'static str, value: impl ToString) {
        self.rows.push((name, value.to_string(), Tone::Plain));
    }

    fn toned(&mut self, name: &'static str, value: impl ToString, tone: Tone) {
        self.rows.push((name, value.to_string(), tone));
    }
}

/// The sheet of a selection at `now`, in microseconds; messages are looked for in `packets`.
pub fn sheet<'a>(
    selection: &Selection,
    scene: &Scene,
    now: f64,
    packets: impl IntoIterator<Item = &'a PacketView>,
) -> Sheet {
    match selection {
        Selection::Partition(tp) | Selection::Replica(tp, _) => partition(scene, tp),
        Selection::Broker(id) => broker(scene, *id, now),
        Selection::Controller(id) => controller(scene, *id, now),
        Selection::Client(host) => client(scene, *host),
        Selection::Group(id) => group(scene, id),
        Selection::Link(a, b) => link(scene, *a, *b),
        Selection::Packet(id) => {
            packets.into_iter().find(|p| p.id == *id).map(|p| packet(scene, p)).unwrap_or_default()
        }
    }
}

fn partition(scene: &Scene, tp: &TopicPartition) -> Sheet {
    let nothing = PartitionView::default();
    let view = scene.partitions.get(tp).unwrap_or(&nothing);
    let mut out = Sheet { chip: Some(tp.partition), title: tp.to_string(), ..Sheet::default() };
    out.state = match scene.health(tp) {
        Health::Whole => None,
        Health::UnderReplicated => Some(("Under-replicated".into(), Tone::Warn)),
        Health::BelowMinIsr => Some(("Below min ISR".into(), Tone::Warn)),
        Health::Offline => Some(("No leader".into(), Tone::Bad)),
    };
    out.lead = partition_lead(scene, tp, view);
    out.row("Leader", view.leader.map_or("none".into(), |id| format!("Broker {id}")));
    out.row("Leader epoch", view.leader_epoch);
    out.row("Partition epoch", view.partition_epoch);
    let (min, held) = (scene.min_isr(tp), scene.hw_held(tp));
    if held {
        out.toned("ISR", format!("{:?} of {min} required", view.isr), Tone::Warn);
    } else {
        out.row("ISR", format!("{:?}", view.isr));
    }
    out.row("Replicas", format!("{:?}", view.replicas));
    if !view.elr.is_empty() {
        out.row("Eligible leader replicas", format!("{:?}", view.elr));
    }
    if !view.last_known_elr.is_empty() {
        out.row("Last known ELR", format!("{:?}", view.last_known_elr));
    }
    if let Some((_, leader)) = scene.leader_replica(tp) {
        let hw = if held { format!("{} held", leader.hw) } else { leader.hw.to_string() };
        out.toned("High watermark", hw, if held { Tone::Warn } else { Tone::Plain });
        out.row("Log end offset", leader.leo);
        out.row("Log start offset", leader.start);
    }
    out.row("min.insync.replicas", scene.topics.get(&tp.topic).map_or(1, |t| t.min_isr));
    out.tables.push(replicas(scene, tp, view));
    out.tables.extend(readers(scene, tp));
    out.tables.extend(overrides(scene, tp));
    out
}

fn partition_lead(scene: &Scene, tp: &TopicPartition, view: &PartitionView) -> String {
    let Some((leader, replica)) = scene.leader_replica(tp) else {
        return match view.leader {
            Some(leader) => format!("Broker {leader} is to lead and has no log yet."),
            None => "Nobody leads: neither writes nor reads are served.".into(),
        };
    };
    if scene.hw_held(tp) {
        let alone = if view.isr.len() == 1 { "alone" } else { "with too few" };
        return format!(
            "Broker {leader} leads {alone}. Writes with acks=all are refused; readers stop at offset {}.",
            replica.hw
        );
    }
    let alone = if view.isr.len() == 1 && view.replicas.len() > 1 { " alone" } else { "" };
    match (replica.leo - replica.hw).max(0) as u64 {
        0 if replica.leo == 0 => format!("Broker {leader} leads{alone}. No record yet."),
        0 => format!("Broker {leader} leads{alone}. All {} are committed.", records_text(replica.leo as u64)),
        open => format!("Broker {leader} leads{alone}. {} not committed yet.", records_text(open)),
    }
}

fn replicas(scene: &Scene, tp: &TopicPartition, view: &PartitionView) -> Table {
    let leader = scene.leader_replica(tp).map(|(_, r)| r.leo);
    let row = |broker: &i32| {
        let replica = scene.replicas.get(&(tp.clone(), *broker));
        let leo = replica.map_or(0, |r| r.leo);
        let lag = leader.map_or("".into(), |end| (end - leo).max(0).to_string());
        let (state, tone) = match scene.standing(tp, *broker) {
            Standing::Leads => ("leads, in ISR".to_owned(), Tone::Plain),
            Standing::Offline { in_elr: true, .. } => ("down, in ELR".into(), Tone::Quiet),
            Standing::Offline { .. } => ("down".into(), Tone::Quiet),
            Standing::OutOfSync { .. } => ("out of ISR".into(), Tone::Warn),
            Standing::InSync { .. } => ("in ISR".into(), Tone::Plain),
            Standing::Deposed => ("deposed".into(), Tone::Warn),
            Standing::Paused { .. } => ("paused".into(), Tone::Warn),
        };
        let cut = replica.is_some_and(|r| r.diverges.is_some());
        let words = replica_words(scene, tp, *broker).filter(|_| cut).map(|(words, _)| words);
        let epoch = replica.map_or(String::new(), |r| format!("e{}", r.epoch));
        let cells = vec![format!("Broker {broker}"), epoch, leo.to_string(), lag, words.unwrap_or(state)];
        (cells, if cut { Tone::Bad } else { tone })
    };
    Table {
        title: "Replicas",
        head: vec!["", "epoch", "LEO", "lag", "state"],
        rows: view.replicas.iter().map(row).collect(),
    }
}

/// What is set on the partition's topic.
fn overrides(scene: &Scene, tp: &TopicPartition) -> Option<Table> {
    let row = |(name, set): (&Arc<str>, &SetConfig)| {
        let value = if set.built { set.value.to_string() } else { format!("{} (changes nothing yet)", set.value) };
        (vec![name.to_string(), value], if set.built { Tone::Plain } else { Tone::Quiet })
    };
    let rows: Vec<_> = scene.topics.get(&tp.topic)?.configs.iter().map(row).collect();
    (!rows.is_empty()).then_some(Table { title: "Topic config", head: vec!["", "set to"], rows })
}

fn readers(scene: &Scene, tp: &TopicPartition) -> Option<Table> {
    let hw = scene.leader_replica(tp).map_or(0, |(_, r)| r.hw);
    let rows: Vec<(Vec<String>, Tone)> = scene
        .consumers
        .iter()
        .filter_map(|(name, c)| Some((name, c.positions.iter().find(|(of, _)| of == tp)?.1)))
        .map(|(name, at)| (vec![name.to_string(), at.to_string(), (hw - at).max(0).to_string()], Tone::Plain))
        .collect();
    let head = vec!["", "position", "lag to HW"];
    (!rows.is_empty()).then_some(Table { title: "Consumers", head, rows })
}

fn group(scene: &Scene, id: &str) -> Sheet {
    let mut out = Sheet { title: format!("Group {id}"), ..Sheet::default() };
    let Some(view) = scene.groups.get(id) else { return out };
    let tone = match view.state {
        GroupState::Stable => Tone::Plain,
        GroupState::Unknown => Tone::Bad,
        _ => Tone::Warn,
    };
    out.state = Some((view.state.name().into(), tone));
    out.lead = match view.state {
        GroupState::Unknown => {
            "No broker has it loaded: its coordinator is down, reads its log, or is yet to be elected."
        }
        GroupState::Empty => "It has no members. What it has committed stays for offsets.retention.minutes.",
        GroupState::PreparingRebalance => "It waits until every member has sent JoinGroup, or the rebalance times out.",
        GroupState::CompletingRebalance => "All have joined. The leader assigns, and sends that with its SyncGroup.",
        GroupState::Stable => "Every member has its assignment.",
    }
    .into();
    out.row("Coordinator", view.coordinator.map_or("none".into(), |id| format!("Broker {id}")));
    if view.state == GroupState::Unknown {
        return out;
    }
    out.row("Generation", view.generation);
    out.row("Assignor", view.protocol.as_deref().unwrap_or("none"));
    out.row("Lag", scene.group_lag(view));
    out.tables.extend(members(view));
    out.tables.extend(committed(scene, view));
    out
}

fn members(view: &GroupView) -> Option<Table> {
    let row = |member: &MemberInfo| {
        let assigned: Vec<String> = member.assigned.iter().map(ToString::to_string).collect();
        let assigned = if assigned.is_empty() { "nothing".into() } else { assigned.join(", ") };
        let waits = match (member.awaits_join, member.awaits_sync) {
            (true, _) => "waits in JoinGroup",
            (_, true) => "waits in SyncGroup",
            _ if view.leader.as_ref() == Some(&member.id) => "leads",
            _ => "",
        };
        (vec![member.client.to_string(), assigned, waits.into()], Tone::Plain)
    };
    let rows: Vec<_> = view.members.iter().map(row).collect();
    (!rows.is_empty()).then_some(Table { title: "Members", head: vec!["", "assigned", ""], rows })
}

fn committed(scene: &Scene, view: &GroupView) -> Option<Table> {
    let row = |(tp, offset): &(TopicPartition, i64)| {
        let lag = scene.lag(tp, *offset).map_or("no leader".into(), |lag| lag.to_string());
        (vec![tp.to_string(), offset.to_string(), lag], Tone::Plain)
    };
    let rows: Vec<_> = view.committed.iter().map(row).collect();
    (!rows.is_empty()).then_some(Table { title: "Committed offsets", head: vec!["", "offset", "lag to HW"], rows })
}

/// A process's state for a sheet's head, and since when it lasts.
fn process(out: &mut Sheet, scene: &Scene, host: u32, now: f64) {
    let Some(view) = scene.hosts.get(&host) else { return };
    let age = ((now - view.since.0 as f64) / 1e6).max(0.0);
    if let Some(word) = process_word(view.process) {
        let tone = if view.process == Process::Paused { Tone::Warn } else { Tone::Bad };
        out.state = Some((capital(word), tone));
        out.toned("Process", format!("{word} for {age:.1} s"), tone);
    } else {
        out.row("Process", format!("runs for {age:.1} s"));
    }
    for impairment in view.impairments() {
        out.toned("Impaired", impairment, Tone::Warn);
    }
}

fn broker(scene: &Scene, id: i32, now: f64) -> Sheet {
    let mut out = Sheet { title: format!("Broker {id}"), ..Sheet::default() };
    let Some(view) = scene.brokers.get(&id) else { return out };
    process(&mut out, scene, view.host, now);
    let up = scene.broker_process(id).is_up();
    out.lead = match (up, view.fenced) {
        (true, _) if view.phase == BrokerPhase::Stopping => {
            "It shuts down in order: its leaderships move away first.".into()
        }
        (true, _) if view.phase == BrokerPhase::Starting => "It registers, and reads the metadata log first.".into(),
        (true, _) if view.phase == BrokerPhase::Recovery => {
            "It opens its logs and waits to be let into service.".into()
        }
        (true, true) => "The controller has it out of service: it may hold replicas and lead none.".into(),
        (true, false) => format!("It leads {} of the {} partitions that it holds.", view.leads, view.holds),
        (false, true) => "Its process is gone, and the controller has noticed: others lead what it led.".into(),
        (false, false) => {
            "Its process is gone, and the controller has not noticed yet: its session must run out.".into()
        }
    };
    if out.state.is_none() && view.fenced {
        out.state = Some(("Fenced".into(), Tone::Warn));
    }
    out.row("Rack", view.rack.as_deref().unwrap_or("none"));
    out.row("Listener", &view.listener);
    let word = if view.fenced { "fenced" } else { "in service" };
    out.toned("Registration", word, if view.fenced { Tone::Warn } else { Tone::Plain });
    if view.fenced {
        out.row("Fenced at", format!("{:.3} s", view.fenced_since.0 as f64 / 1e6));
    }
    if let Some(epoch) = view.epoch {
        out.row("Broker epoch", epoch);
    }
    if up && !scene.controllers.is_empty() {
        let behind = (scene.quorum.hw - view.metadata_offset).max(0);
        let text = if behind > 0 {
            format!("{} ({behind} behind)", view.metadata_offset)
        } else {
            view.metadata_offset.to_string()
        };
        out.row("Metadata offset", text);
    }
    out.row("Leads", view.leads);
    out.row("Holds", view.holds);
    out.tables.extend(held(scene, id));
    out
}

/// How many of a broker's partitions are listed.
const LISTED: usize = 30;

fn held(scene: &Scene, id: i32) -> Option<Table> {
    let on = scene.partitions.iter().filter(|(_, p)| p.replicas.contains(&id));
    let mut rows: Vec<(TopicPartition, Standing)> = on.map(|(tp, _)| (tp.clone(), scene.standing(tp, id))).collect();
    let rank = |s: &Standing| match s {
        Standing::Deposed | Standing::OutOfSync { .. } => 0,
        Standing::Leads => 1,
        _ => 2,
    };
    rows.order_by_key(|(tp, s)| (tp.topic.starts_with("__"), rank(s), tp.clone()));
    let row = |(tp, standing): (TopicPartition, Standing)| {
        let (state, tone) = match standing {
            Standing::Leads => ("leads", Tone::Plain),
            Standing::Deposed => ("deposed", Tone::Warn),
            Standing::InSync { .. } => ("in ISR", Tone::Plain),
            Standing::OutOfSync { .. } => ("out of ISR", Tone::Warn),
            Standing::Paused { .. } => ("paused", Tone::Warn),
            Standing::Offline { .. } => ("offline", Tone::Quiet),
        };
        let replica = scene.replicas.get(&(tp.clone(), id));
        let number = |n: Option<i64>| n.map_or("–".into(), |n| n.to_string());
        let (hw, leo) = (number(replica.map(|r| r.hw)), number(replica.map(|r| r.leo)));
        (vec![tp.to_string(), hw, leo, state.into()], tone)
    };
    let rows: Vec<_> = rows.into_iter().take(LISTED).map(row).collect();
    (!rows.is_empty()).then_some(Table { title: "Replicas here", head: vec!["", "HW", "LEO", "state"], rows })
}

fn controller(scene: &Scene, id: i32, now: f64) -> Sheet {
    let mut out = Sheet { title: format!("Controller {id}"), ..Sheet::default() };
    let Some(view) = scene.controllers.get(&id) else { return out };
    process(&mut out, scene, view.host, now);
    let active = scene.quorum.active == Some(id) && scene.controller_process(id).is_up();
    if active && out.state.is_none() {
        out.state = Some(("Active".into(), Tone::Plain));
    }
    out.lead = match scene.quorum.active {
        _ if active => "It leads the metadata log: brokers register, beat and ask here.".into(),
        Some(leader) => format!("It follows controller {leader}, and would stand for election if that fell silent."),
        None => "The quorum has no leader: nothing about the cluster can change.".into(),
    };
    out.row("Role", view.role);
    out.row("Epoch", view.epoch);
    out.row("Log end offset", view.leo);
    out.row("High watermark", view.hw.map_or("not known yet".into(), |hw| hw.to_string()));
    let others = scene.controllers.iter().map(|(other, c)| {
        let tone = if scene.controller_process(*other).is_up() { Tone::Plain } else { Tone::Quiet };
        (vec![other.to_string(), c.role.to_string(), c.epoch.to_string(), c.leo.to_string()], tone)
    });
    out.tables.push(Table { title: "Quorum", head: vec!["", "role", "epoch", "LEO"], rows: others.collect() });
    if let Some(record) = &scene.quorum.record {
        out.row("Last record", format!("@{} {}", record.offset, record.words));
    }
    out
}

fn client(scene: &Scene, host: u32) -> Sheet {
    let Some(view) = scene.hosts.get(&host) else { return Sheet::default() };
    let mut out = Sheet { title: view.name.to_string(), ..Sheet::default() };
    if let Some(word) = process_word(view.process) {
        out.state = Some((capital(word), Tone::Warn));
    }
    if let Some((_, p)) = scene.producers.iter().find(|(_, p)| p.host == host) {
        out.lead = "A producer.".into();
        out.row("acks", p.acks_label());
        out.row("Acknowledged", p.acked);
        out.row("Pending", p.pending);
        out.toned("Given up", p.failed, if p.failed > 0 { Tone::Bad } else { Tone::Plain });
    } else if let Some((_, c)) = scene.consumers.iter().find(|(_, c)| c.host == host) {
        out.lead = "A consumer.".into();
        out.row("Delivered", c.delivered);
        let lag = |tp: &TopicPartition, at: i64| scene.leader_replica(tp).map_or(0, |(_, r)| (r.hw - at).max(0));
        let row = |(tp, at): &(TopicPartition, i64)| {
            (vec![tp.to_string(), at.to_string(), lag(tp, *at).to_string()], Tone::Plain)
        };
        let head = vec!["", "position", "lag to HW"];
        out.tables.push(Table { title: "Positions", head, rows: c.positions.iter().map(row).collect() });
    } else if view.role == Role::Tool {
        out.lead = "A tool that asks once and ends.".into();
    }
    out
}

fn link(scene: &Scene, a: u32, b: u32) -> Sheet {
    let (from, to) = (scene.host_name(a), scene.host_name(b));
    let mut out = Sheet { title: format!("{from} to {to}"), ..Sheet::default() };
    let way = |from, to| scene.links.get(&(from, to)).copied().unwrap_or_default();
    let words = |link: LinkView| match (link.cut, link.latency) {
        (true, _) => ("cut".to_owned(), Tone::Bad),
        (false, Some(latency)) => (format!("slow, {} ms", latency.0 / 1_000), Tone::Warn),
        (false, None) => ("as the network’s profile has it".into(), Tone::Plain),
    };
    let (there, back) = (words(way(a, b)), words(way(b, a)));
    out.lead =
        "A link is two ways; each can be cut alone. What is under way waits at a cut and arrives after it heals."
            .into();
    out.toned("There", there.0, there.1);
    out.toned("Back", back.0, back.1);
    if there.1 != Tone::Plain || back.1 != Tone::Plain {
        let cut = [there.1, back.1].contains(&Tone::Bad);
        out.state = Some(if cut { ("Cut".into(), Tone::Bad) } else { ("Slow".into(), Tone::Warn) });
    }
    out
}

fn packet(scene: &Scene, packet: &PacketView) -> Sheet {
    let kind = if packet.response { "response" } else { "request" };
    let mut out = Sheet { title: format!("{} {kind}", packet.api), ..Sheet::default() };
    if let Some(error) = &packet.error {
        out.state = Some(("Refused".into(), Tone::Bad));
        out.toned("Error", error, Tone::Bad);
    }
    out.lead = format!("{} to {}. {}", scene.host_name(packet.from), scene.host_name(packet.to), packet.summary());
    out.row("Version", packet.version);
    out.row("Correlation id", packet.correlation_id);
    out.row("Bytes", packet.size);
    out.row("Sent at", format!("{:.3} s", packet.sent.0 as f64 / 1e6));
    let until = packet.until.map_or("waits".into(), |at| format!("{:.3} s", at.0 as f64 / 1e6));
    out.row("Arrives at", until);
    out.row("Message", packet.id.0);
    out
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    fn of(selection: Selection) -> Sheet {
        let scene = fixture::two_faults();
        let packets = fixture::two_faults_traffic(&scene, 12_820_000);
        sheet(&selection, &scene, 12.82e6, &packets)
    }

    fn value<'a>(sheet: &'a Sheet, name: &str) -> &'a str {
        sheet.rows.iter().find(|(n, ..)| *n == name).map_or("", |(_, value, _)| value)
    }

    #[test]
    fn a_partition_below_min_isr_says_so() {
        let sheet = of(Selection::Partition(TopicPartition::new("orders", 0)));
        assert_eq!(sheet.state, Some(("Below min ISR".into(), Tone::Warn)));
        assert!(
            sheet.lead.starts_with("Broker 1 leads alone. Writes with acks=all are refused; readers stop at offset 46")
        );
        assert_eq!((value(&sheet, "ISR"), value(&sheet, "High watermark")), ("[1] of 2 required", "46 held"));
        assert_eq!(value(&sheet, "Eligible leader replicas"), "[2]");
        let lags: Vec<&str> = sheet.tables[0].rows.iter().map(|(cells, _)| cells[3].as_str()).collect();
        assert_eq!(lags, ["0", "4", "6"]);
    }

    #[test]
    fn a_broker_that_is_down_and_the_active_controller() {
        let down = of(Selection::Broker(2));
        assert_eq!(down.state, Some(("Down".into(), Tone::Bad)));
        assert_eq!((value(&down, "Process"), value(&down, "Fenced at")), ("down for 3.8 s", "11.000 s"));
        let active = of(Selection::Controller(102));
        assert_eq!((value(&active, "Role"), active.tables[0].rows.len()), ("leader", 3));
        assert_eq!(active.state, Some(("Active".into(), Tone::Plain)));
    }

    #[test]
    fn links_and_messages() {
        let scene = fixture::two_faults();
        let link = of(Selection::link(scene.brokers[&3].host, scene.brokers[&1].host));
        assert_eq!((value(&link, "There"), value(&link, "Back")), ("slow, 300 ms", "as the network’s profile has it"));
        let refused = of(Selection::Packet(crate::base::EventId(1)));
        assert_eq!((value(&refused, "Error"), &*refused.title), ("NOT_ENOUGH_REPLICAS", "Produce response"));
        assert_eq!(of(Selection::Packet(crate::base::EventId(999))), Sheet::default());
    }
}
