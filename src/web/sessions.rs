//! Saved sessions: keep, open, rename, remove, and files.

use super::app::{App, Msg};
use super::dialog;
use crate::link::{Kept, ToWorker};
use gloo::file::callbacks::read_as_bytes;
use wasm_bindgen::JsCast;
use web_sys::HtmlInputElement;
use yew::prelude::*;

/// The saved sessions, if they are open.
pub(super) fn sessions(app: &App, ctx: &Context<App>) -> Html {
    if !app.sessions {
        return Html::default();
    }
    let (kept, trouble) = app.desk.kept();
    let close = ctx.link().callback(|()| Msg::Sessions);
    let shut = ctx.link().callback(|_: MouseEvent| Msg::Sessions);
    let wish = |make: fn() -> ToWorker| ctx.link().callback(move |_: MouseEvent| Msg::Wish(make()));
    let keep = ask(ctx, "Keep a copy of the session as", &app.desk.title(), |title| ToWorker::Keep { title });
    let rename = ask(ctx, "The session’s title", &app.desk.title(), |title| ToWorker::Rename { key: None, title });
    let import = {
        let link = ctx.link().clone();
        Callback::from(move |event: Event| {
            let input = event.target().and_then(|t| t.dyn_into::<HtmlInputElement>().ok());
            let Some(file) = input.and_then(|i| i.files()).and_then(|files| files.get(0)) else { return };
            link.send_message(Msg::Read(file.into()));
        })
    };
    let size: u64 = kept.iter().map(|k| k.size).sum();
    let body = html! {
        <div class="sessions">
            <p><b>{ app.desk.title() }</b>{ " is open. It is saved by itself; what is kept here stays beside it." }</p>
            <div class="acts row start">
                <button class="btn line" onclick={keep}>{ "Keep a copy" }</button>
                <button class="btn line" onclick={rename}>{ "Rename" }</button>
                <button class="btn line" onclick={wish(|| ToWorker::ExportCurrent)}>{ "Export as a file" }</button>
                <label class="btn line file">{ "Import a file" }<input type="file" accept=".save" onchange={import} /></label>
            </div>
            if let Some(trouble) = trouble { <p class="bad" role="alert">{ trouble }</p> }
            if kept.is_empty() { <p class="empty">{ "Nothing is kept yet." }</p> } else { <ul>{ for kept.iter().map(|kept| one(ctx, kept)) }</ul> }
            <p class="q">{ format!("{} kept, {} in this browser.", count(kept.len()), bytes(size)) }</p>
        </div>
    };
    dialog::frame("Sessions", close, body, html! { <button class="btn line first" onclick={shut}>{ "Close" }</button> })
}

fn one(ctx: &Context<App>, kept: &Kept) -> Html {
    let title = kept.title.clone().unwrap_or_else(|| kept.key.clone());
    let what = match kept.at {
        Some(at) => format!("{:.1} s, {} commands, {}", at.0 as f64 / 1e6, kept.commands, bytes(kept.size)),
        None => format!("cannot be read by this version, {}", bytes(kept.size)),
    };
    let key = kept.key.clone();
    let wish = |make: fn(String) -> ToWorker| {
        let key = key.clone();
        ctx.link().callback(move |_: MouseEvent| Msg::Wish(make(key.clone())))
    };
    let named = key.clone();
    let rename = ask(ctx, "Its title", &title, move |title| ToWorker::Rename { key: Some(named.clone()), title });
    let remove = {
        let (key, title) = (key.clone(), title.clone());
        ctx.link().batch_callback(move |_: MouseEvent| {
            let sure = gloo::dialogs::confirm(&format!("Remove “{title}” for good?"));
            sure.then(|| Msg::Wish(ToWorker::Remove { key: key.clone() }))
        })
    };
    html! {
        <li key={kept.key.clone()}>
            <div><b>{ &title }</b><small>{ what }</small></div>
            if kept.at.is_some() {
                <button class="btn line" onclick={wish(|key| ToWorker::OpenKept { key })} aria-label={format!("Open {title}")}>{ "Open" }</button>
                <button class="btn line" onclick={rename} aria-label={format!("Rename {title}")}>{ "Rename" }</button>
            }
            <button class="btn line" onclick={wish(|key| ToWorker::Export { key })} aria-label={format!("Export {title}")}>{ "Export" }</button>
            <button class="btn line fault" onclick={remove} aria-label={format!("Remove {title}")}>{ "Remove" }</button>
        </li>
    }
}

/// Asks for a title in the browser's own way.
fn ask(
    ctx: &Context<App>,
    what: &'static str,
    old: &str,
    wish: impl Fn(String) -> ToWorker + 'static,
) -> Callback<MouseEvent> {
    let old = old.to_owned();
    ctx.link().batch_callback(move |_| {
        let title = gloo::dialogs::prompt(what, Some(&old))?.trim().to_owned();
        (!title.is_empty()).then(|| Msg::Wish(wish(title)))
    })
}

/// Reads a file and hands its bytes over.
pub(super) fn read(ctx: &Context<App>, file: gloo::file::File) -> gloo::file::callbacks::FileReader {
    let link = ctx.link().clone();
    read_as_bytes(&file, move |bytes| {
        if let Ok(bytes) = bytes {
            link.send_message(Msg::Wish(ToWorker::Import { bytes }));
        }
    })
}

fn count(n: usize) -> String {
    if n == 1 { "1 session".into() } else { format!("{n} sessions") }
}

fn bytes(n: u64) -> String {
    if n < 10_000 { format!("{n} bytes") } else { format!("{} kB", n / 1_000) }
}
