//! The timeline: the whole session as a track to scrub on, its marks, and a lane for each partition.

use super::app::{App, Msg};
use super::icons::icon;
use crate::base::{SimTime, TopicPartition};
use crate::view::{Health, Knot, Lane, MarkKind, MemberLane, Piece, Player, Span, Spell, Timeline, timeline};
use wasm_bindgen::JsCast;
use web_sys::HtmlInputElement;
use yew::prelude::*;

/// What stands left of the tracks, in CSS pixels.
const LABELS: f64 = 104.0;

/// The timeline, and how far along it the picture and the end of history are.
pub(super) type Made = (Timeline, f64, f64);

/// Makes the timeline for the page's width.
pub(super) fn made(app: &App) -> Option<Made> {
    let width = (app.center_width() - LABELS).max(200.0);
    let make = |p: &Player| {
        let whole = timeline(p.chronicle(), p.scene(), p.end(), width);
        let (now, tip) = (p.now() / whole.end, p.end() / whole.end);
        (whole, now, tip)
    };
    app.desk.with(make)
}

/// The track to scrub on, with marks above it and a ruler below.
pub(super) fn track(app: &App, ctx: &Context<App>, made: Option<&Made>) -> Html {
    let Some((whole, now, tip)) = made else { return Html::default() };
    let (now, tip) = (*now, *tip);
    let ribbon = app.desk.with(|p| p.ribbon().pieces(whole.end, PIECES)).unwrap_or_default();
    let scrub = ctx.link().batch_callback(|event: InputEvent| {
        let input = event.target()?.dyn_into::<HtmlInputElement>().ok()?;
        Some(Msg::Seek(SimTime((input.value_as_number().max(0.0) * 1e3) as u64)))
    });
    // Arrows on the track scrub; elsewhere they step.
    let keys = Callback::from(|event: KeyboardEvent| {
        if event.key().starts_with("Arrow") && !event.shift_key() {
            event.stop_propagation();
        }
    });
    let ms = |us: f64| format!("{:.0}", us / 1e3);
    let text = format!("{:.3} seconds", now * whole.end / 1e6);
    html! {
        <div class="scrub" role="group" aria-label="Timeline">
            <span class="lab" aria-hidden="true">{ "Session" }</span>
            <div class="tracks">
                <div class="rail" aria-hidden="true"><i class="done" style={wide(0.0, now)}></i><i class="rest" style={wide(now, tip)}></i></div>
                <input type="range" min="0" max={ms(whole.end)} step="1" value={ms(now * whole.end)} oninput={scrub} onkeydown={keys}
                    aria-label="Moment" aria-valuetext={text} />
                { for whole.knots.iter().map(|knot| self::knot(ctx, knot, now)) }
                <div class="tempo" aria-hidden="true" title="How fast the picture ran">{ for ribbon.iter().map(piece) }</div>
                <div class="ruler" aria-hidden="true">{ for whole.ticks.iter().map(|(x, label)| html! { <span style={at(*x)}>{ label }</span> }) }</div>
            </div>
        </div>
    }
}

/// At most so many pieces of the tempo's ribbon.
const PIECES: usize = 160;

/// A stretch of the ribbon of tempo: the faster, the thicker.
fn piece(piece: &Piece) -> Html {
    html! { <i style={format!("{}; height: {:.0}px", wide(piece.from, piece.to), 1.0 + piece.thickness * 8.0)}></i> }
}

fn knot(ctx: &Context<App>, knot: &Knot, now: f64) -> Html {
    let (name, class) = face(knot.kind);
    let moment = knot.at;
    let go = ctx.link().callback(move |_| Msg::Seek(moment));
    let many = if knot.count > 1 { format!("{} events, the gravest at ", knot.count) } else { String::new() };
    let label = format!("{many}{:.3} s: {}", moment.0 as f64 / 1e6, knot.text);
    let ahead = (knot.x > now).then_some("ahead");
    html! {
        <button class={classes!("knot", class, ahead)} style={at(knot.x)} onclick={go} title={label.clone()} aria-label={label}>
            { icon(name, 12) }if knot.count > 1 { <b>{ knot.count }</b> }
        </button>
    }
}

