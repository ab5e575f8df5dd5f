//! The laws strip: what checkers watch, and whether it holds.

use super::app::App;
use super::icons::icon;
use crate::base::Sort;
use crate::view::LawView;
use yew::prelude::*;

/// The laws strip.
pub(super) fn laws(app: &App) -> Html {
    let mut laws = app.desk.with(|p| p.scene().laws.clone()).unwrap_or_default();
    // A broken one is seen first.
    laws.order_by_key(|law| law.holds);
    html! {
        <section class="laws" aria-label="Laws" tabindex="0">
            <b>{ "Laws" }</b>
            <ul>{ for laws.iter().map(law) }</ul>
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
