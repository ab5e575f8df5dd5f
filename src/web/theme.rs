//! Light and dark. The theme is set before the first pixel by a script of its own; here it is changed and kept.

use super::keep;
use gloo::utils::document_element;

const KEY: &str = "terrarium-theme";

/// Whether the document is dark now.
pub(super) fn is_dark() -> bool {
    document_element().get_attribute("data-theme").as_deref() == Some("dark")
}

/// Changes the theme and gives whether it is dark now.
pub(super) fn toggle(dark: bool) -> bool {
    let name = if dark { "light" } else { "dark" };
    // Refused only for names that are none.
    let _ = document_element().set_attribute("data-theme", name);
    keep::set(KEY, name);
    !dark
}
