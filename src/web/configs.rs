//! Configs of a topic, a broker, all brokers or a client: all that Kafka knows, what is set, and setting one. Each change
//! is a line of `kafka-configs.sh`.

use super::dialog;
use crate::cluster::config_defs::{self, BrokerConfigKey, ConfigKey, ConfigType, Scope};
use crate::view::{Owner, Settings};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use wasm_bindgen::JsCast;
use web_sys::HtmlInputElement;
use yew::prelude::*;

/// What the dialog is of.
#[derive(Properties, PartialEq)]
pub(super) struct Props {
    /// Whose configs.
    pub(super) owner: Owner,
    /// What is set, once that is known.
    pub(super) settings: Option<Rc<Settings>>,
    /// Types a line.
    pub(super) run: Callback<String>,
    /// Closes the dialog.
    pub(super) close: Callback<()>,
}

/// A config that Kafka knows.
#[derive(Clone, Copy)]
enum Key {
    Topic(&'static ConfigKey),
    Broker(&'static BrokerConfigKey),
}

impl Key {
    fn all(owner: &Owner) -> Vec<Self> {
        match owner {
            Owner::Topic(_) => config_defs::topic_configs().iter().map(Self::Topic).collect(),
            Owner::Broker(_) | Owner::Brokers => config_defs::broker_configs().iter().map(Self::Broker).collect(),
            Owner::Client(_) => Vec::new(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Topic(key) => key.name,
            Self::Broker(key) => key.name,
        }
    }

    fn kind(self) -> ConfigType {
        match self {
            Self::Topic(key) => key.kind,
            Self::Broker(key) => key.kind,
        }
    }

    fn default(self) -> Option<&'static str> {
        match self {
            Self::Topic(key) => key.default,
            Self::Broker(key) => key.default,
        }
    }

    fn check(self, value: &str) -> Result<(), String> {
        match self {
            Self::Topic(key) => key.check(value),
            Self::Broker(key) => key.check(value),
        }
    }

    /// What it means; none when it changes nothing here.
    fn meaning(self) -> Option<&'static str> {
        match self {
            Self::Topic(key) => config_defs::topic_config_meaning(key.name),
            Self::Broker(key) => config_defs::broker_config_meaning(key.name),
        }
    }

    /// Why it cannot be set on this owner while the cluster runs, if it cannot (KIP-226).
    fn fixed(self, owner: &Owner) -> Option<&'static str> {
        let Self::Broker(key) = self else { return None };
        match (key.scope, owner) {
            (Scope::ReadOnly, _) => Some("read-only: it is set in the broker’s file, before the start"),
            (Scope::PerBroker, Owner::Brokers) => Some("per broker only"),
            _ => None,
        }
    }
}

