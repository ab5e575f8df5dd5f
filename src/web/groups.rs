//! The groups of consumers: members and what they are assigned, lag, and every rebalance, request by request.

use super::app::{App, Msg};
use super::panels::seconds;
use crate::base::{Sort, TopicPartition};
use crate::view::{
    Drain, GroupState, GroupView, Holding, LagSample, MemberInfo, Note, Player, Round, Scene, Selection, member_line,
    quoted,
};
use std::sync::Arc;
use web_sys::{HtmlInputElement, HtmlSelectElement};
use yew::prelude::*;

/// How many charts are drawn: those of the partitions with the most lag.
const CHARTS: usize = 12;
/// How many rows the lag table shows.
const ROWS: usize = 200;
const WIDTH: f64 = 190.0;
const HEIGHT: f64 = 88.0;

/// The group that is looked at: the one that was chosen while it is there, else one with the selection in it, else the
/// first.
pub(super) fn chosen(app: &App) -> Option<Arc<str>> {
    let selected = app.selected();
    let find = |player: &Player| {
        let scene = player.scene();
        let known = |group: &Arc<str>| scene.groups.contains_key(group);
        let of_selection = || {
            if let Some(Selection::Group(id)) = &selected {
                return Some(id.clone());
            }
            let host = selected.as_ref()?.host(scene)?;
            scene.consumers.values().find(|consumer| consumer.host == host)?.group.clone()
        };
        let first = || scene.groups.keys().next().cloned();
        app.group.clone().filter(known).or_else(|| of_selection().filter(known)).or_else(first)
    };
    app.desk.with(find).flatten()
}

/// The groups.
pub(super) fn groups(app: &App, ctx: &Context<App>) -> Html {
    let Some(group) = chosen(app) else {
        let add = ctx.link().callback(|_| Msg::Add(crate::view::Addition::Group));
        return html! {
            <div class="groups">
                <p class="empty">{ "There is no group yet. A consumer with a group.id makes one." }</p>
                <div class="acts row start"><button class="btn line" onclick={add}>{ "Add a group" }</button></div>
            </div>
        };
    };
    let look = |player: &Player| {
        let scene = player.scene();
        let view = scene.groups.get(&group)?;
        Some(html! {
            <>
                { head(app, ctx, scene, &group, view) }
                { charts(player, &group, view) }
                { members(ctx, scene, view) }
                { lags(player, &group, view) }
            </>
        })
    };
    let shown = app.desk.with(look).flatten();
    html! {
        <div class="groups">
            { shown }
            { actions(app, ctx, &group) }
            { rebalances(app, ctx, &group) }
        </div>
    }
}

fn head(app: &App, ctx: &Context<App>, scene: &Scene, group: &Arc<str>, view: &GroupView) -> Html {
    let choice = |name: &Arc<str>| {
        let (pressed, to) = ((name == group).to_string(), name.clone());
        let choose = ctx.link().callback(move |_| Msg::Group(to.clone()));
        html! { <button key={name.to_string()} aria-pressed={pressed} onclick={choose}>{ name.to_string() }</button> }
    };
    let coordinator = view.coordinator.map_or("nobody coordinates it".into(), |id| format!("coordinator broker {id}"));
    let generation = match view.state {
        GroupState::Unknown => "nobody can tell its generation".to_owned(),
        _ => format!("generation {}", view.generation),
    };
    let protocol = view.protocol.as_deref().map(|protocol| format!(", {protocol}")).unwrap_or_default();
    let now = app.desk.with(Player::now).unwrap_or_default();
    let drain = app.desk.with(|p| drain(p.gauges().lags().drain(group, scene, now))).unwrap_or_default();
    html! {
        <div class="bar">
            <div class="seg" role="group" aria-label="Group">{ for scene.groups.keys().map(choice) }</div>
            <span class={classes!("state", state_class(view.state))}>{ view.state.name() }</span>
            <span>{ format!("classic{protocol}, {generation}, {coordinator}") }</span>
            <span>{ format!("Lag {}. {drain}", scene.group_lag(view)) }</span>
        </div>
    }
}

fn state_class(state: GroupState) -> &'static str {
    match state {
        GroupState::Unknown => "bad",
        GroupState::Stable => "",
        GroupState::Empty => "q",
        GroupState::PreparingRebalance | GroupState::CompletingRebalance => "moves",
    }
}

fn drain(drain: Drain) -> String {
    match drain {
        Drain::Drained => "All that is committed by leaders is committed by the group.".into(),
        Drain::In(seconds) if seconds < 1.0 => "Drained in less than a second.".into(),
        Drain::In(seconds) => format!("Drained in {seconds:.0} s, if it goes on so."),
        Drain::Never { written, committed } => {
            format!("It does not drain: {committed:.1} records a second are committed, {written:.1} are written.")
        }
        Drain::Unknown => "How fast it drains is not known yet.".into(),
    }
}

