//! The selected partition in numbers.

use super::app::App;
use crate::base::TopicPartition;
use crate::view::{PartitionView, ReplicaView, Scene, Token, records_text};
use yew::prelude::*;

/// The details of the selected partition.
pub(super) fn details(app: &App) -> Html {
    let Some(tp) = app.selected() else {
        return html! { <p class="empty">{ "A topic’s partitions appear here once there is one." }</p> };
    };
    app.desk.with(|player| partition(player.scene(), &tp)).unwrap_or_default()
}

fn partition(scene: &Scene, tp: &TopicPartition) -> Html {
    let nothing = PartitionView::default();
    let view = scene.partitions.get(tp).unwrap_or(&nothing);
    let Some((leader, replica)) = scene.leader_replica(tp) else {
        return html! { <p class="empty">{ format!("{tp} has no leader.") }</p> };
    };
    let chip = format!("part p{}", tp.partition.rem_euclid(8));
    let row = |name: &'static str, value: String| html! { <><dt>{ name }</dt><dd>{ value }</dd></> };
    html! {
        <>
            <h2 class="ttl"><span class={chip}>{ format!("P{}", tp.partition) }</span>{ tp.to_string() }</h2>
            <p class="lead">{ summary(leader, replica, view) }</p>
            <dl class="kv">
                { row("Leader", format!("Broker {leader}")) }
                { row("Leader epoch", view.leader_epoch.to_string()) }
                { row("Partition epoch", view.partition_epoch.to_string()) }
                { row("ISR", format!("{:?}", view.isr)) }
                { row("Replicas", format!("{:?}", view.replicas)) }
                { row("High watermark", replica.hw.to_string()) }
                { row("Log end offset", replica.leo.to_string()) }
                { row("Log start offset", replica.start.to_string()) }
            </dl>
            { readers(scene, tp, replica) }
            { records(replica) }
        </>
    }
}

fn summary(leader: i32, replica: &ReplicaView, view: &PartitionView) -> String {
    let open = (replica.leo - replica.hw) as u64;
    let alone = if view.isr.len() == 1 { " alone" } else { "" };
    match open {
        0 if replica.leo == 0 => format!("Broker {leader} leads{alone}. No record yet."),
        0 => format!("Broker {leader} leads{alone}. All {} are committed.", records_text(replica.leo as u64)),
        _ => format!("Broker {leader} leads{alone}. {} not committed yet.", records_text(open)),
    }
}

fn readers(scene: &Scene, tp: &TopicPartition, replica: &ReplicaView) -> Html {
    let row = |(name, position): (String, i64)| {
        html! {
            <tr key={name.clone()}><th scope="row">{ name }</th><td class="r">{ position }</td>
                <td class="r">{ (replica.hw - position).max(0) }</td></tr>
        }
    };
    let of = |(name, c): (&std::sync::Arc<str>, &crate::view::ConsumerView)| {
        c.positions.iter().find(|(at, _)| at == tp).map(|(_, offset)| (name.to_string(), *offset))
    };
    let rows: Vec<_> = scene.consumers.iter().filter_map(of).collect();
    if rows.is_empty() {
        return Html::default();
    }
    html! {
        <section class="sec">
            <h3>{ "Consumers" }</h3>
            <table>
                <thead><tr><th scope="col">{ "Name" }</th><th scope="col" class="r">{ "position" }</th><th scope="col" class="r">{ "lag to HW" }</th></tr></thead>
                <tbody>{ for rows.into_iter().map(row) }</tbody>
            </table>
        </section>
    }
}

fn records(replica: &ReplicaView) -> Html {
    let row = |cell: &crate::view::Cell| {
        let token = Token::of(cell.key.as_deref());
        let key = cell.key.as_deref().unwrap_or("no key").to_string();
        html! {
            <tr key={cell.offset}><th scope="row" class="mono">{ cell.offset }</th>
                <td class={format!("key k{}", token.0)}><i aria-hidden="true"></i>{ key }</td>
                <td class="q">{ if replica.committed(cell.offset) { "committed" } else { "open" } }</td></tr>
        }
    };
    html! {
        <section class="sec">
            <h3>{ "Last records" }</h3>
            <table>
                <thead><tr><th scope="col">{ "Offset" }</th><th scope="col">{ "Key" }</th><th scope="col">{ "State" }</th></tr></thead>
                <tbody>{ for replica.tail.iter().rev().take(10).map(row) }</tbody>
            </table>
        </section>
    }
}