/// Every config of an owner.
#[function_component(Configs)]
pub(super) fn configs(props: &Props) -> Html {
    let edited = use_state(|| None::<(&'static str, String)>);
    let filter = use_state(String::new);
    let nothing = Settings { owner: props.owner.clone(), own: BTreeMap::new(), under: BTreeMap::new() };
    let known = props.settings.as_deref().filter(|settings| settings.owner == props.owner).unwrap_or(&nothing);
    let search = {
        let filter = filter.clone();
        Callback::from(move |event: InputEvent| filter.set(value(&event)))
    };
    let rows: Html = match &props.owner {
        Owner::Client(_) => {
            known.own.iter().filter(|(name, _)| name.contains(filter.trim())).map(|(n, v)| in_force(n, v)).collect()
        }
        _ => {
            let wanted = |key: &Key| key.name().contains(filter.trim()) && !key.name().starts_with("internal.");
            let mut all: Vec<Key> = Key::all(&props.owner).into_iter().filter(wanted).collect();
            let fixed = |key: &Key| key.fixed(&props.owner).is_some();
            all.sort_by_key(|key| {
                (!known.own.contains_key(key.name()), fixed(key), key.meaning().is_none(), key.name())
            });
            all.into_iter().map(|key| row(props, known, key, &edited)).collect()
        }
    };
    let body = html! {
        <div class="configs">
            if let Some(note) = note(&props.owner) { <p class="q">{ note }</p> }
            <label>{ "Find" }<input type="search" class="mono" oninput={search} /></label>
            <ul>{ rows }</ul>
        </div>
    };
    let shut = props.close.reform(|_: MouseEvent| ());
    let buttons = html! { <button class="btn line first" onclick={shut}>{ "Close" }</button> };
    dialog::frame(&title(&props.owner), props.close.clone(), body, buttons)
}

fn title(owner: &Owner) -> String {
    match owner {
        Owner::Topic(topic) => format!("Configs of {topic}"),
        Owner::Broker(id) => format!("Configs of broker {id}"),
        Owner::Brokers => "Configs of all brokers".into(),
        Owner::Client(name) => format!("Configs of {name}"),
    }
}

fn note(owner: &Owner) -> Option<&'static str> {
    match owner {
        Owner::Brokers => Some("Cluster-wide defaults: they hold for every broker that has no value of its own."),
        Owner::Client(_) => {
            Some("A client has its configs from its start to its end, as in Kafka: another one may have others.")
        }
        _ => None,
    }
}

/// A config of a client, as it is in force.
fn in_force(name: &Arc<str>, value: &Arc<str>) -> Html {
    html! { <li key={name.to_string()} class="fact"><code>{ name.to_string() }</code><code>{ value.to_string() }</code></li> }
}

type Edited = UseStateHandle<Option<(&'static str, String)>>;

fn row(props: &Props, known: &Settings, key: Key, edited: &Edited) -> Html {
    let name = key.name();
    let set = known.own.get(name);
    let shown = edited.as_ref().filter(|(of, _)| *of == name).map(|(_, text)| text.clone());
    let text = shown.clone().or_else(|| set.map(|v| v.to_string())).unwrap_or_default();
    let wrong = shown.as_ref().filter(|text| !text.is_empty()).and_then(|text| key.check(text).err());
    let fixed = key.fixed(&props.owner);
    let edit = {
        let edited = edited.clone();
        Callback::from(move |event: InputEvent| edited.set(Some((name, value(&event)))))
    };
    let alter = |change: String| {
        let line = format!("kafka-configs.sh --alter {} {change}", entity(&props.owner));
        let (run, edited) = (props.run.clone(), edited.clone());
        Callback::from(move |()| {
            run.emit(line.clone());
            edited.set(None);
        })
    };
    // A value with commas stands in brackets, as kafka-configs.sh wants it.
    let given = if text.contains(',') { format!("[{text}]") } else { text.clone() };
    let add = alter(format!("--add-config \"{name}={}\"", given.replace('\\', "\\\\").replace('"', "\\\"")));
    let ready = shown.is_some() && wrong.is_none() && !text.is_empty();
    let submit = Callback::from(move |event: SubmitEvent| {
        event.prevent_default();
        if ready {
            add.emit(());
        }
    });
    let under = known.under.get(name);
    let placeholder =
        under.map(|(v, _)| v.to_string()).or_else(|| key.default().map(str::to_owned)).unwrap_or_default();
    html! {
        <li key={name} class={classes!(set.is_some().then_some("set"))}>
            <form onsubmit={submit}>
                <label><code>{ name }</code><small>{ about(key, under, fixed) }</small>
                    <input class="mono" autocomplete="off" value={text} {placeholder} oninput={edit} readonly={fixed.is_some()}
                        aria-invalid={wrong.is_some().to_string()} /></label>
                if shown.is_some() && fixed.is_none() { <button class="btn line" type="submit" disabled={wrong.is_some()}>{ "Set" }</button> }
                if set.is_some() && shown.is_none() {
                    <button class="btn line" type="button" onclick={alter(format!("--delete-config {name}")).reform(|_: MouseEvent| ())}>{ "Reset" }</button>
                }
            </form>
            if let Some(wrong) = wrong { <p class="bad" role="alert">{ wrong }</p> }
        </li>
    }
}

/// A config's type, default and meaning.
fn about(key: Key, under: Option<&(Arc<str>, Arc<str>)>, fixed: Option<&str>) -> String {
    let default = key.default().map_or("no default".to_owned(), |value| format!("default {value}"));
    let mut parts = vec![format!("{:?}", key.kind()), default];
    parts.extend(under.map(|(value, place)| format!("{value} in {place}")));
    parts.extend(fixed.map(str::to_owned));
    parts.push(key.meaning().unwrap_or("kept, but changes nothing in this build").to_owned());
    parts.join(" · ")
}

/// The words that name an owner to kafka-configs.sh.
fn entity(owner: &Owner) -> String {
    match owner {
        Owner::Topic(topic) => format!("--entity-type topics --entity-name {topic}"),
        Owner::Broker(id) => format!("--entity-type brokers --entity-name {id}"),
        Owner::Brokers | Owner::Client(_) => "--entity-type brokers --entity-default".into(),
    }
}

fn value(event: &InputEvent) -> String {
    let input = event.target().and_then(|t| t.dyn_into::<HtmlInputElement>().ok());
    input.map(|i| i.value()).unwrap_or_default()
}
