//! The stage: a pile of canvases, and inside the uppermost everything on it as a list for people who do not see it. It is
//! one tab stop; arrows move over shelf and column.

use super::app::{App, Msg};
use super::zoom;
use crate::view::{Player, Scene, Selection, Toward, Weight};
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;
use yew::prelude::*;

/// The stage.
pub(super) fn stage(app: &App, ctx: &Context<App>) -> Html {
    let keys = ctx.link().batch_callback(|event: KeyboardEvent| {
        let msg = match event.key().as_str() {
            _ if event.shift_key() && event.key().starts_with("Arrow") => return None,
            "ArrowRight" => Msg::Move(Toward::Right),
            "ArrowLeft" => Msg::Move(Toward::Left),
            "ArrowDown" => Msg::Move(Toward::Down),
            "ArrowUp" => Msg::Move(Toward::Up),
            "Home" => Msg::Move(Toward::First),
            "End" => Msg::Move(Toward::Last),
            "Enter" | "ContextMenu" => Msg::Menu(None),
            "F10" if event.shift_key() => Msg::Menu(None),
            "Escape" => Msg::Leave,
            _ => return None,
        };
        event.prevent_default();
        event.stop_propagation();
        Some(msg)
    });
    let press = ctx.link().batch_callback(|event: PointerEvent| {
        // The other buttons are for menus.
        (event.button() == 0).then(|| Msg::Press(f64::from(event.offset_x()), f64::from(event.offset_y())))
    });
    let menu = ctx.link().callback(|event: MouseEvent| {
        event.prevent_default();
        Msg::Menu(Some((f64::from(event.offset_x()), f64::from(event.offset_y()))))
    });
    let wheel = ctx.link().batch_callback(|event: WheelEvent| zoom::wheel(&event));
    let level = zoom::LEVELS[app.zoom];
    // The stage's own height is set by who draws it; zoomed, it is seen through a window as high as it may be.
    let height = (level > 1.0).then(|| format!("height: {:.0}px", app.stage_height));
    let width = format!("width: {:.0}%", level * 100.0);
    let under = app.under.iter().map(|canvas| {
        html! { <canvas ref={canvas.clone()} class="under" style={width.clone()} aria-hidden="true"></canvas> }
    });
    let selected = app.selected();
    let options = told(app, selected.as_ref());
    let active = selected.as_ref().map(Selection::id);
    html! {
        <section class={classes!("glass", app.armed.is_some().then_some("armed"))} aria-label="Stage">
            <div class="scroll" style={height} onwheel={wheel}>
                { for under }
                <canvas ref={app.canvas.clone()} style={width.clone()} tabindex="0" role="listbox" aria-label={label(app)}
                    aria-activedescendant={active} onkeydown={keys} onpointerdown={press} oncontextmenu={menu}>{ options }</canvas>
            </div>
            { zoom::buttons(app, ctx) }
        </section>
    }
}

/// The stage as a list, and for what it was made.
#[derive(Default)]
pub(super) struct Told {
    made_for: Option<(u64, u64, Option<Selection>)>,
    options: Html,
}

/// The stage as a list: made anew when something else is selected or has come or gone, and every second of the world
/// while it plays; a list that changes all the time cannot be read.
fn told(app: &App, selected: Option<&Selection>) -> Html {
    let (now, shape) = app.desk.with(|p| (p.now(), p.shape())).unwrap_or_default();
    let tick = if app.desk.playing() { (now / 1e6) as u64 } else { now as u64 };
    let made_for = Some((shape, tick, selected.cloned()));
    let mut told = app.told.borrow_mut();
    if told.made_for != made_for {
        let all = app.reachable();
        told.options = app.desk.with(|p| options(p.scene(), &all, selected, now)).unwrap_or_default();
        told.made_for = made_for;
    }
    told.options.clone()
}

/// Gives the stage the focus.
pub(super) fn focus(canvas: &NodeRef) {
    if let Some(element) = canvas.cast::<web_sys::Element>().and_then(|e| e.dyn_into::<HtmlElement>().ok()) {
        // An element that is gone needs no focus.
        let _ = element.focus();
    }
}

fn label(app: &App) -> String {
    let counts = |scene: &Scene| {
        let n = |n: usize, what: &str| if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") };
        format!(
            "Cluster: {}, {}, {}, {}, {}",
            n(scene.controllers.len(), "controller"),
            n(scene.brokers.len(), "broker"),
            n(scene.partitions.len(), "partition"),
            n(scene.producers.len(), "producer"),
            n(scene.consumers.len(), "consumer")
        )
    };
    app.desk.with(|p| counts(p.scene())).unwrap_or_else(|| "Cluster".into())
}

/// What is selected may be something that the arrows do not reach, such as a link: it is listed first.
fn options(scene: &Scene, all: &[Vec<Selection>], selected: Option<&Selection>, now: f64) -> Html {
    let flat: Vec<&Selection> = all.iter().flatten().collect();
    let at = selected.and_then(|s| flat.iter().position(|other| *other == s));
    let extra = selected.filter(|_| at.is_none());
    // A list that goes on for ever helps nobody: the selected thing and what stands around it.
    let around = flat.iter().skip(at.unwrap_or(0).saturating_sub(80)).take(160).copied();
    let option = |s: &Selection| {
        let chosen = (selected == Some(s)).to_string();
        html! { <div key={s.id()} id={s.id()} role="option" aria-selected={chosen}>{ s.sentence(scene, now) }</div> }
    };
    let shown: Vec<Html> = extra.into_iter().chain(around).map(option).collect();
    let none = html! { <div key="none" role="option" aria-selected="false">{ "Nothing yet" }</div> };
    if shown.is_empty() { none } else { shown.into_iter().collect() }
}

/// In a presentation: what happened last, in large letters.
pub(super) fn caption(app: &App) -> Html {
    if !app.presenting {
        return Html::default();
    }
    let last = |p: &Player| {
        let told = p.lines().iter().rev().find(|(_, line)| line.weight > Weight::Routine);
        (p.now() / 1e6, told.map(|(_, line)| line.text.clone()).unwrap_or_default())
    };
    let (now, text) = app.desk.with(last).unwrap_or_default();
    html! {
        <>
            <p class="caption"><span class="mono">{ format!("{now:.1} s") }</span>{ text }</p>
            if app.blank { <div class="blank" role="img" aria-label="Blank"></div> }
        </>
    }
}