fn charts(player: &Player, group: &str, view: &GroupView) -> Html {
    let scene = player.scene();
    let mut all: Vec<(TopicPartition, i64)> =
        view.committed.iter().map(|(tp, at)| (tp.clone(), scene.lag(tp, *at).unwrap_or(0))).collect();
    all.order_by_key(|(tp, lag)| (-lag, tp.clone()));
    all.truncate(CHARTS);
    all.order();
    if all.is_empty() {
        return html! { <p class="q">{ "Nothing is committed yet." }</p> };
    }
    let one = |(tp, lag): &(TopicPartition, i64)| {
        let class = format!("part p{}", tp.partition.rem_euclid(8));
        html! {
            <figure key={tp.to_string()}>
                <figcaption><span {class}>{ format!("P{}", tp.partition) }</span>{ format!(" {} lag {lag}", tp.topic) }</figcaption>
                { chart(player.gauges().lags().of(group, tp), player.now(), player.end()) }
            </figure>
        }
    };
    html! {
        <>
            <div class="charts">{ for all.iter().map(one) }</div>
            <p class="q"><span class="hwline"></span>{ " high watermark " }<span class="coline"></span>{ " committed. The band between them is lag, in records. It is drawn from where the page was opened." }</p>
        </>
    }
}

/// Two lines of steps with the band between them; what lies behind the picture's moment is left out.
fn chart(samples: &[LagSample], now: f64, end: f64) -> Html {
    let shown = &samples[..samples.partition_point(|sample| sample.at <= now)];
    let (Some(first), Some(last)) = (shown.first(), shown.last()) else {
        return html! { <p class="q">{ "Not looked at yet." }</p> };
    };
    let (low, high) = (shown.iter().map(|s| s.committed.min(s.end)).min(), shown.iter().map(|s| s.end).max());
    let (low, high) = (low.unwrap_or(0), high.unwrap_or(0).max(low.unwrap_or(0) + 1));
    let span = (end.max(last.at) - first.at).max(1.0);
    let x = |at: f64| 34.0 + (at - first.at) / span * (WIDTH - 38.0);
    let y = |value: i64| HEIGHT - 16.0 - (value - low) as f64 / (high - low) as f64 * (HEIGHT - 24.0);
    let steps = |value: &dyn Fn(&LagSample) -> i64| {
        let mut path = String::new();
        for sample in shown {
            let (x, y) = (x(sample.at), y(value(sample)));
            path.push_str(&if path.is_empty() { format!("M{x:.1} {y:.1}") } else { format!("H{x:.1}V{y:.1}") });
        }
        format!("{path}H{:.1}", x(now.min(end).max(last.at)))
    };
    let (ends, committed) = (steps(&|s| s.end), steps(&|s| s.committed));
    let mut back = String::new();
    for sample in shown.iter().rev() {
        let (x, y) = (x(sample.at), y(sample.committed));
        back.push_str(&format!("V{y:.1}H{x:.1}"));
    }
    let label = |value: i64, y: f64| html! { <text x="30" y={format!("{y:.1}")} text-anchor="end">{ value }</text> };
    let time = |at: f64, x: f64, anchor: &'static str| {
        html! { <text x={format!("{x:.1}")} y={HEIGHT.to_string()} text-anchor={anchor}>{ format!("{:.0} s", at / 1e6) }</text> }
    };
    html! {
        <svg class="lagchart" width={WIDTH.to_string()} height={HEIGHT.to_string()} aria-hidden="true">
            <path class="band" d={format!("{ends}{back}Z")} />
            <path class="hw" d={ends.clone()} />
            <path class="committed" d={committed} />
            { label(high, y(high) + 4.0) }{ label(low, y(low) + 4.0) }
            { time(first.at, 34.0, "start") }{ time(end.max(last.at), WIDTH - 2.0, "end") }
        </svg>
    }
}

