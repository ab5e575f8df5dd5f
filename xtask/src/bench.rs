//! `cargo xtask bench`: speed natively and in WebAssembly, and the size of the page. Nothing here passes or fails.

use crate::pack::{self, Cargo};
use crate::project::Project;
use crate::sizes;
use crate::steps::{run, step};
use anyhow::Result;

/// The benchmark of the worker's binary, given its module for Node.js.
const NODE_BENCH: &str = "tests/node/bench.mjs";

/// Runs the benchmarks one after the other.
pub fn run_all(project: &Project) -> Result<()> {
    step("native benchmarks", || run(&mut project.cargo(&["bench", "--bench=*"])))?;
    let site = pack::pack(project, true, Cargo::Inherit)?;
    if project.root.join(NODE_BENCH).is_file() {
        let built = pack::compile(project, true, Cargo::Inherit)?;
        let worker = pack::worker_for_node(project, &built)?;
        step("WebAssembly benchmarks", || run(project.command("node").arg(NODE_BENCH).arg(worker)))?;
    }
    sizes::print(&site)
}
