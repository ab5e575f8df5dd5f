//! The browser: the page (Yew components around a canvas) and the worker, in one program.
//!
//! The page owns playback and never waits; the worker owns the session. What they say to each other is in
//! [`crate::link`]. Plain JavaScript values cross only at the edge that is documented in [`api`].

pub mod api;
mod app;
mod bottom;
mod bytes;
mod compose;
mod configs;
mod desk;
mod details;
mod dialog;
mod download;
mod frame;
mod groups;
mod held;
mod help;
mod host;
mod icons;
mod keep;
mod keys;
mod laws;
mod menu;
mod metrics;
mod notices;
mod paint;
mod panels;
mod records;
mod sessions;
mod speech;
mod stage;
mod terminal;
mod theme;
mod timeline;
mod tools;
mod topbar;
mod transport;
mod worker;
mod zoom;

/// Starts the half that belongs where this program runs: the page in a window, the worker in a worker. Elsewhere, as under
/// Node.js, neither: there the program is what it exports.
pub fn start() {
    if web_sys::window().is_some() {
        yew::Renderer::<app::App>::new().render();
    } else {
        worker::start();
    }
}
