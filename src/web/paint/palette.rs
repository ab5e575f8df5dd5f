//! Colours and fonts, read from the page's tokens so that canvas and document never differ.

use gloo::utils::document;
use gloo::utils::window;

/// The tokens that the stage draws with.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Palette {
    pub(crate) ink: String,
    pub(crate) ink2: String,
    pub(crate) ink3: String,
    pub(crate) line: String,
    pub(crate) line2: String,
    pub(crate) line3: String,
    pub(crate) panel: String,
    pub(crate) panel2: String,
    pub(crate) shelf: String,
    pub(crate) cell: String,
    pub(crate) cell_open: String,
    pub(crate) select: String,
    pub(crate) hw: String,
    pub(crate) ok: String,
    pub(crate) bad: String,
    pub(crate) bad_soft: String,
    pub(crate) accent_soft: String,
    pub(crate) warn: String,
    pub(crate) warn_soft: String,
    pub(crate) gold: String,
    pub(crate) gold_soft: String,
    pub(crate) gold_ink: String,
    pub(crate) group: String,
    pub(crate) group_soft: String,
    pub(crate) dead: String,
    pub(crate) select_soft: String,
    pub(crate) epoch: String,
    pub(crate) stage: String,
    pub(crate) keys: Vec<String>,
    pub(crate) parts: Vec<String>,
    pub(crate) part_ink: String,
    pub(crate) pattern: String,
    pub(crate) brokers: Vec<String>,
    pub(crate) broker_ink: String,
    pub(crate) ui: String,
    pub(crate) text: String,
    pub(crate) mono: String,
}

impl Palette {
    /// The palette of the theme that the document shows now.
    pub(crate) fn read() -> Self {
        let style = document().document_element().and_then(|root| window().get_computed_style(&root).ok().flatten());
        let get = |name: &str| -> String {
            let value = style.as_ref().and_then(|s| s.get_property_value(name).ok()).unwrap_or_default();
            value.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let all = |stem: &str, range: std::ops::Range<u8>| range.map(|n| get(&format!("{stem}{n}"))).collect();
        Self {
            ink: get("--ink"),
            ink2: get("--ink-2"),
            ink3: get("--ink-3"),
            line: get("--line"),
            line2: get("--line-2"),
            line3: get("--line-3"),
            panel: get("--panel"),
            panel2: get("--panel-2"),
            shelf: get("--shelf"),
            cell: get("--cell"),
            cell_open: get("--cell-open"),
            select: get("--select"),
            hw: get("--hw"),
            ok: get("--ok"),
            bad: get("--bad"),
            bad_soft: get("--bad-soft"),
            accent_soft: get("--accent-soft"),
            warn: get("--warn"),
            warn_soft: get("--warn-soft"),
            gold: get("--gold"),
            gold_soft: get("--gold-soft"),
            gold_ink: get("--gold-ink"),
            group: get("--branch"),
            group_soft: get("--branch-soft"),
            dead: get("--dead"),
            select_soft: get("--select-soft"),
            epoch: get("--epoch"),
            stage: get("--stage"),
            keys: all("--key-", 0..7),
            parts: all("--part-", 0..8),
            part_ink: get("--part-ink"),
            pattern: get("--pat"),
            brokers: all("--brk-", 1..6),
            broker_ink: get("--brk-ink"),
            ui: get("--font-ui"),
            text: get("--font-text"),
            mono: get("--font-mono"),
        }
    }
}
