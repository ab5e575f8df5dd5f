//! The stage: a canvas, and inside it the same replicas as a list for people who do not see it. It is one tab stop;
//! arrows move over the partitions.

use super::app::{App, Msg};
use crate::base::TopicPartition;
use crate::view::Scene;
use yew::prelude::*;

/// The stage.
pub(super) fn stage(app: &App, ctx: &Context<App>) -> Html {
    let keys = ctx.link().batch_callback(|event: KeyboardEvent| {
        let by = match event.key().as_str() {
            "ArrowRight" | "ArrowDown" => Choice::By(1),
            "ArrowLeft" | "ArrowUp" => Choice::By(-1),
            "Home" => Choice::First,
            "End" => Choice::Last,
            _ => return None,
        };
        event.prevent_default();
        event.stop_propagation();
        Some(Msg::Choose(by))
    });
    let press =
        ctx.link().callback(|event: PointerEvent| Msg::Press(f64::from(event.offset_x()), f64::from(event.offset_y())));
    let selected = app.selected();
    let options = app.desk.with(|p| options(p.scene(), selected.as_ref())).unwrap_or_default();
    let active = selected.as_ref().map(id);
    html! {
        <section class="glass" aria-label="Stage">
            <canvas ref={app.canvas.clone()} tabindex="0" role="listbox" aria-label={label(app)} aria-activedescendant={active}
                onkeydown={keys} onpointerdown={press}>{ options }</canvas>
        </section>
    }
}

/// Which partition to choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// So many on.
    By(isize),
    /// The first.
    First,
    /// The last.
    Last,
}

impl Choice {
    /// The partition chosen when `from` was.
    pub(super) fn apply(self, scene: &Scene, from: Option<&TopicPartition>) -> Option<TopicPartition> {
        let all: Vec<&TopicPartition> = scene.partitions.keys().collect();
        let at = from.and_then(|tp| all.iter().position(|t| *t == tp)).unwrap_or(0);
        let to = match self {
            Self::By(n) => at.saturating_add_signed(n).min(all.len().saturating_sub(1)),
            Self::First => 0,
            Self::Last => all.len().saturating_sub(1),
        };
        all.get(to).map(|tp| (*tp).clone())
    }
}

fn label(app: &App) -> String {
    let counts = |scene: &Scene| {
        let n = |n: usize, what: &str| if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") };
        format!(
            "Cluster: {}, {}, {}, {}",
            n(scene.brokers.len(), "broker"),
            n(scene.partitions.len(), "partition"),
            n(scene.producers.len(), "producer"),
            n(scene.consumers.len(), "consumer")
        )
    };
    app.desk.with(|p| counts(p.scene())).unwrap_or_else(|| "Cluster".into())
}

fn options(scene: &Scene, selected: Option<&TopicPartition>) -> Html {
    let option = |tp: &TopicPartition| {
        let text = match scene.leader_replica(tp) {
            Some((leader, r)) => format!("{tp} on broker {leader}, leader, high watermark {}, log end {}", r.hw, r.leo),
            None => format!("{tp}, no leader"),
        };
        html! { <div key={tp.to_string()} id={id(tp)} role="option" aria-selected={(selected == Some(tp)).to_string()}>{ text }</div> }
    };
    // A list that goes on for ever helps nobody: the selected partition and what stands around it.
    let at = selected.and_then(|tp| scene.partitions.keys().position(|t| t == tp)).unwrap_or(0);
    let around: Vec<&TopicPartition> = scene.partitions.keys().skip(at.saturating_sub(50)).take(100).collect();
    let none = html! { <div key="none" role="option" aria-selected="false">{ "No partition yet" }</div> };
    if around.is_empty() { none } else { around.into_iter().map(option).collect() }
}

fn id(tp: &TopicPartition) -> String {
    format!("replica-{tp}")
}
