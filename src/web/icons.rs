//! Icons: one sprite, referred to by name.

use yew::prelude::*;

/// The icon called `name`, `size` pixels wide. It is decoration: what it stands for is said in words beside it.
pub(super) fn icon(name: &str, size: u32) -> Html {
    let size = size.to_string();
    html! {
        <svg class="i" width={size.clone()} height={size} aria-hidden="true"><use href={format!("www/icons.svg#i-{name}")}/></svg>
    }
}
