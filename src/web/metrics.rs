//! Metrics under Kafka's JMX names, with small charts.

use super::app::App;
use crate::view::{Gauge, Player};
use yew::prelude::*;

const WIDTH: f64 = 132.0;
const HEIGHT: f64 = 26.0;

/// The metrics of everything that runs.
pub(super) fn metrics(app: &App) -> Html {
    let look = |p: &Player| {
        let (now, end) = (p.now(), p.end());
        p.gauges().all().map(|gauge| row(gauge, now, end)).collect::<Html>()
    };
    let rows = app.desk.with(look).unwrap_or_default();
    html! {
        <>
            <p class="q">{ "Read from the picture every quarter of a second of the world; rates are taken over the last two seconds. What Kafka measures beyond these is not measured here yet." }</p>
            <table class="grid metrics">
                <thead><tr><th scope="col">{ "MBean" }</th><th scope="col">{ "Of" }</th><th scope="col">{ "Attribute" }</th>
                    <th scope="col" class="r">{ "Now" }</th><th scope="col">{ "Over time" }</th></tr></thead>
                <tbody>{ rows }</tbody>
            </table>
        </>
    }
}

fn row(gauge: &Gauge, now: f64, end: f64) -> Html {
    let value = gauge.at(now).map_or("–".into(), number);
    html! {
        <tr key={format!("{} {} {}", gauge.bean, gauge.attribute, gauge.of)}>
            <th scope="row" class="mono">{ &gauge.bean }</th><td>{ &gauge.of }</td><td>{ gauge.attribute }</td>
            <td class="r">{ value }</td><td>{ chart(gauge, now, end) }</td>
        </tr>
    }
}

fn number(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

/// Steps from sample to sample; what lies behind the picture's moment is pale.
fn chart(gauge: &Gauge, now: f64, end: f64) -> Html {
    let Some((first, _)) = gauge.samples.first() else { return Html::default() };
    let top = gauge.samples.iter().map(|(_, v)| *v).fold(1.0, f64::max);
    let span = (end - first).max(1.0);
    let x = |at: f64| (at - first) / span * WIDTH;
    let y = |value: f64| HEIGHT - 2.0 - value / top * (HEIGHT - 4.0);
    let line = |samples: &[(f64, f64)], until: f64| {
        let mut path = String::new();
        for (n, (at, value)) in samples.iter().enumerate() {
            let command = if n == 0 { "M" } else { "H" };
            if n == 0 {
                path.push_str(&format!("{command}{:.1} {:.1}", x(*at), y(*value)));
            } else {
                path.push_str(&format!("{command}{:.1}V{:.1}", x(*at), y(*value)));
            }
        }
        path.push_str(&format!("H{:.1}", x(until)));
        path
    };
    let split = gauge.samples.partition_point(|(at, _)| *at <= now);
    let (past, rest) = gauge.samples.split_at(split);
    html! {
        <svg class="chart" width={WIDTH.to_string()} height={HEIGHT.to_string()} aria-hidden="true">
            if !past.is_empty() { <path d={line(past, now.min(end))} /> }
            if !rest.is_empty() { <path class="rest" d={line(rest, end)} /> }
        </svg>
    }
}
