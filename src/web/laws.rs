//! The laws strip: what checkers watch, and whether it holds; and what Jepsen would say of the whole history.

use super::app::{App, Msg};
use super::dialog;
use super::icons::icon;
use crate::base::{SimTime, Sort};
use crate::check::jepsen::{Judgement, KindOfAnomaly, Told};
use crate::view::LawView;
use yew::prelude::*;

/// The laws strip.
pub(super) fn laws(app: &App, ctx: &Context<App>) -> Html {
    let mut laws = app.desk.with(|p| p.scene().laws.clone()).unwrap_or_default();
    // A broken one is seen first.
    laws.order_by_key(|law| law.holds);
    let judge = ctx.link().callback(|_: MouseEvent| Msg::Judge(true));
    html! {
        <section class="laws" aria-label="Laws">
            <b>{ "Laws" }</b>
            <ul tabindex="0" aria-label="Laws">{ for laws.iter().map(law) }</ul>
            <button class="btn line judge" onclick={judge} aria-haspopup="dialog">{ "Judge" }<span class="long">{ " the history" }</span></button>
        </section>
    }
}

fn law(law: &LawView) -> Html {
    let detail = law.detail.clone().map(|detail| format!(": {detail}")).unwrap_or_default();
    let said = if law.holds { "holds" } else { "broken" };
    html! {
        <li class={classes!("law", (!law.holds).then_some("broken"))} key={law.name.clone()}>
            { icon(if law.holds { "check" } else { "x" }, 14) }
            <span>{ &law.title }</span><span class="vh">{ format!(" {said}") }</span>
            if !law.holds { <span>{ detail }</span> }
        </li>
    }
}

/// What Jepsen's checker says of what clients sent and read, if somebody has asked.
pub(super) fn judgement(app: &App, ctx: &Context<App>) -> Html {
    if !app.judging {
        return Html::default();
    }
    let close = ctx.link().callback(|()| Msg::Judge(false));
    let body = match app.desk.judgement() {
        None => html! { <p role="status">{ "The session is played again from its start." }</p> },
        Some(judgement) => judged(ctx, &judgement),
    };
    let shut = close.reform(|_: MouseEvent| ());
    let buttons = html! { <button class="btn line first" onclick={shut}>{ "Close" }</button> };
    dialog::frame("The history, as Jepsen judges it", close, body, buttons)
}

fn judged(ctx: &Context<App>, it: &Judgement) -> Html {
    let promised = if it.is_good() { "Nothing in it goes against Kafka’s promises." } else { "It has anomalies." };
    let kind = |kind: &KindOfAnomaly| {
        let allowed = if kind.is_allowed { ", which Kafka allows" } else { "" };
        html! {
            <section class="sec" key={kind.name.clone()}>
                <h3 class={(!kind.is_allowed).then_some("bad")}>{ format!("{}: {}{allowed}", kind.name, kind.count) }</h3>
                <p class="q">{ &kind.meaning }</p>
                <ul>{ for kind.examples.iter().map(|it| told(ctx, it)) }</ul>
            </section>
        }
    };
    html! {
        <div class="judged">
            <p>{ format!("{} values were acknowledged, and polls brought {}. In the end every partition was read from its beginning. ", it.sent, it.read) }
                <b>{ promised }</b></p>
            if let Some(us) = it.until_us { <p class="warn">{ format!("The history is long: it was judged up to {}.", SimTime(us)) }</p> }
            { for it.kinds.iter().map(kind) }
            if let Some(lag) = &it.worst_lag { <ul>{ told(ctx, lag) }</ul> }
            { for it.out_of_reach.iter().map(|key| html! { <p class="q">{ format!("{key} cannot be read now: what is lost in it cannot be said.") }</p> }) }
        </div>
    }
}

/// One anomaly, with links to when its operations ended.
fn told(ctx: &Context<App>, it: &Told) -> Html {
    let link = |us: &u64| {
        let at = SimTime(*us);
        let go = ctx.link().batch_callback(move |_: MouseEvent| vec![Msg::Judge(false), Msg::Seek(at)]);
        html! { <>{ " " }<button class="link mono" onclick={go} title="Go to this moment">{ format!("{:.3} s", at.0 as f64 / 1e6) }</button></> }
    };
    html! { <li>{ &it.text }{ for it.times_us.iter().map(link) }</li> }
}