fn members(ctx: &Context<App>, scene: &Scene, view: &GroupView) -> Html {
    if view.members.is_empty() {
        return html! { <p class="q">{ "It has no members." }</p> };
    }
    let row = |member: &MemberInfo| {
        let known = scene.consumer_of(member);
        let name = known.map_or_else(|| member.client.clone(), |(name, _)| name.clone());
        let see = known.map(|(_, consumer)| {
            let host = consumer.host;
            ctx.link().callback(move |_| Msg::Select(Selection::Client(host)))
        });
        let holdings = match known {
            Some((_, consumer)) => scene.holdings(consumer),
            None => member.assigned.iter().map(|tp| (tp.clone(), Holding::Owned)).collect(),
        };
        let leads = if view.leader.as_ref() == Some(&member.id) { ", leads" } else { "" };
        let state = match (member.awaits_join, member.awaits_sync) {
            (true, _) => "waits for the others to join",
            (_, true) => "waits for the assignment",
            _ if view.state == GroupState::PreparingRebalance => "has yet to join again",
            _ if view.state == GroupState::CompletingRebalance => "has yet to ask for its assignment",
            _ => "has its assignment",
        };
        html! {
            <tr key={member.id.to_string()}>
                <th scope="row">
                    if let Some(see) = see { <button class="link" onclick={see}>{ name.to_string() }</button> } else { { name.to_string() } }
                </th>
                <td class="mono id">{ member.id.to_string() }</td>
                <td>{ member.instance.as_deref().unwrap_or("–").to_owned() }</td>
                <td>{ for holdings.iter().map(held) }</td>
                <td>{ format!("{state}{leads}") }</td>
            </tr>
        }
    };
    html! {
        <table class="grid">
            <caption>{ "Members" }</caption>
            <thead><tr><th scope="col">{ "Member" }</th><th scope="col">{ "Member id" }</th><th scope="col">{ "group.instance.id" }</th>
                <th scope="col">{ "Assignment" }</th><th scope="col">{ "State" }</th></tr></thead>
            <tbody>{ for view.members.iter().map(row) }</tbody>
        </table>
    }
}

fn held((tp, holding): &(TopicPartition, Holding)) -> Html {
    let (class, word) = match holding {
        Holding::Owned => ("owned", ""),
        Holding::Revoked => ("revoked", " revoked"),
        Holding::Assigned => ("next", " next"),
    };
    let part = format!("part p{}", tp.partition.rem_euclid(8));
    html! {
        <span class={classes!("held", class)} key={tp.to_string()} title={tp.to_string()}>
            <span class={part}>{ format!("P{}", tp.partition) }</span>{ word }<span class="vh">{ format!(" of {}", tp.topic) }</span>
        </span>
    }
}

fn lags(player: &Player, group: &str, view: &GroupView) -> Html {
    let scene = player.scene();
    let row = |(tp, committed): &(TopicPartition, i64)| {
        let owner = view.owner(tp);
        let position = owner
            .and_then(|member| scene.consumer_of(member))
            .and_then(|(_, consumer)| consumer.positions.iter().find(|(of, _)| of == tp).map(|(_, at)| at.to_string()));
        let end = scene.leader_replica(tp).map(|(_, replica)| replica.hw.to_string());
        let lag = scene.lag(tp, *committed);
        let none = || "–".to_owned();
        html! {
            <tr key={tp.to_string()} class={lag.is_none().then_some("alarm")}>
                <th scope="row">{ tp.to_string() }</th>
                <td class="r">{ *committed }</td><td class="r">{ position.unwrap_or_else(none) }</td>
                <td class="r">{ end.unwrap_or_else(none) }</td>
                <td class="r">{ lag.map_or_else(none, |lag| lag.to_string()) }</td>
                <td>{ owner.map_or_else(none, |member| member.client.to_string()) }</td>
            </tr>
        }
    };
    html! {
        <table class="grid">
            <caption>{ format!("Offsets of {group}") }</caption>
            <thead><tr><th scope="col">{ "Partition" }</th><th scope="col" class="r">{ "Committed" }</th><th scope="col" class="r">{ "Position" }</th>
                <th scope="col" class="r" title="The high watermark: where a consumer's log ends, and what kafka-consumer-groups.sh calls LOG-END-OFFSET">{ "Log end" }</th><th scope="col" class="r">{ "Lag" }</th><th scope="col">{ "Read by" }</th></tr></thead>
            <tbody>{ for view.committed.iter().take(ROWS).map(row) }</tbody>
        </table>
    }
}

const RESETS: [(&str, &str); 6] = [
    ("--to-earliest", "to the earliest"),
    ("--to-latest", "to the latest"),
    ("--to-offset", "to offset"),
    ("--shift-by", "by so many"),
    ("--by-duration", "to a duration ago, PT30S"),
    ("--to-datetime", "to a moment, 2026-01-01T00:00:00.000"),
];

fn actions(app: &App, ctx: &Context<App>, group: &Arc<str>) -> Html {
    let topic = app.partition().map(|tp| tp.topic.to_string());
    let member = app.desk.with(|p| member_line(p.scene(), group, topic.as_deref())).flatten();
    let act = |line: String| ctx.link().callback(move |_: MouseEvent| Msg::Do(line.clone()));
    let describe = act(format!("kafka-consumer-groups.sh --describe --group {}", quoted(group)));
    let delete = act(format!("kafka-consumer-groups.sh --delete --group {}", quoted(group)));
    let run = ctx.link().callback(Msg::Do);
    html! {
        <>
            <div class="acts row start">
                if let Some(member) = member { <button class="btn line" onclick={act(member)}>{ "Add a member" }</button> }
                <button class="btn line" onclick={describe}>{ "Describe" }</button>
                <button class="btn line fault" onclick={delete}>{ "Delete the group" }</button>
            </div>
            <Reset group={group.clone()} {run} />
            { answer(app, group) }
        </>
    }
}

