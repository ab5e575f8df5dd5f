//! `cargo xtask swarm`: random clusters, loads and faults under all laws, many seeds at a time on all processors.

use crate::project::Project;
use crate::report::Outcome;
use crate::steps::{output, run, step};
use anyhow::{Context, Result, bail};
use lexopt::prelude::*;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

/// The cargo profile: as fast as a release where that costs little time to build, and panics are caught.
const PROFILE: &str = "swarm";

/// How many seeds a process explores: few enough that a failure is soon seen.
const SEEDS_AT_ONCE: u64 = 20;

/// How many seeds the tests explore.
const SEEDS_IN_TESTS: u64 = 150;

/// The command's flags.
pub struct Options {
    seeds: u64,
    from: u64,
    jobs: usize,
}

impl Options {
    /// Reads them from the rest of the command line.
    pub fn read(arguments: &mut lexopt::Parser) -> Result<Self> {
        let mut options = Self::new(100);
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("seeds") => options.seeds = arguments.value()?.parse()?,
                Long("from") => options.from = arguments.value()?.parse()?,
                Long("jobs") => options.jobs = arguments.value()?.parse::<usize>()?.max(1),
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(options)
    }

    fn new(seeds: u64) -> Self {
        let jobs = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { seeds, from: 1, jobs }
    }
}

/// Explores the seeds; `false` when one of them failed.
pub fn run_all(project: &Project, options: &Options) -> Result<bool> {
    let terrarium = step("building the native program", || build(project))?;
    let commit = output(project.command("git").args(["describe", "--always", "--dirty"])).unwrap_or_default();
    let ranges = ranges(options.from, options.seeds);
    let (next, failed) = (Mutex::new(ranges.into_iter()), Mutex::new(0));
    std::thread::scope(|scope| -> Result<()> {
        let work = || -> Result<()> {
            loop {
                let Some((from, seeds)) = next.lock().expect("no job panics").next() else { return Ok(()) };
                if !explore(&terrarium, from, seeds)? {
                    *failed.lock().expect("no job panics") += 1;
                }
            }
        };
        let jobs: Vec<_> = (0..options.jobs).map(|_| scope.spawn(work)).collect();
        jobs.into_iter().try_for_each(|job| job.join().expect("no job panics"))
    })?;
    let failed = failed.into_inner().expect("no job panics");
    if failed > 0 {
        println!("at commit {}", commit.trim());
        println!("again: cargo xtask swarm --seeds 1 --from SEED, or `terrarium run FILE --seed SEED` on its script");
    }
    Ok(failed == 0)
}

/// The part of the tests.
pub fn part(project: &Project) -> Result<Outcome> {
    if !run_all(project, &Options::new(SEEDS_IN_TESTS))? {
        bail!("a seed of {SEEDS_IN_TESTS} failed; its script is above");
    }
    Ok(Outcome::Passed(format!("{SEEDS_IN_TESTS} seeds")))
}

fn build(project: &Project) -> Result<PathBuf> {
    run(&mut project.cargo(&["build", "--profile", PROFILE, "--bin=terrarium"]))?;
    Ok(project.terrarium(PROFILE))
}

fn explore(terrarium: &Path, from: u64, seeds: u64) -> Result<bool> {
    let mut command = Command::new(terrarium);
    command.arg("explore").arg("--seeds").arg(seeds.to_string()).arg("--from").arg(from.to_string());
    // A panic is told on standard output, with the script that led to it.
    let done = command.stderr(Stdio::null()).output().context("cannot start terrarium")?;
    print!("{}", String::from_utf8_lossy(&done.stdout));
    match done.status.code() {
        Some(0) => Ok(true),
        Some(1) => Ok(false),
        _ => bail!("terrarium explore --from {from} --seeds {seeds} ended with {}", done.status),
    }
}

/// First seed and number of seeds of each process.
fn ranges(from: u64, seeds: u64) -> Vec<(u64, u64)> {
    let starts = (0..seeds).step_by(SEEDS_AT_ONCE as usize);
    starts.map(|start| (from + start, SEEDS_AT_ONCE.min(seeds - start))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seed_has_its_turn() {
        assert_eq!(ranges(7, 45), [(7, 20), (27, 20), (47, 5)]);
        assert_eq!(ranges(1, 1), [(1, 1)]);
    }
}
