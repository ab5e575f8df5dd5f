//! Play, pause, step, speed, and the world's clock.

use super::app::{App, Msg};
use super::icons::icon;
use crate::view::{Player, Speed};
use yew::prelude::*;

/// The transport bar.
pub(super) fn transport(app: &App, ctx: &Context<App>) -> Html {
    let playing = app.desk.playing();
    let toggle = ctx.link().callback(|_| Msg::Toggle);
    let step = ctx.link().callback(|_| Msg::Step);
    let (name, label) = if playing { ("pause", "Pause") } else { ("play", "Play") };
    let step_main = app.still && !playing;
    html! {
        <div class="transport" role="group" aria-label="Playback">
            <button class={classes!("tbtn", (!step_main).then_some("main"))} onclick={toggle} aria-label={label}
                title={format!("{label} (Space)")} aria-keyshortcuts="Space">{ icon(name, 20) }</button>
            <button class={classes!("tbtn", step_main.then_some("main"))} onclick={step} aria-label="Step one event"
                title="Step one event (→)" aria-keyshortcuts="ArrowRight">{ icon("stepf", 20) }</button>
            { clock(app) }
            { speeds(app, ctx) }
        </div>
    }
}

fn clock(app: &App) -> Html {
    let (now, events) = app.desk.with(|p: &Player| (p.now(), p.position().steps)).unwrap_or_default();
    html! {
        <>
            <span class="clock" role="timer" aria-label="World clock, seconds since start" aria-live="off">
                { format!("{:.3}", now / 1e6) }<small>{ " s" }</small>
            </span>
            <span class="evn">{ format!("event {events}") }</span>
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
