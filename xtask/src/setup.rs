//! Installs what a step needs and the machine lacks, and only then.

use crate::project::{Project, WASM_TARGET};
use crate::steps::{is_there, output, run, step};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// Kept in step with deny.toml, whose format follows the program's.
const CARGO_DENY: &str = "cargo-deny@0.20.2";

/// The standard library for WebAssembly.
pub fn wasm_target(project: &Project) -> Result<()> {
    let print = ["--print", "target-libdir", "--target", WASM_TARGET];
    let folder = output(project.command("rustc").args(print))?;
    if Path::new(folder.trim()).is_dir() {
        return Ok(());
    }
    step("rustup target add wasm32-unknown-unknown", || {
        run(project.command("rustup").args(["target", "add", WASM_TARGET]))
            .context("the page needs Rust's standard library for wasm32-unknown-unknown: install it, or rustup")
    })
}

/// The npm packages of package-lock.json: wasm-opt and the driver of the browser's tests.
pub fn npm_packages(project: &Project) -> Result<()> {
    let lock = fs::read(project.root.join("package-lock.json")).context("reading package-lock.json")?;
    // npm writes the folder; the copy of the lock file beside it says what it was written from.
    let stamp = project.root.join("node_modules/.installed-from");
    if fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    if !is_there(project.npm(&["--version"]).env_remove("npm_config_cache")) {
        bail!("npm is not on the PATH: install Node.js 20 or later (Debian: nodejs and npm)");
    }
    step("npm ci", || run(&mut project.npm(&["ci", "--no-audit", "--no-fund"])))?;
    fs::write(&stamp, lock).with_context(|| format!("writing {}", stamp.display()))
}

/// cargo-deny, built into the target folder.
pub fn cargo_deny(project: &Project) -> Result<PathBuf> {
    let root = project.target.join("tools");
    let program = root.join("bin").join(if cfg!(windows) { "cargo-deny.exe" } else { "cargo-deny" });
    let stamp = root.join("cargo-deny.version");
    if program.is_file() && fs::read_to_string(&stamp).is_ok_and(|version| version == CARGO_DENY) {
        return Ok(program);
    }
    step("cargo install cargo-deny", || {
        let mut install = project.cargo(&["install", CARGO_DENY, "--locked", "--force", "--debug", "--root"]);
        // It runs for seconds and is built once: the fastest build is the best one.
        install.arg(&root).env("CARGO_PROFILE_DEV_DEBUG", "0").env("CARGO_TARGET_DIR", root.join("build"));
        run(&mut install)
    })?;
    fs::remove_dir_all(root.join("build")).context("removing the build of cargo-deny")?;
    fs::write(&stamp, CARGO_DENY)?;
    Ok(program)
}
