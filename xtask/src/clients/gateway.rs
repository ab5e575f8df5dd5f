//! A gateway for one run.

use super::tail;
use crate::project::Project;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};

/// A running gateway. It ends when this program does, however that ends.
pub struct Gateway {
    child: Child,
    /// Its standard input: when this closes, it ends.
    stdin: Option<ChildStdin>,
    log: PathBuf,
    pub bootstrap: String,
    pub control: String,
}

impl Gateway {
    /// Starts one on free ports with this script, which is kept in the folder beside what the gateway tells, and with
    /// `more` arguments.
    pub fn start(project: &Project, folder: &Path, script: &str, more: &[&OsStr]) -> Result<Self> {
        let (file, log) = (folder.join("cluster.terra"), folder.join("gateway.log"));
        fs::write(&file, script).with_context(|| format!("writing {}", file.display()))?;
        let terrarium = project.terrarium("debug");
        let mut command = project.command(terrarium.to_str().context("the target folder's path is not UTF-8")?);
        command.arg("gateway").arg(&file).args(["--listen", "127.0.0.1:0", "--until-eof"]).args(more);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(fs::File::create(&log)?);
        let mut child = command.spawn().context("cannot start the gateway")?;
        let stdin = child.stdin.take();
        let mut out = BufReader::new(child.stdout.take().context("the gateway has no standard output")?);
        let mut line = String::new();
        out.read_line(&mut line)?;
        let ready: Value = match serde_json::from_str(&line) {
            Ok(ready) => ready,
            Err(_) => bail!("the gateway is not ready: {line}{}", tail(&log)),
        };
        let field = |name: &str| ready["ready"][name].as_str().map(str::to_owned).context("a field of the ready line");
        let (bootstrap, control) = (field("bootstrap")?, field("control")?);
        // What else it prints, nobody reads; its pipe must not fill.
        std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
        Ok(Self { child, stdin, log, bootstrap, control })
    }

    /// Ends it: whether all was well in its world.
    pub fn end(mut self) -> Result<()> {
        drop(self.stdin.take());
        let status = self.child.wait()?;
        match status.success() {
            true => Ok(()),
            false => bail!("the gateway ended with {status}:\n{}", tail(&self.log)),
        }
    }
}
