//! Configs of a topic: all that Kafka knows, what is set, and setting one. Each change is a line of `kafka-configs.sh`.

use super::dialog;
use crate::cluster::config_defs::{self, ConfigKey, is_built_for_topics};
use std::collections::BTreeMap;
use std::sync::Arc;
use wasm_bindgen::JsCast;
use web_sys::HtmlInputElement;
use yew::prelude::*;

/// What the dialog is of.
#[derive(Properties, PartialEq)]
pub(super) struct Props {
    /// The topic.
    pub(super) topic: Arc<str>,
    /// What is set on it.
    pub(super) set: BTreeMap<Arc<str>, Arc<str>>,
    /// Types a line.
    pub(super) run: Callback<String>,
    /// Closes the dialog.
    pub(super) close: Callback<()>,
}

/// Every config of a topic.
#[function_component(Configs)]
pub(super) fn configs(props: &Props) -> Html {
    let edited = use_state(|| None::<(&'static str, String)>);
    let filter = use_state(String::new);
    let wanted = |key: &&ConfigKey| key.name.contains(filter.trim()) && !key.name.starts_with("internal.");
    let mut all: Vec<&ConfigKey> = config_defs::topic_configs().iter().filter(wanted).collect();
    all.sort_by_key(|key| (!props.set.contains_key(key.name), !is_built_for_topics(key.name), key.name));
    let search = {
        let filter = filter.clone();
        Callback::from(move |event: InputEvent| filter.set(value(&event)))
    };
    let shut = props.close.reform(|_: MouseEvent| ());
    let body = html! {
        <div class="configs">
            <label>{ "Find" }<input type="search" class="mono" oninput={search} /></label>
            <ul>{ for all.into_iter().map(|key| row(props, key, &edited)) }</ul>
        </div>
    };
    let buttons = html! { <button class="btn line first" onclick={shut}>{ "Close" }</button> };
    dialog::frame(&format!("Configs of {}", props.topic), props.close.clone(), body, buttons)
}

fn row(props: &Props, key: &'static ConfigKey, edited: &UseStateHandle<Option<(&'static str, String)>>) -> Html {
    let set = props.set.get(key.name);
    let shown = edited.as_ref().filter(|(name, _)| *name == key.name).map(|(_, text)| text.clone());
    let text = shown.clone().or_else(|| set.map(|v| v.to_string())).unwrap_or_default();
    let wrong = shown.as_ref().filter(|text| !text.is_empty()).and_then(|text| key.check(text).err());
    let edit = {
        let edited = edited.clone();
        Callback::from(move |event: InputEvent| edited.set(Some((key.name, value(&event)))))
    };
    let alter = |change: String| {
        let line = format!("kafka-configs.sh --alter --entity-type topics --entity-name {} {change}", props.topic);
        let (run, edited) = (props.run.clone(), edited.clone());
        Callback::from(move |()| {
            run.emit(line.clone());
            edited.set(None);
        })
    };
    // A value with commas stands in brackets, as kafka-configs.sh wants it.
    let given = if text.contains(',') { format!("[{text}]") } else { text.clone() };
    let add = alter(format!("--add-config \"{}={}\"", key.name, given.replace('\\', "\\\\").replace('"', "\\\"")));
    let submit = {
        let ready = shown.is_some() && wrong.is_none() && !text.is_empty();
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            if ready {
                add.emit(());
            }
        })
    };
    let default = key.default.map_or("no default".to_owned(), |value| format!("default {value}"));
    let note = if is_built_for_topics(key.name) { "" } else { " · kept, but changes nothing in this build" };
    html! {
        <li key={key.name} class={classes!(set.is_some().then_some("set"))}>
            <form onsubmit={submit}>
                <label><code>{ key.name }</code><small>{ format!("{:?} · {default}{note}", key.kind) }</small>
                    <input class="mono" autocomplete="off" value={text} placeholder={key.default.unwrap_or_default()} oninput={edit} aria-invalid={wrong.is_some().to_string()} /></label>
                if shown.is_some() { <button class="btn line" type="submit" disabled={wrong.is_some()}>{ "Set" }</button> }
                if set.is_some() && shown.is_none() {
                    <button class="btn line" type="button" onclick={alter(format!("--delete-config {}", key.name)).reform(|_: MouseEvent| ())}>{ "Reset" }</button>
                }
            </form>
            if let Some(wrong) = wrong { <p class="bad" role="alert">{ wrong }</p> }
        </li>
    }
}

fn value(event: &InputEvent) -> String {
    let input = event.target().and_then(|t| t.dyn_into::<HtmlInputElement>().ok());
    input.map(|i| i.value()).unwrap_or_default()
}
