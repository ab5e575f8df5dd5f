//! The one-broker world beside a bare event queue, and snapshots.
fn main() { divan::main(); }
