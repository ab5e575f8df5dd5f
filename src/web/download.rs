//! Bytes offered as a file.

use gloo::file::{Blob, ObjectUrl};
use gloo::utils::document;
use wasm_bindgen::JsCast;
use web_sys::HtmlAnchorElement;

/// Offers bytes as a file called `name`.
pub(super) fn offer(name: &str, bytes: &[u8]) {
    let blob = Blob::new_with_options(bytes, Some("application/octet-stream"));
    let url = ObjectUrl::from(blob);
    let anchor = document().create_element("a").ok().and_then(|a| a.dyn_into::<HtmlAnchorElement>().ok());
    if let Some(anchor) = anchor {
        anchor.set_href(&url);
        anchor.set_download(name);
        anchor.click();
    }
    // The browser needs the address a moment longer than this function lives.
    gloo::timers::callback::Timeout::new(60_000, move || drop(url)).forget();
}
