//! The map of the keys.

use super::app::{App, Msg};
use super::dialog;
use crate::view::Tool;
use yew::prelude::*;

const TIME: [(&str, &str); 8] = [
    ("Space", "Play or pause"),
    ("← →", "Step one event back or forward"),
    ("Shift ← →", "Previous or next event worth stopping at"),
    ("[ ]", "Slower or faster"),
    ("A", "Auto-tempo: slow down before what matters, run ahead where nothing happens"),
    ("Ctrl Z", "Undo the last command"),
    ("Ctrl Shift Z", "Do it again"),
    ("Home End", "On the timeline: its start, its end"),
];
const STAGE: [(&str, &str); 7] = [
    ("← → ↑ ↓", "On the stage: choose what lies there"),
    ("Home End", "On the stage: the first or last of the row"),
    ("Enter", "On the stage: all that can be done to the selection"),
    ("+ − 0", "Zoom in, out, fit"),
    ("B T P C G", "Add a broker, a topic, a producer, a consumer, a group"),
    ("N", "Something new, as you want it"),
    ("Esc", "Leave a tool, a menu, a dialog, the presentation"),
];
const PAGE: [(&str, &str); 5] = [
    ("1 to 9", "The lists below the stage, in their order"),
    ("/", "The command line"),
    ("S", "Saved sessions"),
    ("F", "Present: large type, PageDown and PageUp to the next and previous event, B blanks"),
    ("?", "This map"),
];

/// The map of the keys, if it is open.
pub(super) fn help(app: &App, ctx: &Context<App>) -> Html {
    if !app.help {
        return Html::default();
    }
    let close = ctx.link().callback(|()| Msg::Help);
    let shut = ctx.link().callback(|_: MouseEvent| Msg::Help);
    let tools: Vec<(String, &str)> = Tool::ALL.map(|tool| (tool.key().to_string(), tool.label())).into();
    let rows = |list: &[(&str, &str)]| -> Html { list.iter().map(|(key, what)| row(key, what)).collect() };
    let body = html! {
        <div class="keymap">
            <h3>{ "Time" }</h3><dl>{ rows(&TIME) }</dl>
            <h3>{ "Stage" }</h3><dl>{ rows(&STAGE) }</dl>
            <h3>{ "Faults, on the selection" }</h3><dl>{ for tools.iter().map(|(key, what)| row(key, what)) }</dl>
            <h3>{ "Page" }</h3><dl>{ rows(&PAGE) }</dl>
            <p class="q">{ "Single letters can be switched off in the toolbox." }</p>
        </div>
    };
    dialog::frame("Keys", close, body, html! { <button class="btn line first" onclick={shut}>{ "Close" }</button> })
}

fn row(key: &str, what: &str) -> Html {
    html! { <div key={format!("{key}{what}")}><dt><kbd>{ key }</kbd></dt><dd>{ what }</dd></div> }
}