#[derive(Properties, PartialEq)]
struct ResetProps {
    group: Arc<str>,
    run: Callback<String>,
}

/// The form that sets what a group has committed.
#[function_component(Reset)]
fn reset(props: &ResetProps) -> Html {
    let (how, what) = (use_node_ref(), use_node_ref());
    let submit = {
        let (how, what, group, run) = (how.clone(), what.clone(), props.group.clone(), props.run.clone());
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            let how = how.cast::<HtmlSelectElement>().map(|s| s.value()).unwrap_or_default();
            let value = what.cast::<HtmlInputElement>().map(|i| i.value()).unwrap_or_default();
            let value = match how.as_str() {
                "--to-earliest" | "--to-latest" => String::new(),
                _ => format!(" {}", value.trim()),
            };
            let (tool, group) = ("kafka-consumer-groups.sh", quoted(&group));
            run.emit(format!("{tool} --group {group} --reset-offsets {how}{value} --all-topics --execute"));
        })
    };
    let option = |(n, (flag, label)): (usize, &(&'static str, &'static str))| {
        html! { <option value={*flag} selected={n == 0}>{ *label }</option> }
    };
    html! {
        <form class="bar" onsubmit={submit} aria-label="Reset offsets">
            <label>{ "Reset offsets" }<select ref={how}>{ for RESETS.iter().enumerate().map(option) }</select></label>
            <label>{ "value" }<input ref={what} class="mono" autocomplete="off" /></label>
            <button class="btn line" type="submit">{ "Reset" }</button>
            <span class="q">{ "Kafka refuses both while the group has members." }</span>
        </form>
    }
}

/// What the last command about the group said.
fn answer(app: &App, group: &str) -> Html {
    let about = |line: &str| {
        let mut words = line.split_whitespace();
        words.next().is_some_and(|tool| tool.trim_end_matches(".sh") == "kafka-consumer-groups")
            && words.any(|word| word == group)
    };
    let typed = app.desk.typed();
    let Some(last) = typed.iter().rev().find(|typed| about(&typed.line)) else { return Html::default() };
    let text = match &last.answer {
        None => "…".to_owned(),
        Some(Ok(text)) => text.trim_end().to_owned(),
        Some(Err(refusal)) => refusal.message.clone(),
    };
    html! { <pre class="answer" role="status" tabindex="0">{ format!("› {}\n{text}", last.line) }</pre> }
}

fn rebalances(app: &App, ctx: &Context<App>, group: &str) -> Html {
    let Some(told) = app.desk.rebalances().filter(|told| &*told.group == group) else { return Html::default() };
    if told.rounds.is_empty() {
        return Html::default();
    }
    let last = told.rounds.len() - 1;
    let one = |(n, round): (usize, &Round)| self::round(ctx, n, round, n == last);
    html! {
        <section class="rounds">
            <h3>{ "Rebalances" }</h3>
            { for told.rounds.iter().enumerate().rev().map(one) }
        </section>
    }
}

fn round(ctx: &Context<App>, n: usize, round: &Round, open: bool) -> Html {
    let generation = round.generation.map_or("Rebalance".into(), |generation| format!("Generation {generation}"));
    let took = match round.to {
        Some(to) => {
            format!("{} s to {} s, {:.3} s", seconds(round.from.0), seconds(to.0), (to.0 - round.from.0) as f64 / 1e6)
        }
        None => format!("since {} s", seconds(round.from.0)),
    };
    let reason =
        round.reason.as_deref().map(|reason| format!(": {}", reason.trim_end_matches('.'))).unwrap_or_default();
    html! {
        <details key={n} open={open}>
            <summary><b>{ generation }</b>{ format!(", {took}{reason}") }</summary>
            <ol class="log">{ for round.notes.iter().map(|note| noted(ctx, note)) }</ol>
        </details>
    }
}

fn noted(ctx: &Context<App>, note: &Note) -> Html {
    let (at, id) = (note.at, note.id);
    let go = ctx.link().callback(move |_| Msg::Seek(at));
    let see = ctx.link().callback(move |_| Msg::Visit(id, at));
    html! {
        <li key={id.0} class={(!note.is_message).then_some("notable")}>
            <button class="link" onclick={go} title="Go to this moment"><time>{ seconds(at.0) }</time></button>
            if note.is_message { <button class="link" onclick={see} title="Go there and take the message apart">{ &note.text }</button> } else { { &note.text } }
        </li>
    }
}
