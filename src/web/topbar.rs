//! The top bar: what this is, how saving stands, theme.

use super::app::{App, Msg};
use super::icons::icon;
use crate::link::SaveStatus;
use yew::prelude::*;

/// The top bar.
pub(super) fn topbar(app: &App, ctx: &Context<App>) -> Html {
    let restart = ctx.link().callback(|_| Msg::Restart);
    let theme = ctx.link().callback(|_| Msg::Theme);
    let present = ctx.link().callback(|_| Msg::Present);
    let sessions = ctx.link().callback(|_| Msg::Sessions);
    let help = ctx.link().callback(|_| Msg::Help);
    let dark = app.dark;
    html! {
        <header class="topbar">
            <h1 class="brand">{ icon("logo", 24) }<span>{ "Kafka Terrarium" }</span></h1>
            <span class="sep"></span>
            <button class="btn scen" onclick={sessions} aria-haspopup="dialog" title="Saved sessions (S)"><b>{ app.desk.title() }</b>{ icon("down", 14) }</button>
            { saved(app) }
            <span class="grow"></span>
            <button class="btn" onclick={restart} title="Begin this scenario again with another seed">
                { icon("restart", 18) }<span>{ "Start over" }</span>
            </button>
            <button class="btn hall" onclick={present} title="Present: large type, for a hall (F)">{ icon("screen", 18) }<span>{ "Present" }</span></button>
            <button class="btn" onclick={theme} aria-pressed={dark.to_string()} aria-label="Dark theme">
                { icon("theme", 18) }<span>{ "Theme" }</span>
            </button>
            <button class="btn" onclick={help} aria-haspopup="dialog" title="Keys (?)">{ icon("keys", 18) }<span>{ "Keys" }</span></button>
        </header>
    }
}

fn saved(app: &App) -> Html {
    let (name, text) = match app.desk.save_status() {
        Some(SaveStatus::Saved) => {
            ("check", html! { <>{ "Saved" }<span class="long">{ " in this browser" }</span></> })
        }
        Some(SaveStatus::MemoryOnly) => ("warn", html! { "Not saved" }),
        Some(SaveStatus::Failing) => ("warn", html! { "Saving fails" }),
        None => return Html::default(),
    };
    html! { <span class="saved">{ icon(name, 14) }<span>{ text }</span></span> }
}
