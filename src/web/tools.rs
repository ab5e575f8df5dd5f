//! The toolbox: what can be added with one press, and what can be broken. Each button types a line of the script language.

use super::app::{App, Msg};
use super::icons::icon;
use crate::view::{Addition, Tool};
use yew::prelude::*;

/// The toolbox.
pub(super) fn tools(app: &App, ctx: &Context<App>) -> Html {
    let add = |addition: Addition| {
        let (label, key) = (addition.label(), addition.key().to_string());
        let name = picture(addition);
        let add = ctx.link().callback(move |_| Msg::Add(addition));
        html! {
            <button class="tool" onclick={add} aria-keyshortcuts={key.clone()} title={format!("Add a {} ({key})", label.to_lowercase())}>
                { icon(name, 22) }<kbd aria-hidden="true">{ key }</kbd><span class="vh">{ "Add " }</span><span>{ label }</span>
            </button>
        }
    };
    let broken = |tool: Tool| {
        let act = ctx.link().callback(move |_| Msg::Tool(tool));
        let armed = app.armed.is_some_and(|(armed, _)| armed == tool);
        let key = tool.key().to_string();
        html! {
            <button class={classes!("tool", "fault", armed.then_some("armed"))} onclick={act} aria-keyshortcuts={key.clone()}
                aria-pressed={tool.wants_link().then(|| armed.to_string())} title={title(app, tool)}>
                { icon(tool.icon(), 22) }<kbd aria-hidden="true">{ key }</kbd><span>{ tool.label() }</span>
            </button>
        }
    };
    let letters = app.letters.get();
    let switch = ctx.link().callback(|_| Msg::Letters);
    let compose = ctx.link().callback(|_| Msg::Compose(true));
    let menu = ctx.link().callback(|_| Msg::Menu(None));
    html! {
        <nav class={classes!("tools", (!letters).then_some("mute"))} aria-label="Toolbox">
            <h2>{ "Add" }</h2>
            { for Addition::ALL.map(add) }
            <button class="tool" onclick={compose} aria-keyshortcuts="N" aria-haspopup="dialog" title="Something new, as you want it (N)">
                { icon("plus", 22) }<kbd aria-hidden="true">{ "N" }</kbd><span>{ "New…" }</span>
            </button>
            <h2 class="rule">{ "Break" }</h2>
            { for Tool::ALL.map(broken) }
            <button class="tool more" onclick={menu} aria-haspopup="menu" title="All that can be done to the selection (Enter on the stage)">
                { icon("menu", 22) }<span>{ "More" }</span>
            </button>
            <button class="tool keys" onclick={switch} aria-pressed={letters.to_string()} title="Single letters as shortcuts, on or off">
                { icon("keys", 22) }<span>{ "Letters" }</span>
            </button>
        </nav>
    }
}

fn title(app: &App, tool: Tool) -> String {
    let selected = app.selected();
    let name = selected.and_then(|s| app.desk.with(|p| s.name(p.scene()))).unwrap_or_default();
    let key = tool.key();
    if tool.wants_link() {
        format!("{} from {name} ({key})", tool.label())
    } else {
        format!("{} {name} ({key})", tool.label())
    }
}

/// What a tool waits for, or why it did nothing.
pub(super) fn hint(app: &App) -> Html {
    let armed = app.armed.and_then(|(tool, host)| {
        let name = app.desk.with(|p| p.scene().host_name(host))?;
        Some(format!("{}: choose the other end of the link from {name}. Escape leaves it.", tool.label()))
    });
    match armed.or_else(|| app.hint.clone()) {
        Some(text) => html! { <p class="hint" role="status">{ text }</p> },
        None => Html::default(),
    }
}

fn picture(addition: Addition) -> &'static str {
    match addition {
        Addition::Broker => "broker",
        Addition::Topic => "topic",
        Addition::Producer => "producer",
        Addition::Consumer => "consumer",
        Addition::Group => "group",
    }
}
