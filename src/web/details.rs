//! The inspector: the selected thing in numbers, and what can be done to it.

use super::app::{App, Msg};
use super::bytes::Bytes;
use super::icons::icon;
use crate::base::{EventId, TopicPartition};
use crate::view::{
    Cell, Link, Mark, Offer, Owner, Player, Role, Scene, Selection, Sheet, Table, Token, Tone, offers, sheet,
};
use yew::prelude::*;

/// The details of the selected thing.
pub(super) fn details(app: &App, ctx: &Context<App>) -> Html {
    let Some(selected) = app.selected() else {
        return html! { <p class="empty">{ "What is selected on the stage appears here." }</p> };
    };
    let look = |player: &Player| {
        let scene = player.scene();
        let packets = player.flights().iter().chain(player.messages());
        let last = player.chronicle().last_about(&selected.name(scene), player.now()).cloned();
        let sheet = sheet(&selected, scene, player.now(), packets);
        (sheet, offers(&selected, scene), records(ctx, scene, &selected), last)
    };
    if let Some(at) = &app.record {
        return record(app, ctx, at);
    }
    let Some((sheet, offers, records, last)) = app.desk.with(look) else { return Html::default() };
    let asked = match &selected {
        Selection::Packet(id) => Some(*id),
        _ => last.as_ref().map(|mark| mark.id),
    };
    html! {
        <>
            { self::shown(&sheet) }
            { last.map(|mark| changed(ctx, &mark)) }
            { asked.map(|id| why(app, ctx, id)) }
            { records }
            { message(app, ctx, &selected) }
            { configure(app, ctx, &selected) }
            { actions(ctx, &offers) }
        </>
    }
}

/// The last event that spoke of the thing, as a link into time.
fn changed(ctx: &Context<App>, mark: &Mark) -> Html {
    let at = mark.at;
    let go = ctx.link().callback(move |_| Msg::Seek(at));
    html! {
        <section class="sec">
            <h3>{ "Last change" }</h3>
            <p class="change"><button class="link mono" onclick={go} title="Go to this moment">{ format!("{:.3} s", at.0 as f64 / 1e6) }</button>{ " " }{ &mark.text }</p>
        </section>
    }
}

/// A message's fields and bytes.
fn message(app: &App, ctx: &Context<App>, selected: &Selection) -> Html {
    let Selection::Packet(id) = selected else { return Html::default() };
    let known = app.desk.dissection().filter(|it| it.id == id.0);
    let see = ctx.link().callback(|id| Msg::Select(Selection::Packet(id)));
    html! { if let Some(it) = known { <Bytes {it} {see} /> } }
}

/// The ways to configs.
fn configure(app: &App, ctx: &Context<App>, selected: &Selection) -> Html {
    let button = |owner: Owner, label: String| {
        let open = ctx.link().callback(move |_| Msg::Configs(Some(owner.clone())));
        html! { <button class="btn line wide" onclick={open} aria-haspopup="dialog">{ icon("gear", 16) }<span>{ label }</span></button> }
    };
    match selected {
        Selection::Broker(id) => html! {
            <>
                { button(Owner::Broker(*id), format!("Configure broker {id}")) }
                { button(Owner::Brokers, "Configure all brokers".into()) }
            </>
        },
        Selection::Group(id) => {
            let id = id.clone();
            let open = ctx.link().callback(move |_| Msg::Group(id.clone()));
            html! { <button class="btn line wide" onclick={open}>{ icon("list", 16) }<span>{ "Its lag and its rebalances" }</span></button> }
        }
        Selection::Client(host) => {
            let owner = app.desk.with(|p| {
                let view = p.scene().hosts.get(host)?;
                let (label, name) = (format!("Configure {}", view.name), view.name.clone());
                match view.role {
                    Role::Producer => Some((Owner::Producer(name), label)),
                    Role::Consumer => Some((Owner::Consumer(name), label)),
                    _ => None,
                }
            });
            owner.flatten().map(|(owner, label)| button(owner, label)).unwrap_or_default()
        }
        other => match other.partition() {
            Some(tp) => button(Owner::Topic(tp.topic.clone()), format!("Configure topic {}", tp.topic)),
            None => Html::default(),
        },
    }
}

