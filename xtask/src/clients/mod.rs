//! `cargo xtask clients`: real Kafka clients, as their makers publish them, against the gateway.
//!
//! Each client has a program in tests/clients that plays any scenario that the client can play; each run has a gateway
//! of its own. A run is well when the program says so and the gateway ends well: no law broken, no fault of its own.
//! docs/CLIENTS.md shows the table, and a test here that it is the one in `matrix`.

mod gateway;
mod install;
mod matrix;
mod stories;
mod suites;

use crate::project::Project;
use crate::report::Outcome;
use crate::steps::{run, step};
use anyhow::{Context, Result, bail};
use gateway::Gateway;
use install::{Client, Installed};
use lexopt::prelude::*;
use matrix::Scenario;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a run may take: far longer than any that does not hang.
const PATIENCE: Duration = Duration::from_secs(150);

/// The command's flags.
pub struct Options {
    client: Option<String>,
    scenario: Option<String>,
    bench: bool,
    /// Stories of a real cluster instead.
    stories: bool,
    /// Their own tests instead: all suites, or the one named.
    suites: Option<Option<String>>,
}

impl Options {
    /// Reads them from the rest of the command line.
    pub fn read(arguments: &mut lexopt::Parser) -> Result<Self> {
        let mut options = Self { client: None, scenario: None, bench: false, stories: false, suites: None };
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("client") => options.client = Some(known(&arguments.value()?.string()?, &matrix::client_names())?),
                Long("scenario") => {
                    options.scenario = Some(known(&arguments.value()?.string()?, &matrix::scenario_names())?);
                }
                Long("bench") => options.bench = true,
                Long("stories") => options.stories = true,
                Long("suites") => {
                    let name = arguments.optional_value().map(|name| name.string()).transpose()?;
                    options.suites = Some(name.map(|name| known(&name, &matrix::suite_names())).transpose()?);
                }
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(options)
    }
}

fn known(name: &str, names: &[&str]) -> Result<String> {
    match names.contains(&name) {
        true => Ok(name.to_owned()),
        false => bail!("no {name:?}: there are {}", names.join(", ")),
    }
}

/// Plays every scenario with every client that can be had; `false` when something is not well.
pub fn run_all(project: &Project, options: &Options) -> Result<bool> {
    if options.bench {
        return bench(project).map(|()| true);
    }
    if options.stories {
        return stories::run_all(project).map(|()| true);
    }
    if let Some(only) = &options.suites {
        run(&mut project.cargo(&["build", "--bin=terrarium"]))?;
        return suites::run_all(project, only.as_deref());
    }
    let chosen = |name: &str, only: &Option<String>| only.as_deref().is_none_or(|only| only == name);
    let clients = matrix::CLIENTS.iter().filter(|client| chosen(client.name, &options.client));
    let scenarios: Vec<&Scenario> = matrix::SCENARIOS.iter().filter(|s| chosen(s.name, &options.scenario)).collect();
    let report = play(project, &clients.collect::<Vec<_>>(), &scenarios)?;
    report.missing.iter().for_each(|missing| println!("{missing}"));
    println!("{} runs, {} failed, {} clients left out", report.runs, report.failed.len(), report.missing.len());
    report.failed.iter().for_each(|failed| println!("failed: {failed}"));
    Ok(report.failed.is_empty())
}

/// The part of `cargo xtask test`: the clients that install within moments.
pub fn part(project: &Project) -> Result<Outcome> {
    let quick: Vec<&Client> = matrix::CLIENTS.iter().filter(|client| client.is_quick).collect();
    let report = play(project, &quick, &matrix::SCENARIOS.iter().collect::<Vec<_>>())?;
    if !report.failed.is_empty() {
        bail!("{} of {} runs failed: {}", report.failed.len(), report.runs, report.failed.join(", "));
    }
    match report.missing.is_empty() {
        true => Ok(Outcome::Passed(format!("{} runs of {} clients", report.runs, quick.len()))),
        false => Ok(Outcome::Skipped(report.missing.join("; "))),
    }
}

