//! The toolbox: what can be added with one press. Each button types a line of the script language.

use super::app::{App, Msg};
use super::icons::icon;
use crate::view::Addition;
use yew::prelude::*;

const TOOLS: [(Addition, &str, &str, &str); 3] = [
    (Addition::Topic, "topic", "Topic", "T"),
    (Addition::Producer, "producer", "Producer", "P"),
    (Addition::Consumer, "consumer", "Consumer", "C"),
];

/// The toolbox.
pub(super) fn tools(app: &App, ctx: &Context<App>) -> Html {
    let tool = |(addition, name, label, key): (Addition, &'static str, &'static str, &'static str)| {
        let add = ctx.link().callback(move |_| Msg::Add(addition));
        html! {
            <button class="tool" onclick={add} aria-keyshortcuts={key} title={format!("Add a {} ({key})", label.to_lowercase())}>
                { icon(name, 22) }<kbd aria-hidden="true">{ key }</kbd><span class="vh">{ "Add " }</span><span>{ label }</span>
            </button>
        }
    };
    let letters = app.letters.get();
    let switch = ctx.link().callback(|_| Msg::Letters);
    html! {
        <nav class={classes!("tools", (!letters).then_some("mute"))} aria-label="Toolbox">
            <h2>{ "Add" }</h2>
            { for TOOLS.map(tool) }
            <button class="tool keys" onclick={switch} aria-pressed={letters.to_string()} title="Single letters as shortcuts, on or off">
                { icon("keys", 22) }<span>{ "Letters" }</span>
            </button>
        </nav>
    }
}
