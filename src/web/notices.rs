//! What the person should know about the session, above everything else until it is put away.

use super::app::{App, Msg};
use super::icons::icon;
use crate::link::Notice;
use yew::prelude::*;

/// A notice as a sentence.
pub(super) fn sentence(notice: &Notice) -> String {
    match notice {
        Notice::NoStorage { .. } => "This browser refuses storage: the session lives until the tab closes.".into(),
        Notice::OtherTab => {
            "Another tab has this session open. This tab works on a copy that is not saved; close the other tab and load this one again to save here.".into()
        }
        Notice::SetAside { key, reason } => {
            format!("The saved session could not be read: {reason}. It is kept as “{key}”; a new session has begun.")
        }
        Notice::ScriptStopped { reason } => format!("The scenario stops at line {reason}. The world goes on."),
        Notice::NotOpened { reason } => format!("That session could not be opened: {reason}. It stays in the list."),
        Notice::Recovered { reason } => format!("{reason} The session goes on from where it was saved last."),
        Notice::SaveFailed { reason } => format!("Saving failed: {reason}. It is tried again every few seconds."),
    }
}

/// The notices that are not put away.
pub(super) fn notices(app: &App, ctx: &Context<App>) -> Html {
    let one = |(n, notice): (usize, Notice)| {
        let away = ctx.link().callback(move |_| Msg::PutAway(n));
        let download = match &notice {
            Notice::SetAside { key, .. } => {
                let (desk, key) = (app.desk.clone(), key.clone());
                let get = Callback::from(move |_| desk.export(&key));
                html! { <button class="btn line" onclick={get}>{ "Download it" }</button> }
            }
            _ => Html::default(),
        };
        html! {
            <div class="notice" role="status" key={n}>
                { icon("warn", 16) }<p>{ sentence(&notice) }</p>{ download }
                <button class="tbtn" aria-label="Put this notice away" onclick={away}>{ icon("x", 14) }</button>
            </div>
        }
    };
    app.desk.notices().into_iter().enumerate().filter(|(n, _)| !app.put_away.contains(n)).map(one).collect()
}
