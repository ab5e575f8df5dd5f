//! Placeholder entry point; filled in with the `web` module.
fn main() {}
