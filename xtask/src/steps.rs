//! Steps as the user sees them: what starts, the command's own output, and how long it took.

use anyhow::{Context, Result, bail};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Announces a step, runs it and says how long it took.
pub fn step<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    println!("=> {name}");
    let start = Instant::now();
    let done = work().with_context(|| name.to_owned())?;
    println!("   {:.1} s", start.elapsed().as_secs_f64());
    Ok(done)
}

/// Runs a command with its output on the terminal.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {}", name(command)))?;
    if !status.success() {
        bail!("{} ended with {status}", name(command));
    }
    Ok(())
}

/// Runs a command and returns its standard output; its errors go to the terminal.
pub fn output(command: &mut Command) -> Result<String> {
    let output =
        command.stderr(Stdio::inherit()).output().with_context(|| format!("cannot start {}", name(command)))?;
    if !output.status.success() {
        bail!("{} ended with {}", name(command), output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("the output of {} is not UTF-8", name(command)))
}

/// Runs a command with its errors both on the terminal and, when it fails, in the error.
pub fn run_keeping_errors(command: &mut Command) -> Result<()> {
    let mut child =
        command.stderr(Stdio::piped()).spawn().with_context(|| format!("cannot start {}", name(command)))?;
    let mut errors = child.stderr.take().context("the child has no standard error")?;
    let mut kept = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let read = errors.read(&mut piece)?;
        if read == 0 {
            break;
        }
        std::io::stderr().write_all(&piece[..read])?;
        kept.extend_from_slice(&piece[..read]);
    }
    if !child.wait()?.success() {
        bail!("{}", String::from_utf8_lossy(&kept).trim());
    }
    Ok(())
}

/// Whether a program answers at all: `program --version`, silently.
pub fn is_there(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// A command as one would type it, without its folder and environment.
fn name(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let words = std::iter::once(program.file_name().unwrap_or(program.as_os_str())).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
