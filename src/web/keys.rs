//! Keys that work everywhere on the page, except while somebody types.

use super::app::Msg;
use super::zoom::Zoom;
use crate::view::{Addition, Tool};
use wasm_bindgen::JsCast;
use web_sys::{Element, KeyboardEvent};

/// What a key asks for; `letters`: whether single letters ask for anything.
pub(super) fn meaning(event: &KeyboardEvent, letters: bool, presenting: bool) -> Option<Msg> {
    if event.alt_key() || event.default_prevented() {
        return None;
    }
    let target = event.target().and_then(|t| t.dyn_into::<Element>().ok());
    let tag = target.as_ref().map(|t| t.tag_name().to_lowercase()).unwrap_or_default();
    if matches!(tag.as_str(), "input" | "textarea" | "select") {
        return None;
    }
    if event.ctrl_key() || event.meta_key() {
        return match event.key().as_str() {
            "z" => Some(Msg::Undo),
            "Z" | "y" => Some(Msg::Redo),
            _ => None,
        };
    }
    let on_button = matches!(tag.as_str(), "button" | "a" | "summary");
    Some(match event.key().as_str() {
        // A button that has the focus takes the space bar for itself.
        " " if on_button => return None,
        " " => Msg::Toggle,
        "Escape" => Msg::Leave,
        "PageDown" if presenting => Msg::Mark(true),
        "PageUp" if presenting => Msg::Mark(false),
        "b" | "B" | "." if presenting => Msg::Blank,
        "?" => Msg::Help,
        "/" => Msg::Prompt,
        "ArrowRight" if event.shift_key() => Msg::Mark(true),
        "ArrowLeft" if event.shift_key() => Msg::Mark(false),
        "ArrowRight" if tag != "canvas" => Msg::Step,
        "ArrowLeft" if tag != "canvas" => Msg::StepBack,
        "+" | "=" => Msg::Zoom(Zoom::In),
        "-" => Msg::Zoom(Zoom::Out),
        "0" => Msg::Zoom(Zoom::Fit),
        "[" => Msg::Faster(false),
        "]" => Msg::Faster(true),
        _ if !letters => return None,
        "a" | "A" => Msg::AutoTempo,
        "f" | "F" => Msg::Present,
        "s" | "S" => Msg::Sessions,
        digit @ ("1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9") => Msg::TabNumber(digit.parse().ok()?),
        "n" | "N" => Msg::Compose(true),
        key if added(key).is_some() => Msg::Add(added(key)?),
        key => Msg::Tool(Tool::ALL.into_iter().find(|tool| key.eq_ignore_ascii_case(&tool.key().to_string()))?),
    })
}

/// What a key adds.
fn added(key: &str) -> Option<Addition> {
    Addition::ALL.into_iter().find(|addition| key.eq_ignore_ascii_case(&addition.key().to_string()))
}
