//! Below the stage: playback, the timeline, lists and the prompt; on a phone also the choice of the partition.

use super::app::{App, Msg};
use super::records::Browser;
use super::{details, groups, metrics, panels, terminal, timeline, transport};
use crate::view::Selection;
use yew::prelude::*;

/// Below this width the page is a phone's: one partition at a time.
pub(super) const PHONE: f64 = 768.0;
/// Below this width the details are a tab.
const DETAILS: f64 = 1280.0;

/// A list below the stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tab {
    /// Who led what, and when.
    Timeline,
    /// The event log.
    Log,
    /// Messages.
    Messages,
    /// Groups of consumers.
    Groups,
    /// Records in logs.
    Records,
    /// Metrics.
    Metrics,
    /// The stage as tables.
    Tables,
    /// The selected partition, where there is no room for it at the side.
    Details,
    /// What was typed.
    Terminal,
}

impl Tab {
    /// Whether it is read more than glanced at: then it gets some of the stage's height.
    pub(super) fn is_long(self) -> bool {
        matches!(self, Self::Messages | Self::Groups | Self::Records | Self::Metrics | Self::Tables)
    }
}

const TABS: [(Tab, &str); 9] = [
    (Tab::Timeline, "Timeline"),
    (Tab::Details, "Inspector"),
    (Tab::Log, "Event log"),
    (Tab::Messages, "Messages"),
    (Tab::Groups, "Groups"),
    (Tab::Records, "Records"),
    (Tab::Metrics, "Metrics"),
    (Tab::Tables, "Tables"),
    (Tab::Terminal, "Terminal"),
];

/// The lists that there is a tab for.
pub(super) fn offered(app: &App) -> Vec<(Tab, &'static str)> {
    TABS.into_iter().filter(|(tab, _)| *tab != Tab::Details || app.width < DETAILS).collect()
}

/// The lower panel.
pub(super) fn bottom(app: &App, ctx: &Context<App>) -> Html {
    let offered = offered(app);
    let shown = if offered.iter().any(|(tab, _)| *tab == app.tab) { app.tab } else { Tab::Timeline };
    let made = timeline::made(app);
    let content = match shown {
        Tab::Timeline => timeline::lanes(made.as_ref()),
        Tab::Log => panels::log(app, ctx),
        Tab::Messages => panels::messages(app, ctx),
        Tab::Groups => groups::groups(app, ctx),
        Tab::Records => browser(app, ctx),
        Tab::Metrics => metrics::metrics(app),
        Tab::Tables => panels::tables(app, ctx),
        Tab::Details => details::details(app, ctx),
        Tab::Terminal => terminal::history(app),
    };
    html! {
        <section class="bottom" aria-label="Playback and lists">
            { tabs(ctx, &offered, shown) }
            { transport::transport(app, ctx) }
            { timeline::track(app, ctx, made.as_ref()) }
            <div class="panel" role="tabpanel" id="panel" aria-labelledby={tab_id(shown)} tabindex="0">{ content }</div>
            { terminal::refusal(app) }
            if shown == Tab::Terminal { { terminal::prompt(app, ctx) } }
        </section>
    }
}

fn browser(app: &App, ctx: &Context<App>) -> Html {
    let look = |p: &crate::view::Player| {
        let scene = p.scene();
        (scene.partitions.keys().cloned().collect::<Vec<_>>(), scene.producers.keys().cloned().collect::<Vec<_>>())
    };
    let (partitions, producers) = app.desk.with(look).unwrap_or_default();
    let ask = {
        let desk = app.desk.clone();
        Callback::from(move |query| desk.browse(query))
    };
    let send = ctx.link().callback(Msg::Do);
    let see = ctx.link().callback(|it| Msg::Record(Some(it)));
    html! { <Browser {partitions} selected={app.partition()} {producers} records={app.desk.records()} {ask} {send} {see} /> }
}

fn tabs(ctx: &Context<App>, offered: &[(Tab, &'static str)], shown: Tab) -> Html {
    let at = offered.iter().position(|(tab, _)| *tab == shown).unwrap_or(0);
    let beside = |n: usize| offered[n % offered.len()].0;
    let (next, before) = (beside(at + 1), beside(at + offered.len() - 1));
    let keys = ctx.link().batch_callback(move |event: KeyboardEvent| {
        let tab = match event.key().as_str() {
            "ArrowRight" => next,
            "ArrowLeft" => before,
            _ => return None,
        };
        event.prevent_default();
        event.stop_propagation();
        focus(tab);
        Some(Msg::Tab(tab))
    });
    let one = |(tab, label): &(Tab, &'static str)| {
        let (tab, label) = (*tab, *label);
        let choose = ctx.link().callback(move |_| Msg::Tab(tab));
        html! {
            <button class="tab" role="tab" id={tab_id(tab)} aria-controls="panel" aria-selected={(tab == shown).to_string()}
                tabindex={if tab == shown { "0" } else { "-1" }} onclick={choose}>{ label }</button>
        }
    };
    html! { <div class="tabs" role="tablist" aria-label="Lists" onkeydown={keys}>{ for offered.iter().map(one) }</div> }
}

fn tab_id(tab: Tab) -> String {
    format!("tab-{tab:?}").to_lowercase()
}

fn focus(tab: Tab) {
    use wasm_bindgen::JsCast;
    let element = gloo::utils::document().get_element_by_id(&tab_id(tab));
    if let Some(element) = element.and_then(|e| e.dyn_into::<web_sys::HtmlElement>().ok()) {
        // An element that is gone needs no focus.
        let _ = element.focus();
    }
}

/// On a phone: which partition the stage shows.
pub(super) fn segments(app: &App, ctx: &Context<App>) -> Html {
    if app.width >= PHONE {
        return Html::default();
    }
    let selected = app.partition();
    let around = |scene: &crate::view::Scene| {
        let own = |tp: &&crate::base::TopicPartition| !tp.topic.starts_with("__") || selected.as_ref() == Some(*tp);
        let all: Vec<_> = scene.partitions.keys().filter(own).collect();
        let at = selected.as_ref().and_then(|tp| all.iter().position(|of| *of == tp)).unwrap_or(0);
        all.into_iter().skip(at.saturating_sub(12)).take(25).cloned().collect::<Vec<_>>()
    };
    let partitions = app.desk.with(|p| around(p.scene())).unwrap_or_default();
    let one = |tp: crate::base::TopicPartition| {
        let chosen = selected.as_ref() == Some(&tp);
        let name = tp.to_string();
        let class = format!("part p{}", tp.partition.rem_euclid(8));
        let label = format!("P{}", tp.partition);
        let choose = ctx.link().callback(move |_| Msg::Select(Selection::Partition(tp.clone())));
        html! {
            <button key={name.clone()} aria-pressed={chosen.to_string()} onclick={choose}>
                <span {class}>{ label }</span><span class={(!chosen).then_some("vh")}>{ name }</span>
            </button>
        }
    };
    html! { <div class="pseg" role="group" aria-label="Partition">{ for partitions.into_iter().map(one) }</div> }
}
