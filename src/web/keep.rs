//! Small choices that outlive the page: speed, theme, whether it plays. Where the browser refuses storage they live as
//! long as the page.

use gloo::storage::{LocalStorage, Storage};
use gloo::utils::window;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Whether there is storage at all; asking for it where it is refused would be an error.
fn allowed() -> bool {
    matches!(window().local_storage(), Ok(Some(_)))
}

/// What was kept under a name.
pub(super) fn get<T: DeserializeOwned>(name: &str) -> Option<T> {
    if allowed() { LocalStorage::get(name).ok() } else { None }
}

/// Keeps a value under a name, if that is possible.
pub(super) fn set(name: &str, value: impl Serialize) {
    if allowed() {
        // Full, perhaps; a choice is not worth a complaint.
        let _ = LocalStorage::set(name, value);
    }
}
