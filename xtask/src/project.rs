//! Where things are: the project's folder, cargo's target folder, and the programs both need.

use anyhow::{Context, Result};
use std::env;
use std::path::PathBuf;
use std::process::Command;

/// The target that the page is compiled for.
pub const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// What the two wasm binaries are compiled with, and nothing else is.
pub const WEB_FEATURES: [&str; 4] = ["--target", WASM_TARGET, "--no-default-features", "--features=web"];

/// The project as it lies on this machine.
pub struct Project {
    /// The folder of the workspace's Cargo.toml.
    pub root: PathBuf,
    /// Cargo's target folder, wherever the user's settings put it.
    pub target: PathBuf,
}

impl Project {
    /// Finds the project from what cargo tells the programs it runs.
    pub fn find() -> Result<Self> {
        let manifest = env::var_os("CARGO_MANIFEST_DIR").context("run this as `cargo xtask`")?;
        let root = PathBuf::from(manifest).parent().context("xtask has no parent folder")?.to_owned();
        // This program is TARGET/debug/xtask: that holds under every setting of the target folder.
        let program = env::current_exe().context("finding the target folder")?;
        let target = program.ancestors().nth(2).context("finding the target folder")?.to_owned();
        Ok(Self { root, target })
    }

    /// Where cargo puts the command line when it builds it with the profile of this folder.
    pub fn terrarium(&self, profile: &str) -> PathBuf {
        self.target.join(profile).join(format!("terrarium{}", env::consts::EXE_SUFFIX))
    }

    /// A program that runs in the project's folder.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        command
    }

    /// The cargo that runs this program.
    pub fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(&env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
        command.args(arguments);
        command
    }

    /// npm, with its cache among the build's files.
    pub fn npm(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(if cfg!(windows) { "npm.cmd" } else { "npm" });
        command.args(arguments).env("npm_config_cache", self.target.join("npm-cache"));
        command
    }
}
