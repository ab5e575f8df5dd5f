//! Zoom: the stage is given more room than it is seen in, so that it shows the same things larger, or more of them; the
//! rest is scrolled to, by wheel, finger, drag or arrow keys.

use super::app::{App, Msg};
use super::icons::icon;
use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, WheelEvent};
use yew::prelude::*;

/// How many times the stage is larger than what is seen of it.
pub(super) const LEVELS: [f64; 6] = [1.0, 1.25, 1.5, 2.0, 2.5, 3.0];

/// A step on the scale of [`LEVELS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zoom {
    /// Larger.
    In,
    /// Smaller.
    Out,
    /// All of it.
    Fit,
}

impl Zoom {
    /// The level after this step from another.
    pub(super) fn from(self, level: usize) -> usize {
        match self {
            Self::In => (level + 1).min(LEVELS.len() - 1),
            Self::Out => level.saturating_sub(1),
            Self::Fit => 0,
        }
    }
}

/// The buttons in the stage's corner.
pub(super) fn buttons(app: &App, ctx: &Context<App>) -> Html {
    let button = |zoom: Zoom, name: &'static str, label: &'static str, key: &'static str, off: bool| {
        let act = ctx.link().callback(move |_| Msg::Zoom(zoom));
        html! {
            <button class="tbtn" onclick={act} disabled={off} aria-label={label} aria-keyshortcuts={key} title={format!("{label} ({key})")}>
                { icon(name, 16) }
            </button>
        }
    };
    html! {
        <div class="zoom" role="group" aria-label="Zoom">
            { button(Zoom::In, "plus", "Zoom in", "+", app.zoom + 1 == LEVELS.len()) }
            { button(Zoom::Out, "minus", "Zoom out", "-", app.zoom == 0) }
            { button(Zoom::Fit, "fit", "Fit the stage", "0", app.zoom == 0) }
        </div>
    }
}

/// What turning the wheel asks for: with Control, as in every drawing program, zoom.
pub(super) fn wheel(event: &WheelEvent) -> Option<Msg> {
    if !event.ctrl_key() || event.delta_y() == 0.0 {
        return None;
    }
    event.prevent_default();
    Some(Msg::Zoom(if event.delta_y() < 0.0 { Zoom::In } else { Zoom::Out }))
}

/// Keeps the middle of what is seen where it is, while the stage becomes `by` times as large.
pub(super) fn keep_middle(canvas: &NodeRef, by: f64) {
    let glass =
        canvas.cast::<HtmlElement>().and_then(|c| c.parent_element()).and_then(|e| e.dyn_into::<HtmlElement>().ok());
    let Some(glass) = glass else { return };
    let (w, h) = (f64::from(glass.client_width()) / 2.0, f64::from(glass.client_height()) / 2.0);
    let (x, y) = (f64::from(glass.scroll_left()) + w, f64::from(glass.scroll_top()) + h);
    glass.set_scroll_left((x * by - w).round() as i32);
    glass.set_scroll_top((y * by - h).round() as i32);
}
