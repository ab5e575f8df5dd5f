//! The terminal: what was typed and what came of it, and the line to type in.

use super::app::{App, Msg};
use super::desk::{Typed, plain};
use yew::prelude::*;

/// What was typed so far, newest first.
pub(super) fn history(app: &App) -> Html {
    let typed = app.desk.typed();
    if typed.is_empty() {
        return html! {
            <p class="empty">
                { "Type a line below: Kafka’s own tools, such as " }<code>{ "kafka-topics.sh --list" }</code>
                { ", or " }<code>{ "producer p1 --topic orders --rate 5/s" }</code>{ ". The Add buttons type here, too." }
            </p>
        };
    }
    html! { <ol class="term">{ for typed.iter().rev().take(60).map(one) }</ol> }
}

fn one(typed: &Typed) -> Html {
    let answer = match &typed.answer {
        None => html! { <pre class="q">{ "…" }</pre> },
        Some(Ok(text)) if text.is_empty() => Html::default(),
        Some(Ok(text)) => html! { <pre>{ text.trim_end() }</pre> },
        Some(Err(refusal)) => html! {
            <>
                if let Some(column) = refusal.column {
                    <pre class="bad" aria-hidden="true">{ format!("{}^", " ".repeat(column.saturating_sub(1) as usize + 2)) }</pre>
                }
                <p class="bad">{ plain(refusal) }</p>
            </>
        },
    };
    html! { <li key={typed.id}><pre><i>{ "› " }</i>{ &typed.line }</pre>{ answer }</li> }
}

/// The line to type in.
pub(super) fn prompt(app: &App, ctx: &Context<App>) -> Html {
    let submit = ctx.link().callback(|event: SubmitEvent| {
        event.prevent_default();
        Msg::Submit
    });
    let keys = ctx.link().batch_callback(|event: KeyboardEvent| match event.key().as_str() {
        "ArrowUp" => Some(Msg::Recall(-1)),
        "ArrowDown" => Some(Msg::Recall(1)),
        _ => None,
    });
    html! {
        <form class="prompt" onsubmit={submit}>
            <label for="line"><span aria-hidden="true">{ "›" }</span><span class="vh">{ "Command line" }</span></label>
            <input id="line" ref={app.input.clone()} class="mono" autocomplete="off" autocapitalize="off" spellcheck="false"
                placeholder="kafka-topics.sh --list" onkeydown={keys} />
            <button class="btn line" type="submit">{ "Run" }</button>
        </form>
    }
}

/// Why the last line could not be done, if it could not.
pub(super) fn refusal(app: &App) -> Html {
    let refusal = app.desk.typed().last().and_then(|t| match &t.answer {
        Some(Err(refusal)) => Some(format!("{}: {}", t.line, plain(refusal))),
        _ => None,
    });
    html! { if let Some(text) = refusal { <p class="refusal" role="alert">{ text }</p> } }
}
