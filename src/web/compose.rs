//! The form for something new: a broker, a topic, a client, a group. It shows the line that it types, and what is wrong
//! with it as it is filled in: that the worker knows.

use super::dialog;
use crate::view::{Blank, Draft, Question, Verdict};
use std::rc::Rc;
use wasm_bindgen::JsCast;
use web_sys::{EventTarget, HtmlInputElement, HtmlSelectElement};
use yew::prelude::*;

/// What the form begins with.
#[derive(Properties, PartialEq)]
pub(super) struct Props {
    /// What can be new.
    pub(super) drafts: Vec<Draft>,
    /// What the worker said last of a line.
    pub(super) verdict: Option<Rc<Verdict>>,
    /// Asks the worker.
    pub(super) ask: Callback<Question>,
    /// Types a line.
    pub(super) run: Callback<String>,
    /// Closes the form.
    pub(super) close: Callback<()>,
}

/// The form for something new.
#[function_component(Compose)]
pub(super) fn compose(props: &Props) -> Html {
    let drafts = use_state(|| props.drafts.clone());
    let chosen = use_state(|| 0_usize);
    // The line that was submitted before the worker had said whether it is right.
    let submitted = use_state(|| None::<String>);
    let line = drafts.get(*chosen).map(Draft::line).unwrap_or_default();
    let ask = props.ask.clone();
    use_effect_with(line.clone(), move |line| ask.emit(Question::Line(line.clone())));
    let known = props.verdict.as_ref().filter(|verdict| verdict.text == line);
    let right = known.map(|verdict| verdict.wrong.is_none());
    let (run, close) = (props.run.clone(), props.close.clone());
    use_effect_with(((*submitted).clone(), line.clone(), right), move |(submitted, line, right)| {
        if *right == Some(true) && submitted.as_ref() == Some(line) {
            close.emit(());
            run.emit(line.clone());
        }
    });
    let Some(draft) = drafts.get(*chosen).cloned() else { return Html::default() };
    // What was wrong stays until it is known to be right: it shall not come and go with every letter.
    let wrong = props.verdict.as_ref().and_then(|verdict| verdict.wrong.clone());
    let kinds = drafts.iter().enumerate().map(|(n, draft)| {
        let choose = chosen.clone();
        let pressed = (n == *chosen).to_string();
        html! { <button type="button" aria-pressed={pressed} onclick={Callback::from(move |_| choose.set(n))}>{ draft.addition.label() }</button> }
    });
    let field = |(n, field): (usize, &Blank)| {
        let (drafts, chosen) = (drafts.clone(), *chosen);
        let edit = Callback::from(move |text: String| {
            let mut all = (*drafts).clone();
            all[chosen].fields[n].value = text;
            drafts.set(all);
        });
        html! { <label key={field.label}><code>{ field.label }</code>{ input(field, edit) }</label> }
    };
    let submit = {
        let line = line.clone();
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            submitted.set(Some(line.clone()));
        })
    };
    let body = html! {
        <form class="compose" id="compose" onsubmit={submit}>
            <div class="seg" role="group" aria-label="What is new">{ for kinds }</div>
            <div class="fields" key={*chosen}>{ for draft.fields.iter().enumerate().map(field) }</div>
            <p class="line"><code>{ line }</code></p>
            if let Some(wrong) = &wrong { <p class="bad" role="alert">{ wrong }</p> }
        </form>
    };
    let shut = props.close.reform(|_: MouseEvent| ());
    let buttons = html! {
        <>
            <button class="btn line" onclick={shut}>{ "Leave it" }</button>
            <button class="btn line first" type="submit" form="compose" disabled={right == Some(false)}>{ format!("Add {}", draft.addition.label().to_lowercase()) }</button>
        </>
    };
    dialog::frame("Something new", props.close.clone(), body, buttons)
}

fn input(field: &Blank, edit: Callback<String>) -> Html {
    if field.choices.is_empty() {
        let typed = Callback::from(move |event: InputEvent| edit.emit(value(event.target())));
        return html! { <input class="mono" autocomplete="off" value={field.value.clone()} oninput={typed} /> };
    }
    let picked = Callback::from(move |event: Event| edit.emit(value(event.target())));
    let option = |choice: &String| {
        html! { <option value={choice.clone()} selected={*choice == field.value}>{ choice }</option> }
    };
    html! { <select onchange={picked}>{ for field.choices.iter().map(option) }</select> }
}

fn value(target: Option<EventTarget>) -> String {
    let Some(target) = target else { return String::new() };
    match target.dyn_into::<HtmlInputElement>() {
        Ok(input) => input.value(),
        Err(other) => other.dyn_into::<HtmlSelectElement>().map(|select| select.value()).unwrap_or_default(),
    }
}
