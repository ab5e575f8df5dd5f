//! The menu of what can be done to a thing: each entry types a line of the script language, which is shown with it.

use super::app::{App, Msg};
use super::icons::icon;
use super::stage;
use crate::view::{Offer, Selection, Tool, offers};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};
use yew::prelude::*;

/// An open menu.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Menu {
    /// What it is of.
    pub(super) of: Selection,
    /// Where on the canvas it was asked for, in CSS pixels.
    pub(super) x: f64,
    /// How far down.
    pub(super) y: f64,
}

/// Width that a menu has, in CSS pixels.
const WIDTH: f64 = 288.0;

/// The menu, if one is open.
pub(super) fn menu(app: &App, ctx: &Context<App>) -> Html {
    let Some(menu) = &app.menu else { return Html::default() };
    let (name, offers) = app.desk.with(|p| (menu.of.name(p.scene()), offers(&menu.of, p.scene()))).unwrap_or_default();
    let canvas = app.canvas.cast::<Element>().map(|c| c.get_bounding_client_rect());
    let (left, top) = canvas.map_or((0.0, 0.0), |r| (r.left() + menu.x, r.top() + menu.y));
    let height = offers.len() as f64 * 34.0 + 44.0;
    let (x, y) = (left.min(app.width - WIDTH - 8.0).max(8.0), top.min(app.height - height - 8.0).max(8.0));
    let style = format!("left: {x:.0}px; top: {y:.0}px; width: {WIDTH}px");
    let close = ctx.link().callback(|_| Msg::CloseMenu);
    let canvas = app.canvas.clone();
    let keys = ctx.link().batch_callback(move |event: KeyboardEvent| keys(&event, &canvas));
    html! {
        <>
            <div class="shade" onclick={close} oncontextmenu={Callback::from(|e: MouseEvent| e.prevent_default())}></div>
            <div class="menu" role="menu" aria-label={format!("What can be done to {name}")} {style} onkeydown={keys}>
                <h2 aria-hidden="true">{ name }</h2>
                if offers.is_empty() {
                    <p class="empty">{ "Nothing can be done to it in this build." }</p>
                } else {
                    { for offers.iter().enumerate().map(|(n, offer)| entry(ctx, n, offer)) }
                }
            </div>
        </>
    }
}

fn entry(ctx: &Context<App>, n: usize, offer: &Offer) -> Html {
    let line = offer.line.clone();
    let act = ctx.link().callback(move |_| Msg::Do(line.clone()));
    let key = offer.tool.map(|t| t.key().to_string());
    html! {
        <button key={n} class={classes!("entry", offer.breaks.then_some("fault"))} role="menuitem" onclick={act}
            title={offer.line.clone()} aria-keyshortcuts={key.clone()} tabindex={if n == 0 { "0" } else { "-1" }}>
            { icon(offer.icon, 18) }<span>{ &offer.label }</span>
            if let Some(key) = key { <kbd aria-hidden="true">{ key }</kbd> }
        </button>
    }
}

fn keys(event: &KeyboardEvent, canvas: &NodeRef) -> Option<Msg> {
    let entries = event.current_target().and_then(|t| t.dyn_into::<Element>().ok())?;
    let entries = entries.query_selector_all(".entry").ok()?;
    let all: Vec<HtmlElement> = (0..entries.length()).filter_map(|n| entries.get(n)?.dyn_into().ok()).collect();
    let focused = gloo::utils::document().active_element();
    let at = all.iter().position(|e| Some(e.as_ref()) == focused.as_ref()).unwrap_or(0);
    let to = match event.key().as_str() {
        "ArrowDown" => (at + 1) % all.len().max(1),
        "ArrowUp" => (at + all.len().max(1) - 1) % all.len().max(1),
        "Home" => 0,
        "End" => all.len().saturating_sub(1),
        "Escape" | "Tab" => {
            event.prevent_default();
            stage::focus(canvas);
            return Some(Msg::CloseMenu);
        }
        _ => {
            // What is a key of the whole page is none in a menu, but a button keeps its own.
            event.stop_propagation();
            return None;
        }
    };
    event.prevent_default();
    event.stop_propagation();
    if let Some(entry) = all.get(to) {
        // An element that is gone needs no focus.
        let _ = entry.focus();
    }
    None
}

/// Gives the first entry of an open menu the focus.
pub(super) fn focus_first() {
    let first = gloo::utils::document().query_selector(".menu .entry").ok().flatten();
    if let Some(first) = first.and_then(|e| e.dyn_into::<HtmlElement>().ok()) {
        // An element that is gone needs no focus.
        let _ = first.focus();
    }
}

/// Why a tool did nothing.
pub(super) fn no_use(tool: Tool, name: &str) -> String {
    match tool {
        Tool::Crash => format!("There is nothing to crash at {name}: choose something that runs."),
        Tool::Restart => format!("There is nothing to start at {name}: choose a broker or a controller that is down."),
        Tool::Pause => format!("There is nothing to pause at {name}: choose something that runs."),
        Tool::Cut | Tool::Slow => format!("{name} is no link: choose one, or a host and then another."),
    }
}
