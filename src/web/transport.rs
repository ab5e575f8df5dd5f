//! Play, pause, step, speed, and the world's clock.

use super::app::{App, Msg};
use super::icons::icon;
use crate::view::{Player, Speed};
use yew::prelude::*;

/// The transport bar.
pub(super) fn transport(app: &App, ctx: &Context<App>) -> Html {
    let playing = app.desk.playing();
    let (name, label) = if playing { ("pause", "Pause") } else { ("play", "Play") };
    let step_main = app.still && !playing;
    let button = |msg: fn() -> Msg, name, label: &'static str, hint, key: &'static str, class| {
        let act = ctx.link().callback(move |_| msg());
        html! {
            <button class={classes!("tbtn", class)} onclick={act} aria-label={label} title={format!("{label} ({hint})")}
                aria-keyshortcuts={key}>{ icon(name, 20) }</button>
        }
    };
    html! {
        <div class="transport" role="group" aria-label="Playback">
            { button(|| Msg::Mark(false), "first", "Previous event worth stopping at", "Shift ←", "Shift+ArrowLeft", Some("far")) }
            { button(|| Msg::StepBack, "stepb", "Step back one event", "←", "ArrowLeft", None) }
            { button(|| Msg::Toggle, name, label, "Space", "Space", (!step_main).then_some("main")) }
            { button(|| Msg::Step, "stepf", "Step one event", "→", "ArrowRight", step_main.then_some("main")) }
            { button(|| Msg::Mark(true), "live", "Next event worth stopping at", "Shift →", "Shift+ArrowRight", Some("far")) }
            { clock(app) }
            { speeds(app, ctx) }
            { auto_tempo(app, ctx) }
            <span class="grow"></span>
            { undo(app, ctx) }
        </div>
    }
}

fn clock(app: &App) -> Html {
    let (now, events) = app.desk.with(|p: &Player| (p.now(), p.position().steps)).unwrap_or_default();
    let of = app.desk.with(|p| p.tip().map(|tip| tip.steps)).flatten();
    html! {
        <>
            <span class="clock" role="timer" aria-label="World clock, seconds since start" aria-live="off">
                { format!("{:.3}", now / 1e6) }<small>{ " s" }</small>
            </span>
            <span class="evn">{ format!("event {events}") }{ of.map(|of| format!(" of {of}")) }</span>
        </>
    }
}

fn speeds(app: &App, ctx: &Context<App>) -> Html {
    let chosen = app.desk.speed();
    let one = |n: usize| {
        let speed = Speed::nth(n)?;
        let choose = ctx.link().callback(move |_| Msg::Speed(speed));
        let label = format!("Speed {}", speed.label());
        Some(html! {
            <button onclick={choose} aria-pressed={(speed == chosen).to_string()} aria-label={label}>{ speed.label() }</button>
        })
    };
    html! { <div class="seg" role="group" aria-label="Speed" aria-keyshortcuts="[ ]">{ for (0..Speed::ALL.len()).filter_map(one) }</div> }
}

fn auto_tempo(app: &App, ctx: &Context<App>) -> Html {
    let (auto, tempo) = app.desk.with(|p| (p.auto_tempo(), p.tempo())).unwrap_or((true, 1.0));
    let switch = ctx.link().callback(|_| Msg::AutoTempo);
    let now = match tempo {
        t if t > 1.5 => format!("runs ahead ×{t:.0}"),
        t if t < 0.95 => "slowed".into(),
        _ => String::new(),
    };
    html! {
        <button class="auto" role="switch" aria-checked={auto.to_string()} onclick={switch} aria-keyshortcuts="A" aria-label="Auto-tempo"
            title="Slow down before what matters, run ahead where nothing happens (A)">
            <i aria-hidden="true"></i><span>{ "Auto-tempo" }</span>
            if auto { <small aria-hidden="true">{ now }</small> }
        </button>
    }
}

fn undo(app: &App, ctx: &Context<App>) -> Html {
    let undoable = app.desk.undoable();
    let button = |line: Option<String>, name, label: &'static str, key: &'static str, msg: fn() -> Msg| {
        let act = ctx.link().callback(move |_| msg());
        let title = line.as_ref().map_or(format!("{label}: nothing"), |line| format!("{label}: {line} ({key})"));
        html! {
            <button class="tbtn" onclick={act} disabled={line.is_none()} aria-label={label} {title}>{ icon(name, 18) }</button>
        }
    };
    html! {
        <>
            { button(undoable.undo, "undo", "Undo the last command", "Ctrl Z", || Msg::Undo) }
            { button(undoable.redo, "redo", "Redo", "Ctrl Shift Z", || Msg::Redo) }
        </>
    }
}
