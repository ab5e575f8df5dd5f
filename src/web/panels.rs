//! The lists below the stage: event log, messages, and the stage as tables.

use super::app::{App, Msg};
use crate::view::{PacketView, Player, Scene, Selection, Weight, process_word};
use yew::prelude::*;

/// How many rows a list shows.
const ROWS: usize = 80;
/// How many rows a table of the stage shows.
const TABLE_ROWS: usize = 200;

/// The event log, newest first.
pub(super) fn log(app: &App, ctx: &Context<App>) -> Html {
    let rows = |player: &Player| -> Html {
        player
            .lines()
            .iter()
            .rev()
            .take(ROWS)
            .map(|(n, line)| {
                let class = match line.weight {
                    Weight::Routine => "routine",
                    Weight::Notable => "notable",
                    Weight::Alarm => "alarm",
                };
                let at = line.at;
                let go = ctx.link().callback(move |_| Msg::Seek(at));
                html! { <li key={*n} {class}><button class="link" onclick={go} title="Go to this moment"><time>{ seconds(line.at.0) }</time></button>{ &line.text }</li> }
            })
            .collect()
    };
    html! { <ol class="log">{ app.desk.with(rows).unwrap_or_default() }</ol> }
}

/// The last messages, newest first.
pub(super) fn messages(app: &App, ctx: &Context<App>) -> Html {
    let row = |scene: &Scene, p: &PacketView| {
        let id = p.id;
        let see = ctx.link().callback(move |_| Msg::Select(Selection::Packet(id)));
        let kind = if p.response { "response" } else { "request" };
        html! {
            <tr key={p.id.0} class={p.error.as_ref().map(|_| "alarm")}>
                <td class="mono">{ seconds(p.sent.0) }</td>
                <td>{ scene.host_name(p.from).to_string() }{ " to " }{ scene.host_name(p.to).to_string() }</td>
                <td><button class="link" onclick={see}><b>{ &*p.api }</b>{ format!(" v{} {kind}", p.version) }</button></td>
                <td>{ p.summary() }</td>
                <td class="r">{ p.size }</td>
                <td class="r">{ format!("{:.1}", p.travel().0 as f64 / 1e3) }</td>
            </tr>
        }
    };
    let rows = |player: &Player| -> Html {
        player.messages().iter().rev().take(ROWS).map(|p| row(player.scene(), p)).collect()
    };
    html! {
        <table class="grid">
            <thead><tr>
                <th scope="col">{ "Sent, s" }</th><th scope="col">{ "Way" }</th><th scope="col">{ "What" }</th>
                <th scope="col">{ "Content" }</th><th scope="col" class="r">{ "Bytes" }</th><th scope="col" class="r">{ "Travels, ms" }</th>
            </tr></thead>
            <tbody>{ app.desk.with(rows).unwrap_or_default() }</tbody>
        </table>
    }
}

/// The stage as tables: the same numbers for people who do not see it.
pub(super) fn tables(app: &App, ctx: &Context<App>) -> Html {
    app.desk
        .with(|player| {
            let scene = player.scene();
            html! { <>{ partitions(ctx, scene) }{ brokers(ctx, scene) }{ controllers(ctx, scene) }{ clients(ctx, scene) }</> }
        })
        .unwrap_or_default()
}

/// A row's head, which chooses what the row is about.
fn named(ctx: &Context<App>, name: String, selection: Selection) -> Html {
    let choose = ctx.link().callback(move |_| Msg::Select(selection.clone()));
    html! { <th scope="row"><button class="link" onclick={choose}>{ name }</button></th> }
}

fn partitions(ctx: &Context<App>, scene: &Scene) -> Html {
    let row = |(tp, view): (&crate::base::TopicPartition, &crate::view::PartitionView)| {
        let (leader, replica) = scene.leader_replica(tp).map(|(l, r)| (l.to_string(), r.clone())).unwrap_or_default();
        html! {
            <tr key={tp.to_string()}>{ named(ctx, tp.to_string(), Selection::Partition(tp.clone())) }<td class="r">{ leader }</td><td class="r">{ view.leader_epoch }</td>
                <td class="r">{ format!("{:?}", view.replicas) }</td><td class="r">{ format!("{:?}", view.isr) }</td>
                <td class="r">{ format!("{:?}", view.elr) }</td><td class="r">{ replica.start }</td>
                <td class="r">{ replica.hw }</td><td class="r">{ replica.leo }</td></tr>
        }
    };
    html! {
        <table class="grid">
            <caption>{ caption("Partitions", scene.partitions.len()) }</caption>
            <thead><tr><th scope="col">{ "Partition" }</th><th scope="col" class="r">{ "Leader" }</th><th scope="col" class="r">{ "Epoch" }</th>
                <th scope="col" class="r">{ "Replicas" }</th><th scope="col" class="r">{ "ISR" }</th><th scope="col" class="r">{ "ELR" }</th>
                <th scope="col" class="r">{ "Start" }</th><th scope="col" class="r">{ "HW" }</th>
                <th scope="col" class="r">{ "LEO" }</th></tr></thead>
            <tbody>{ for scene.partitions.iter().take(TABLE_ROWS).map(row) }</tbody>
        </table>
    }
}

