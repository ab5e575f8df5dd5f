//! A message taken apart: its fields as a tree and its bytes, linked both ways, under the pointer and under the arrow keys.

use crate::base::EventId;
use crate::view::{Dissection, Row};
use std::rc::Rc;
use wasm_bindgen::JsCast;
use web_sys::Element;
use yew::prelude::*;

/// Bytes to a line.
const LINE: usize = 8;

/// What the component is of.
#[derive(Properties, PartialEq)]
pub(super) struct Props {
    /// The message.
    pub(super) it: Rc<Dissection>,
    /// Called with the other half of the conversation.
    pub(super) see: Callback<EventId>,
}

/// The message's fields and bytes.
#[function_component(Bytes)]
pub(super) fn bytes(props: &Props) -> Html {
    let marked = use_state(|| None::<usize>);
    let it = props.it.clone();
    let mark = {
        let (marked, it) = (marked.clone(), it.clone());
        move |target: Option<web_sys::EventTarget>| {
            let element = target.and_then(|t| t.dyn_into::<Element>().ok());
            let Some(element) = element else { return };
            let number = |name: &str| element.get_attribute(name).and_then(|n| n.parse::<usize>().ok());
            if let Some(row) = number("data-row") {
                marked.set(Some(row));
            } else if let Some(byte) = number("data-byte") {
                marked.set(it.row_at(byte as u32));
            }
        }
    };
    let over = Callback::from(move |event: MouseEvent| mark(event.target()));
    let keys = {
        let (marked, count) = (marked.clone(), it.rows.len());
        Callback::from(move |event: KeyboardEvent| {
            let to = match (event.key().as_str(), *marked) {
                ("ArrowDown", None) | ("Home", _) => 0,
                ("ArrowDown", Some(n)) => (n + 1).min(count.saturating_sub(1)),
                ("ArrowUp", Some(n)) => n.saturating_sub(1),
                ("End", _) => count.saturating_sub(1),
                _ => return,
            };
            event.prevent_default();
            event.stop_propagation();
            marked.set(Some(to));
        })
    };
    let range = marked.and_then(|n| it.rows.get(n)).map(|row| row.from as usize..row.to as usize);
    let active = marked.map(|n| format!("field-{n}"));
    html! {
        <section class="sec frame-of">
            <h3>{ "Fields and bytes" }</h3>
            if let Some(other) = it.other { { self::other(props, other) } }
            <div class="tree" role="listbox" tabindex="0" aria-label="Fields" aria-activedescendant={active} onmouseover={over.clone()} onkeydown={keys}>
                { for it.rows.iter().enumerate().map(|(n, field)| row(n, field, *marked == Some(n))) }
            </div>
            if let Some(trouble) = &it.trouble { <p class="bad">{ trouble }</p> }
            <div class="hex" onmouseover={over} tabindex="0" role="group" aria-label="Bytes">{ for it.bytes.chunks(LINE).enumerate().map(|(n, line)| self::line(n, line, range.as_ref())) }</div>
            if it.bytes.len() < it.size as usize { <p class="q">{ format!("The first {} of {} bytes.", it.bytes.len(), it.size) }</p> }
        </section>
    }
}

fn other(props: &Props, other: EventId) -> Html {
    let see = props.see.reform(move |_: MouseEvent| other);
    html! { <button class="btn line" onclick={see}>{ "See the other half: its request or response" }</button> }
}

fn row(n: usize, row: &Row, marked: bool) -> Html {
    let style = format!("padding-left: {}px", 6 + usize::from(row.depth) * 10);
    let class = if row.value.is_empty() { "branch" } else { "" };
    html! {
        <div key={n} id={format!("field-{n}")} class={class} role="option" aria-selected={marked.to_string()} data-row={n.to_string()} {style}>
            <span data-row={n.to_string()}>{ &row.name }</span><code data-row={n.to_string()}>{ &row.value }</code>
        </div>
    }
}

fn line(n: usize, line: &[u8], marked: Option<&std::ops::Range<usize>>) -> Html {
    let at = n * LINE;
    let class = |byte: usize| marked.filter(|range| range.contains(&byte)).map(|_| "on");
    let hex = line.iter().enumerate().map(|(i, byte)| {
        html! { <span class={classes!(class(at + i))} data-byte={(at + i).to_string()}>{ format!("{byte:02x}") }</span> }
    });
    let text = line.iter().enumerate().map(|(i, byte)| {
        let shown = if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '·' };
        html! { <span class={classes!(class(at + i))} data-byte={(at + i).to_string()}>{ shown }</span> }
    });
    html! { <div key={n}><i>{ format!("{at:04x}") }</i><b>{ for hex }</b><em>{ for text }</em></div> }
}
