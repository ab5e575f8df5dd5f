//! Dialogs: what must be answered before the page goes on.

use super::app::{App, Msg};
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;
use yew::prelude::*;

/// Asks whether the past shall be changed, if somebody is about to.
pub(super) fn past(app: &App, ctx: &Context<App>) -> Html {
    let Some(line) = app.desk.asking() else { return Html::default() };
    let (now, end) = app.desk.with(|p| (p.now() / 1e6, p.end() / 1e6)).unwrap_or_default();
    let yes = ctx.link().callback(|_| Msg::Answer(true));
    let no = ctx.link().callback(|_| Msg::Answer(false));
    let body = html! {
        <>
            <p>{ format!("The session stands at {now:.3} s, and goes on until {end:.3} s.") }</p>
            <p><code>{ line }</code></p>
            <p>{ "Done here, this replaces what happened after it; the session continues from here." }</p>
        </>
    };
    let buttons = html! {
        <>
            <button class="btn line first" onclick={no.reform(|_: MouseEvent| ())}>{ "Leave it as it was" }</button>
            <button class="btn line fault" onclick={yes}>{ "Continue from here" }</button>
        </>
    };
    frame("Change the past?", no, body, buttons)
}

/// A dialog with a title; `close` is called on Escape and on a press beside it.
pub(super) fn frame(title: &str, close: Callback<()>, body: Html, buttons: Html) -> Html {
    let escape = {
        let close = close.clone();
        Callback::from(move |event: KeyboardEvent| {
            // What is a key of the whole page is none in a dialog.
            event.stop_propagation();
            if event.key() == "Escape" {
                close.emit(());
            }
        })
    };
    html! {
        <>
            <div class="shade dim" onclick={close.reform(|_: MouseEvent| ())}></div>
            <div class="dialog" role="dialog" aria-modal="true" aria-label={title.to_owned()} onkeydown={escape}>
                <h2>{ title }</h2>
                <div class="body" tabindex="0">{ body }</div>
                <div class="acts row">{ buttons }</div>
            </div>
        </>
    }
}

/// Gives the first answer of an open dialog the focus.
pub(super) fn focus_first() {
    let first = gloo::utils::document().query_selector(".dialog .first").ok().flatten();
    if let Some(first) = first.and_then(|e| e.dyn_into::<HtmlElement>().ok()) {
        // An element that is gone needs no focus.
        let _ = first.focus();
    }
}
