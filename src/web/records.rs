//! The message browser: records as they are on the leader's disk, and handing one to a producer.

use crate::base::TopicPartition;
use crate::view::{Format, From, Query, Records, Stored, send_line, shown};
use std::rc::Rc;
use std::sync::Arc;
use wasm_bindgen::JsCast;
use web_sys::{EventTarget, HtmlInputElement, HtmlSelectElement};
use yew::prelude::*;

/// What the browser works with.
#[derive(Properties, PartialEq)]
pub(super) struct Props {
    /// Partitions to choose from.
    pub(super) partitions: Vec<TopicPartition>,
    /// The partition that is selected on the stage.
    pub(super) selected: Option<TopicPartition>,
    /// Producers to send with.
    pub(super) producers: Vec<Arc<str>>,
    /// The records that were asked for.
    pub(super) records: Option<Rc<Records>>,
    /// Asks for records.
    pub(super) ask: Callback<Query>,
    /// Types a line.
    pub(super) send: Callback<String>,
    /// Inspects a record.
    pub(super) see: Callback<(TopicPartition, i64)>,
}

const FORMATS: [(Format, &str); 3] = [(Format::Text, "Text"), (Format::Json, "JSON"), (Format::Hex, "Hex")];

/// The message browser.
#[function_component(Browser)]
pub(super) fn browser(props: &Props) -> Html {
    let chosen = use_state(|| None::<TopicPartition>);
    let from = use_state(|| ("latest".to_owned(), String::new()));
    let filter = use_state(String::new);
    let format = use_state(Format::default);
    let tp = (*chosen).clone().filter(|tp| props.partitions.contains(tp)).or_else(|| props.selected.clone());
    let query = tp.clone().map(|tp| Query { tp, from: place(&from), filter: (*filter).clone() });
    {
        let ask = props.ask.clone();
        use_effect_with(query, move |query| {
            if let Some(query) = query.clone() {
                ask.emit(query);
            }
        });
    }
    let Some(tp) = tp else { return html! { <p class="empty">{ "There is no topic yet." }</p> } };
    let choose = {
        let partitions = props.partitions.clone();
        Callback::from(move |event: Event| {
            let name = value(event.target());
            chosen.set(partitions.iter().find(|tp| tp.to_string() == name).cloned());
        })
    };
    let seek = {
        let from = from.clone();
        Callback::from(move |event: Event| from.set((value(event.target()), from.1.clone())))
    };
    let number = {
        let from = from.clone();
        Callback::from(move |event: InputEvent| from.set((from.0.clone(), value(event.target()))))
    };
    let wanted = {
        let filter = filter.clone();
        Callback::from(move |event: InputEvent| filter.set(value(event.target())))
    };
    let option = |other: &TopicPartition| {
        let name = other.to_string();
        html! { <option value={name.clone()} selected={*other == tp}>{ name }</option> }
    };
    let seg = FORMATS.map(|(kind, label)| {
        let (set, pressed) = (format.clone(), (*format == kind).to_string());
        html! { <button aria-pressed={pressed} onclick={Callback::from(move |_| set.set(kind))}>{ label }</button> }
    });
    html! {
        <div class="browser">
            <div class="bar">
                <label>{ "Partition" }<select onchange={choose}>{ for props.partitions.iter().map(option) }</select></label>
                <label>{ "From" }<select onchange={seek}>
                    <option value="latest" selected={from.0 == "latest"}>{ "the last ones" }</option>
                    <option value="offset" selected={from.0 == "offset"}>{ "offset" }</option>
                    <option value="time" selected={from.0 == "time"}>{ "timestamp, ms" }</option>
                </select></label>
                if from.0 != "latest" { <input type="number" class="mono" aria-label="Where from" value={from.1.clone()} oninput={number} /> }
                <label>{ "Holds" }<input type="search" aria-label="Text that key, value or a header holds" value={(*filter).clone()} oninput={wanted} /></label>
                <div class="seg" role="group" aria-label="Shown as">{ for seg }</div>
            </div>
            <Sender tp={tp.clone()} producers={props.producers.clone()} send={props.send.clone()} />
            { props.records.as_ref().map(|records| table(records, *format, &tp, &props.see)) }
        </div>
    }
}