/// One librdkafka program against the gateway, librdkafka's mock cluster and, where Go and Java are there, kfake and a
/// real broker.
fn bench(project: &Project) -> Result<()> {
    let librdkafka = install::confluent(project)?;
    run(&mut project.cargo(&["build", "--release", "--bin=terrarium"]))?;
    let mut command = Command::new(librdkafka.program);
    command.arg(project.root.join("tests/clients/bench.py")).arg(project.terrarium("release"));
    match install::kfake(project) {
        Ok(kfake) => drop(command.env("KFAKE", kfake)),
        Err(why) => println!("without kfake: {why:#}"),
    }
    match install::java(project) {
        Ok(java) => drop(command.envs(java.environment)),
        Err(why) => println!("without a real broker: {why:#}"),
    }
    run(&mut command)
}

#[derive(Default)]
struct Report {
    runs: usize,
    failed: Vec<String>,
    /// Clients that cannot be had, and why.
    missing: Vec<String>,
}

fn play(project: &Project, clients: &[&Client], scenarios: &[&Scenario]) -> Result<Report> {
    run(&mut project.cargo(&["build", "--bin=terrarium"]))?;
    let mut report = Report::default();
    for client in clients {
        let installed = step(&format!("{}: install", client.name), || Ok((client.install)(project)))?;
        let installed = match installed {
            Ok(installed) => installed,
            Err(why) => {
                report.missing.push(format!("{}: {why:#}", client.name));
                continue;
            }
        };
        println!("   {}: {}", client.name, client.version);
        for scenario in scenarios.iter().filter(|scenario| client.plays(scenario.name)) {
            let name = format!("{} {}", client.name, scenario.name);
            report.runs += 1;
            let start = Instant::now();
            let outcome = play_one(project, client, &installed, scenario);
            let seconds = start.elapsed().as_secs_f64();
            match outcome {
                Ok(()) => println!("   {name}: ok, {seconds:.1} s ({})", scenario.what),
                Err(error) => {
                    println!("   {name}: FAILED, {seconds:.1} s\n{error:#}");
                    report.failed.push(name);
                }
            }
        }
    }
    Ok(report)
}

fn play_one(project: &Project, client: &Client, installed: &Installed, scenario: &Scenario) -> Result<()> {
    let folder = installed_in(project).join("runs").join(client.name).join(scenario.name);
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let gateway = Gateway::start(project, &folder, &matrix::script(scenario), &[])?;
    let log = folder.join("client.log");
    let output = fs::File::create(&log).with_context(|| format!("writing {}", log.display()))?;
    let mut command = Command::new(&installed.program);
    command.args(&installed.arguments).arg(scenario.name).current_dir(&project.root).stdin(Stdio::null());
    command.env("BOOTSTRAP", &gateway.bootstrap).env("CONTROL", &gateway.control);
    command.envs(installed.environment.iter().map(|(key, value)| (key, value)));
    command.stdout(output.try_clone()?).stderr(output);
    let ended = wait(command, PATIENCE);
    let gateway = gateway.end();
    ended.with_context(|| tail(&log))?;
    gateway
}

/// Waits for a program, but not forever.
fn wait(mut command: Command, patience: Duration) -> Result<()> {
    let mut child = command.spawn().with_context(|| format!("cannot start {:?}", command.get_program()))?;
    let end = Instant::now() + patience;
    loop {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => bail!("the client ended with {status}"),
            None if Instant::now() > end => {
                child.kill()?;
                child.wait()?;
                bail!("the client still ran after {} s", patience.as_secs());
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// The last lines of a file.
fn tail(path: &std::path::Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}

/// Where the clients and what they leave behind are.
fn installed_in(project: &Project) -> PathBuf {
    project.target.join("clients")
}