/// A mark's icon and shape.
fn face(kind: MarkKind) -> (&'static str, &'static str) {
    match kind {
        MarkKind::Command => ("you", "square"),
        MarkKind::Repair => ("check", "square"),
        MarkKind::Fault => ("warn", "square broke"),
        MarkKind::IsrGrows => ("shrink", "round"),
        MarkKind::Controller => ("target", "round"),
        MarkKind::Unfenced => ("check", "round"),
        MarkKind::Rebalance => ("swap", "round rebalance"),
        MarkKind::IsrShrinks => ("expand", "round warned"),
        MarkKind::Election => ("elect", "shield"),
        MarkKind::Fenced => ("lock", "round warned"),
        MarkKind::Crash | MarkKind::Halted => ("x", "octagon"),
        MarkKind::NoLeader => ("elect", "octagon"),
        MarkKind::Cut => ("lost", "diamond"),
        MarkKind::Broken => ("lost", "diamond broke"),
    }
}

/// A lane for each partition.
pub(super) fn lanes(made: Option<&Made>) -> Html {
    let Some((whole, now, tip)) = made else { return Html::default() };
    let (now, tip) = (*now, *tip);
    if whole.lanes.is_empty() {
        return html! { <p class="empty">{ "A topic’s partitions have their lanes here: who led them, and when." }</p> };
    }
    html! {
        <div class="lanes">
            { for whole.lanes.iter().map(lane) }
            { for whole.members.iter().map(member) }
            <div class="over" aria-hidden="true"><i class="veil" style={wide(now, tip)}></i><i class="head" style={at(now)}></i></div>
            if whole.more > 0 { <p class="q">{ format!("{} more partitions; those that changed most are shown.", whole.more) }</p> }
        </div>
    }
}

fn lane(lane: &Lane) -> Html {
    let p = lane.tp.partition;
    html! {
        <div class="lane" key={lane.tp.to_string()}>
            <span class="lab"><span class={format!("part p{}", p.rem_euclid(8))}>{ format!("P{p}") }</span><span>{ &*lane.tp.topic }</span></span>
            <div class="spans">{ for lane.spans.iter().map(span) }</div>
        </div>
    }
}

/// A member's lane: a stripe for each of its partitions, dashed while the group is rebalanced.
fn member(lane: &MemberLane) -> Html {
    let spell = |spell: &Spell| {
        let names: Vec<String> = spell.partitions.iter().map(ToString::to_string).collect();
        let state = if spell.rebalances { ", while its group is rebalanced" } else { "" };
        let stripe = |tp: &TopicPartition| html! { <i class={format!("p{}", tp.partition.rem_euclid(8))}></i> };
        let chip = |tp: &TopicPartition| html! { <span class={format!("part p{}", tp.partition.rem_euclid(8))}>{ format!("P{}", tp.partition) }</span> };
        html! {
            <span class={classes!("spell", spell.rebalances.then_some("deals"))} style={wide(spell.from, spell.to)} title={format!("{}{state}", names.join(", "))}>
                <span class="stripes">{ for spell.partitions.iter().take(6).map(stripe) }</span>
                if !spell.rebalances { <span class="chips">{ for spell.partitions.iter().take(6).map(chip) }</span> }
            </span>
        }
    };
    html! {
        <div class="lane" key={format!("{}/{}", lane.group, lane.name)}>
            <span class="lab" title={format!("group {}", lane.group)}><span class="of">{ "[ ]" }</span><span>{ &*lane.name }</span></span>
            <div class="spans">{ for lane.spells.iter().map(spell) }</div>
        </div>
    }
}

fn span(span: &Span) -> Html {
    let (class, text) = match (span.leader, span.down) {
        (None, _) => ("none".to_owned(), "no leader".to_owned()),
        (Some(id), true) => ("gone".into(), format!("B{id} is down")),
        (Some(id), false) => {
            let health = match span.health {
                Health::BelowMinIsr => " below",
                Health::UnderReplicated => " under",
                Health::Whole | Health::Offline => "",
            };
            (format!("b{}{health}", (id - 1).rem_euclid(5) + 1), format!("B{id} e{}", span.epoch))
        }
    };
    let state = match span.health {
        Health::BelowMinIsr => ", below min ISR",
        Health::UnderReplicated => ", under-replicated",
        Health::Whole | Health::Offline => "",
    };
    let below = span.health == Health::BelowMinIsr && !span.down;
    html! {
        <span class={classes!("span", class)} style={wide(span.from, span.to)} title={format!("{text}{state}")}>
            <span class="tag">{ text }</span>if below { <span class="tag why">{ "below min ISR" }</span> }
        </span>
    }
}

fn at(x: f64) -> String {
    format!("left: {:.3}%", x * 100.0)
}

fn wide(from: f64, to: f64) -> String {
    format!("left: {:.3}%; width: {:.3}%", from * 100.0, (to - from).max(0.0) * 100.0)
}