fn brokers(ctx: &Context<App>, scene: &Scene) -> Html {
    let row = |(id, view): (&i32, &crate::view::BrokerView)| {
        let state = process_word(scene.broker_process(*id)).unwrap_or("running");
        html! {
            <tr key={*id}>{ named(ctx, format!("Broker {id}"), Selection::Broker(*id)) }<td>{ view.rack.as_deref().unwrap_or("–") }</td><td>{ state }</td>
                <td>{ if view.fenced { "fenced" } else { "in service" } }</td><td class="r">{ view.leads }</td><td class="r">{ view.holds }</td>
                <td class="r">{ if scene.broker_process(*id).is_up() { view.metadata_offset.to_string() } else { "–".into() } }</td></tr>
        }
    };
    html! {
        <table class="grid">
            <caption>{ caption("Brokers", scene.brokers.len()) }</caption>
            <thead><tr><th scope="col">{ "Broker" }</th><th scope="col">{ "Rack" }</th><th scope="col">{ "Process" }</th>
                <th scope="col">{ "Registration" }</th><th scope="col" class="r">{ "Leads" }</th><th scope="col" class="r">{ "Holds" }</th>
                <th scope="col" class="r">{ "Metadata offset" }</th></tr></thead>
            <tbody>{ for scene.brokers.iter().take(TABLE_ROWS).map(row) }</tbody>
        </table>
    }
}

fn controllers(ctx: &Context<App>, scene: &Scene) -> Html {
    let row = |(id, view): (&i32, &crate::view::ControllerView)| {
        let state = process_word(scene.controller_process(*id)).unwrap_or("running");
        let active = if scene.quorum.active == Some(*id) { ", active" } else { "" };
        html! {
            <tr key={*id}>{ named(ctx, format!("Controller {id}"), Selection::Controller(*id)) }<td>{ state }</td>
                <td>{ format!("{}{active}", view.role) }</td><td class="r">{ view.epoch }</td><td class="r">{ view.leo }</td></tr>
        }
    };
    html! {
        <table class="grid">
            <caption>{ caption("Controllers", scene.controllers.len()) }</caption>
            <thead><tr><th scope="col">{ "Controller" }</th><th scope="col">{ "Process" }</th><th scope="col">{ "Role" }</th>
                <th scope="col" class="r">{ "Epoch" }</th><th scope="col" class="r">{ "LEO" }</th></tr></thead>
            <tbody>{ for scene.controllers.iter().map(row) }</tbody>
        </table>
    }
}

fn clients(ctx: &Context<App>, scene: &Scene) -> Html {
    let producer = |(name, p): (&std::sync::Arc<str>, &crate::view::ProducerView)| {
        html! {
            <tr key={format!("p {name}")}>{ named(ctx, name.to_string(), Selection::Client(p.host)) }<td>{ format!("producer, acks={}", p.acks_label()) }</td>
                <td>{ format!("{} acknowledged, {} pending, {} given up", p.acked, p.pending, p.failed) }</td></tr>
        }
    };
    let consumer = |(name, c): (&std::sync::Arc<str>, &crate::view::ConsumerView)| {
        let positions: Vec<String> = c.positions.iter().map(|(tp, offset)| format!("{tp} at {offset}")).collect();
        html! {
            <tr key={format!("c {name}")}>{ named(ctx, name.to_string(), Selection::Client(c.host)) }<td>{ "consumer" }</td>
                <td>{ format!("{} read; {}", c.delivered, positions.join(", ")) }</td></tr>
        }
    };
    html! {
        <table class="grid">
            <caption>{ caption("Clients", scene.producers.len() + scene.consumers.len()) }</caption>
            <thead><tr><th scope="col">{ "Client" }</th><th scope="col">{ "Kind" }</th><th scope="col">{ "State" }</th></tr></thead>
            <tbody>{ for scene.producers.iter().take(TABLE_ROWS).map(producer) }{ for scene.consumers.iter().take(TABLE_ROWS).map(consumer) }</tbody>
        </table>
    }
}

fn caption(what: &str, rows: usize) -> String {
    if rows > TABLE_ROWS { format!("{what}: the first {TABLE_ROWS} of {rows}") } else { what.to_owned() }
}

/// Microseconds as seconds with three decimals.
pub(super) fn seconds(us: u64) -> String {
    format!("{}.{:03}", us / 1_000_000, us / 1_000 % 1_000)
}
