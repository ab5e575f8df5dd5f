//! Placeholder entry point; filled in with the `cli` module.
fn main() {}