fn place(from: &(String, String)) -> From {
    let number = from.1.trim().parse().unwrap_or(0);
    match from.0.as_str() {
        "offset" => From::Offset(number),
        "time" => From::Timestamp(number),
        _ => From::Latest,
    }
}

fn value(target: Option<EventTarget>) -> String {
    let Some(target) = target else { return String::new() };
    match target.dyn_into::<HtmlInputElement>() {
        Ok(input) => input.value(),
        Err(other) => other.dyn_into::<HtmlSelectElement>().map(|select| select.value()).unwrap_or_default(),
    }
}

fn table(records: &Records, format: Format, tp: &TopicPartition, see: &Callback<(TopicPartition, i64)>) -> Html {
    let Some(leader) = records.leader else {
        return html! { <p class="empty">{ "Nobody leads this partition now: there is no log to read." }</p> };
    };
    let said = format!(
        "Log of broker {leader}, the leader: offsets {} to {}, high watermark {}. {} shown{}.",
        records.start,
        records.leo,
        records.hw,
        records.rows.len(),
        if records.more { ", more follow" } else { "" }
    );
    let row = |record: &Stored| {
        let open = record.offset >= records.hw;
        let it = (tp.clone(), record.offset);
        let inspect = see.reform(move |_: MouseEvent| it.clone());
        let text = |bytes: &Option<Vec<u8>>| shown(bytes.as_deref(), format);
        let headers: Vec<String> = record.headers.iter().map(|(name, v)| format!("{name}={}", text(v))).collect();
        html! {
            <tr key={record.offset} class={open.then_some("open")}>
                <th scope="row" class="mono"><button class="link" onclick={inspect} title="Inspect this record">{ record.offset }</button></th>
                <td class="r">{ record.timestamp_ms }</td>
                <td><pre>{ text(&record.key) }</pre></td><td><pre>{ text(&record.value) }</pre></td>
                <td><pre>{ headers.join(" ") }</pre></td>
                <td class="r">{ format!("e{}", record.epoch) }</td>
                <td class="r">{ if record.producer_id < 0 { "–".to_owned() } else { record.producer_id.to_string() } }</td>
                <td>{ if open { "not committed" } else { "" } }</td>
            </tr>
        }
    };
    html! {
        <>
            <p class="q">{ said }</p>
            <table class="grid">
                <thead><tr><th scope="col">{ "Offset" }</th><th scope="col" class="r">{ "Timestamp" }</th><th scope="col">{ "Key" }</th>
                    <th scope="col">{ "Value" }</th><th scope="col">{ "Headers" }</th><th scope="col" class="r">{ "Epoch" }</th>
                    <th scope="col" class="r">{ "Producer id" }</th><th scope="col">{ "State" }</th></tr></thead>
                <tbody>{ for records.rows.iter().rev().map(row) }</tbody>
            </table>
        </>
    }
}

#[derive(Properties, PartialEq)]
struct SenderProps {
    tp: TopicPartition,
    producers: Vec<Arc<str>>,
    send: Callback<String>,
}

/// The form that hands a record to a producer.
#[function_component(Sender)]
fn sender(props: &SenderProps) -> Html {
    let [producer, key, body] = [use_node_ref(), use_node_ref(), use_node_ref()];
    if props.producers.is_empty() {
        return html! { <p class="q">{ "With a producer in the world a record can be sent from here." }</p> };
    }
    let submit = {
        let (tp, send) = (props.tp.clone(), props.send.clone());
        let (producer, key, body) = (producer.clone(), key.clone(), body.clone());
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            let text = |node: &NodeRef| node.cast::<HtmlInputElement>().map(|i| i.value()).unwrap_or_default();
            let who = producer.cast::<HtmlSelectElement>().map(|s| s.value()).unwrap_or_default();
            send.emit(send_line(&who, &tp, &text(&key), &text(&body)));
        })
    };
    html! {
        <form class="bar" onsubmit={submit} aria-label="Send a record">
            <label>{ "Send with" }<select ref={producer}>{ for props.producers.iter().map(|name| html! { <option value={name.to_string()}>{ name.to_string() }</option> }) }</select></label>
            <label>{ "key" }<input ref={key} class="mono" autocomplete="off" /></label>
            <label class="wide">{ "value" }<input ref={body} class="mono" autocomplete="off" /></label>
            <button class="btn line" type="submit">{ format!("Send to {}", props.tp) }</button>
        </form>
    }
}