/// What led to an event, back to a command or to where a chain ends: each link goes to its moment.
fn why(app: &App, ctx: &Context<App>, id: EventId) -> Html {
    let Some(why) = app.desk.why(id) else { return Html::default() };
    let row = |link: &Link| {
        let (id, at) = (link.id, link.at);
        let is_message = link.is_message;
        let go = ctx.link().callback(move |_| if is_message { Msg::Visit(id, at) } else { Msg::Seek(at) });
        let waited = (link.waited.0 >= 1_000).then(|| format!("after {:.3} s", link.waited.0 as f64 / 1e6));
        html! {
            <li key={id.0} class={classes!(link.is_command.then_some("command"))}>
                <button class="link mono" onclick={go} title="Go to this moment">{ format!("{:.3} s", at.0 as f64 / 1e6) }</button>{ " " }
                if link.is_command { <code>{ &link.text }</code> } else { { &link.text } }
                if let Some(waited) = waited { <small>{ format!(" {waited}") }</small> }
            </li>
        }
    };
    let before = why.before.as_ref().map(|(at, line)| {
        let to = *at;
        let go = ctx.link().callback(move |_| Msg::Seek(to));
        html! {
            <p class="q">{ "The last command before it: " }<button class="link mono" onclick={go} title="Go to this moment">{ format!("{:.3} s", at.0 as f64 / 1e6) }</button>{ " " }<code>{ line.to_string() }</code></p>
        }
    });
    if why.links.len() < 2 && before.is_none() {
        return Html::default();
    }
    html! {
        <section class="sec why">
            <h3>{ "What led to it" }</h3>
            <ol>{ for why.links.iter().map(row) }</ol>
            if why.more { <p class="q">{ "It goes further back." }</p> }
            { before }
        </section>
    }
}

/// A record, inspected.
fn record(app: &App, ctx: &Context<App>, (tp, offset): &(TopicPartition, i64)) -> Html {
    let back = ctx.link().callback(|_| Msg::Record(None));
    let known = app.desk.record().filter(|it| it.tp == *tp && it.offset == *offset);
    let pairs = |title: &str, rows: &[(String, String)]| {
        let row = |(name, value): &(String, String)| html! { <tr key={name.clone()}><th scope="row">{ name }</th><td>{ value }</td></tr> };
        html! {
            if !rows.is_empty() {
                <section class="sec"><h3>{ title.to_owned() }</h3><table><tbody>{ for rows.iter().map(row) }</tbody></table></section>
            }
        }
    };
    let row = |(name, value): &(String, String)| html! { <><dt>{ name }</dt><dd>{ value }</dd></> };
    html! {
        <>
            <h2 class="ttl"><span class={format!("part p{}", tp.partition.rem_euclid(8))}>{ format!("P{}", tp.partition) }</span>
                <span>{ format!("{tp} at {offset}") }</span></h2>
            <button class="btn line" onclick={back}>{ "Back" }</button>
            if let Some(it) = known {
                if it.rows.is_empty() { <p class="lead">{ "No leader’s log has this record." }</p> }
                <dl class="kv">{ for it.rows.iter().map(row) }</dl>
                { pairs("Replicas", &it.replicas) }
                { pairs("Groups", &it.groups) }
                { it.written.map(|id| why(app, ctx, id)) }
            }
        </>
    }
}

fn shown(sheet: &Sheet) -> Html {
    let row = |(name, value, tone): &(&'static str, String, Tone)| {
        html! { <><dt>{ *name }</dt><dd class={class(*tone)}>{ value }</dd></> }
    };
    html! {
        <>
            <h2 class="ttl">
                if let Some(p) = sheet.chip { <span class={format!("part p{}", p.rem_euclid(8))}>{ format!("P{p}") }</span> }
                <span>{ &sheet.title }</span>
                if let Some((state, tone)) = &sheet.state {
                    <span class={classes!("state", class(*tone))}>{ state }</span>
                }
            </h2>
            <p class="lead">{ &sheet.lead }</p>
            <dl class="kv">{ for sheet.rows.iter().map(row) }</dl>
            { for sheet.tables.iter().map(table) }
        </>
    }
}

fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::Quiet => "q",
        Tone::Plain => "",
        Tone::Warn => "warn",
        Tone::Bad => "bad",
    }
}

fn table(table: &Table) -> Html {
    let last = table.head.len() - 1;
    // Numbers stand at the right; the last column, where it is words, at the left.
    let side = |n: usize| if n == 0 || (n == last && table.head[last] == "state") { "" } else { "r" };
    let row = |(cells, tone): &(Vec<String>, Tone)| {
        let rest = cells.iter().enumerate().skip(1).map(|(n, cell)| html! { <td class={side(n)}>{ cell }</td> });
        html! { <tr key={cells[0].clone()} class={class(*tone)}><th scope="row">{ &cells[0] }</th>{ for rest }</tr> }
    };
    let head = |(n, name): (usize, &&'static str)| html! { <th scope="col" class={side(n)}>{ *name }</th> };
    let first = html! { <th scope="col"><span class="vh">{ "Name" }</span></th> };
    html! {
        <section class="sec">
            <h3>{ table.title }</h3>
            <table>
                <thead><tr>{ first }{ for table.head.iter().enumerate().skip(1).map(head) }</tr></thead>
                <tbody>{ for table.rows.iter().map(row) }</tbody>
            </table>
        </section>
    }
}

/// The last records of the selected replica, or of the partition's leader.
fn records(ctx: &Context<App>, scene: &Scene, selected: &Selection) -> Html {
    let of = |tp: &TopicPartition, broker: Option<i32>| {
        let broker = broker.or(scene.partitions.get(tp)?.leader)?;
        scene.replicas.get(&(tp.clone(), broker))
    };
    let replica = match selected {
        Selection::Partition(tp) => of(tp, None),
        Selection::Replica(tp, broker) => of(tp, Some(*broker)),
        _ => None,
    };
    let Some(replica) = replica.filter(|r| !r.tail.is_empty()) else { return Html::default() };
    let row = |cell: &Cell| {
        let token = Token::of(cell.key.as_deref());
        let key = cell.key.as_deref().unwrap_or("no key").to_string();
        let see = selected.partition().map(|tp| {
            let it = (tp.clone(), cell.offset);
            ctx.link().callback(move |_| Msg::Record(Some(it.clone())))
        });
        let state = match replica.diverges {
            Some(from) if cell.offset >= from => "to be cut",
            _ if replica.committed(cell.offset) => "committed",
            _ => "open",
        };
        html! {
            <tr key={cell.offset}><th scope="row" class="mono"><button class="link" onclick={see} title="Inspect this record">{ cell.offset }</button></th>
                <td class={format!("key k{}", token.0)}><i aria-hidden="true"></i>{ key }</td>
                <td class="r q">{ format!("e{}", cell.epoch) }</td><td class="q">{ state }</td></tr>
        }
    };
    html! {
        <section class="sec">
            <h3>{ "Last records" }</h3>
            <table>
                <thead><tr><th scope="col">{ "Offset" }</th><th scope="col">{ "Key" }</th><th scope="col" class="r">{ "epoch" }</th>
                    <th scope="col">{ "State" }</th></tr></thead>
                <tbody>{ for replica.tail.iter().rev().take(10).map(row) }</tbody>
            </table>
        </section>
    }
}

fn actions(ctx: &Context<App>, offers: &[Offer]) -> Html {
    if offers.is_empty() {
        return Html::default();
    }
    let action = |offer: &Offer| {
        let line = offer.line.clone();
        let act = ctx.link().callback(move |_| Msg::Do(line.clone()));
        html! {
            <button key={offer.line.clone()} class={classes!("btn", "line", offer.breaks.then_some("fault"))} onclick={act} title={offer.line.clone()}>
                { icon(offer.icon, 16) }<span>{ &offer.label }</span>
            </button>
        }
    };
    html! {
        <section class="sec"><h3>{ "What can be done" }</h3><div class="acts">{ for offers.iter().map(action) }</div></section>
    }
}
