//! `cargo xtask bench`: speed natively and in WebAssembly, and the size of the page. Nothing here passes or fails.

use crate::browser;
use crate::pack::{self, Cargo};
use crate::project::Project;
use crate::sizes;
use crate::steps::{run, step};
use anyhow::Result;

/// Runs the benchmarks one after the other.
pub fn run_all(project: &Project) -> Result<()> {
    step("native benchmarks", || run(&mut project.cargo(&["bench", "--bench=*"])))?;
    let site = pack::pack(project, pack::Kind { release: true, ..pack::Kind::default() }, Cargo::Inherit)?;
    step("WebAssembly beside native", || browser::beside_native(project, site.clone()))?;
    sizes::print(&site, true)
}
