//! Configs of a topic, a broker, all brokers or a client: all that Kafka knows, what is set, and setting one. Each change
//! is a line: of `kafka-configs.sh`, or one that starts a client again.

use super::dialog;
use crate::base::{Sort, SortedMap};
use crate::view::{Catalogue, KnownConfig, Owner, Question, Settings, Verdict};
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
    /// Which configs there are, once that is known.
    pub(super) catalogue: Option<Rc<Catalogue>>,
    /// What the worker said last of a value.
    pub(super) verdict: Option<Rc<Verdict>>,
    /// Asks the worker.
    pub(super) ask: Callback<Question>,
    /// Types a line.
    pub(super) run: Callback<String>,
    /// Closes the dialog.
    pub(super) close: Callback<()>,
}

/// Every config of an owner.
#[function_component(Configs)]
pub(super) fn configs(props: &Props) -> Html {
    let edited = use_state(|| None::<(String, String)>);
    let filter = use_state(String::new);
    let (ask, owner) = (props.ask.clone(), props.owner.clone());
    use_effect_with((*edited).clone(), move |edited| {
        if let Some((name, value)) = edited.clone() {
            ask.emit(Question::Value(owner, name, value));
        }
    });
    // What was submitted before the worker had said whether it is right.
    let submitted = use_state(|| None::<(String, String)>);
    {
        let right =
            props.verdict.as_ref().filter(|verdict| verdict.wrong.is_none()).map(|verdict| verdict.text.clone());
        let (run, owner, edited, submitted) = (does(props), props.owner.clone(), edited.clone(), submitted.clone());
        use_effect_with(((*submitted).clone(), right), move |(wish, right)| {
            if let Some((name, value)) = wish.as_ref().filter(|(n, v)| right.as_ref() == Some(&format!("{n}={v}"))) {
                run.emit(owner.set_line(name, value));
                edited.set(None);
                submitted.set(None);
            }
        });
    }
    let nothing = Settings { owner: props.owner.clone(), own: SortedMap::new(), under: SortedMap::new() };
    let known = props.settings.as_deref().filter(|settings| settings.owner == props.owner).unwrap_or(&nothing);
    let search = {
        let filter = filter.clone();
        Callback::from(move |event: InputEvent| filter.set(value(&event)))
    };
    let there = props.catalogue.iter().filter(|catalogue| catalogue.owner == props.owner);
    let wanted = |config: &&KnownConfig| config.name.contains(filter.trim());
    let mut all: Vec<&KnownConfig> = there.flat_map(|catalogue| &catalogue.configs).filter(wanted).collect();
    all.order_by_key(|c| (!known.own.contains_key(c.name.as_str()), c.fixed.is_some(), c.meaning.is_none(), &c.name));
    let rows: Html = all.into_iter().map(|config| row(props, known, config, &edited, &submitted)).collect();
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
        Owner::Producer(name) | Owner::Consumer(name) => format!("Configs of {name}"),
    }
}

fn note(owner: &Owner) -> Option<&'static str> {
    match owner {
        Owner::Brokers => Some("Cluster-wide defaults: they hold for every broker that has no value of its own."),
        Owner::Producer(_) | Owner::Consumer(_) => Some(
            "A client keeps its configs as long as it runs. To set one is to close it in order and start it again.",
        ),
        _ => None,
    }
}

/// Types a line, and asks what is set then: a client that is about to be started again has changed nothing on the stage yet.
fn does(props: &Props) -> Callback<String> {
    let (run, ask, owner) = (props.run.clone(), props.ask.clone(), props.owner.clone());
    Callback::from(move |line: String| {
        run.emit(line);
        ask.emit(Question::Settings(owner.clone()));
    })
}

type Edited = UseStateHandle<Option<(String, String)>>;

fn row(props: &Props, known: &Settings, key: &KnownConfig, edited: &Edited, submitted: &Edited) -> Html {
    let name = key.name.as_str();
    let set = known.own.get(name);
    let shown = edited.as_ref().filter(|(of, _)| of == name).map(|(_, text)| text.clone());
    let text = shown.clone().or_else(|| set.map(|v| v.to_string())).unwrap_or_default();
    let typed = format!("{name}={text}");
    let known_of = props.verdict.as_ref().filter(|verdict| shown.is_some() && verdict.text == typed);
    let right = known_of.map(|verdict| verdict.wrong.is_none());
    let wrong = known_of.and_then(|verdict| verdict.wrong.clone()).filter(|_| !text.is_empty());
    let fixed = key.fixed.as_deref();
    let edit = {
        let (edited, name) = (edited.clone(), name.to_owned());
        Callback::from(move |event: InputEvent| edited.set(Some((name.clone(), value(&event)))))
    };
    let reset = props.owner.reset_line(key).filter(|_| set.is_some() && shown.is_none()).map(|line| {
        let (run, edited) = (does(props), edited.clone());
        Callback::from(move |_: MouseEvent| {
            run.emit(line.clone());
            edited.set(None);
        })
    });
    let submit = {
        let (submitted, wish) = (submitted.clone(), (name.to_owned(), text.clone()));
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            submitted.set(Some(wish.clone()).filter(|(_, value)| !value.is_empty()));
        })
    };
    let text_is_empty = text.is_empty();
    let under = known.under.get(name);
    let placeholder = under.map(|(v, _)| v.to_string()).or_else(|| key.default.clone()).unwrap_or_default();
    html! {
        <li key={name.to_owned()} class={classes!(set.is_some().then_some("set"))}>
            <form onsubmit={submit}>
                <label><code>{ name.to_owned() }</code><small>{ about(key, under, fixed) }</small>
                    <input class="mono" autocomplete="off" value={text} {placeholder} oninput={edit} readonly={fixed.is_some()}
                        aria-invalid={wrong.is_some().to_string()} /></label>
                if shown.is_some() && fixed.is_none() { <button class="btn line" type="submit" disabled={right == Some(false) || text_is_empty}>{ "Set" }</button> }
                if let Some(reset) = reset { <button class="btn line" type="button" onclick={reset}>{ "Reset" }</button> }
            </form>
            if let Some(wrong) = wrong { <p class="bad" role="alert">{ wrong }</p> }
        </li>
    }
}

/// A config's type, default and meaning.
fn about(key: &KnownConfig, under: Option<&(Arc<str>, Arc<str>)>, fixed: Option<&str>) -> String {
    let default = key.default.as_ref().map_or("no default".to_owned(), |value| format!("default {value}"));
    let mut parts = vec![key.kind.clone(), default];
    parts.extend(under.map(|(value, place)| format!("{value} in {place}")));
    parts.extend(fixed.map(str::to_owned));
    parts.push(key.meaning.as_deref().unwrap_or("kept, but changes nothing in this build").to_owned());
    parts.join(" · ")
}

fn value(event: &InputEvent) -> String {
    let input = event.target().and_then(|t| t.dyn_into::<HtmlInputElement>().ok());
    input.map(|i| i.value()).unwrap_or_default()
}
