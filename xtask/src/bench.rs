//! `cargo xtask bench`: speed natively and in WebAssembly, and the size of the page. Nothing here passes or fails.

use crate::pack::{self, Cargo};
use crate::project::Project;
use crate::sizes;
use crate::steps::{run, step};
use anyhow::Result;

/// Times the worker's binary, given its module for Node.js, beside the native program.
const NODE_BENCH: &str = "tests/node/bench.mjs";

/// Runs the benchmarks one after the other.
pub fn run_all(project: &Project) -> Result<()> {
    step("native benchmarks", || run(&mut project.cargo(&["bench", "--bench=*"])))?;
    let site = pack::pack(project, pack::Kind { release: true, ..pack::Kind::default() }, Cargo::Inherit)?;
    if project.root.join(NODE_BENCH).is_file() {
        let built = pack::compile(project, pack::Kind { release: true, ..pack::Kind::default() }, Cargo::Inherit)?;
        let worker = pack::worker_for_node(project, &built)?;
        run(&mut project.cargo(&["build", "--release", "--bin=terrarium"]))?;
        let terrarium = project.target.join("release").join(format!("terrarium{}", std::env::consts::EXE_SUFFIX));
        step("WebAssembly beside native", || run(project.command("node").arg(NODE_BENCH).arg(worker).arg(terrarium)))?;
    }
    sizes::print(&site, true)
}
