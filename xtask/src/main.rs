//! The project's own commands: everything from a fresh clone to a page, a test report or a release, with
//! nothing to install by hand but Rust (and Node.js for a release build and the browser's tests).
//!
//! `main` reads the command line and hands over; one file holds each command, and the rest are their tools:
//! `steps` prints what runs and for how long, `setup` installs what is missing, `pack` makes the page's files.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "this program works on the machine: its files, programs, clock and network"
)]

mod bench;
mod bindgen;
mod browser;
mod clients;
mod html;
mod offline;
mod pack;
mod project;
mod records;
mod report;
mod serve;
mod server;
mod setup;
mod sizes;
mod steps;
mod swarm;
mod test;
mod watch;

use anyhow::{Context, Result, bail};
use lexopt::prelude::*;
use project::Project;
use std::process::ExitCode;

const HELP: &str = "\
Usage: cargo xtask COMMAND

  serve [--open] [--release] [--port N]   build the page, serve it on http://127.0.0.1:8080, rebuild on change
  build [--release]                       build the page into dist/ and print its sizes
                                          both: --gallery adds the hand-made scenes, such as ?scene=two-faults;
                                          --names keeps functions' names in a release, for a profiler
  test [--require-all] [--only PART]      run every check and print one table; --require-all: a skip fails
  swarm [--seeds N] [--from S] [--jobs J] explore random clusters, loads and faults under all laws
  clients [--client C] [--scenario S]     run real Kafka clients against the gateway
  clients --suites[=NAME]                 run the clients' own tests against it
  clients --stories                       play recorded stories of a real cluster with Kafka's own clients
  clients --bench                         time one of them beside a real broker
  bench                                   run the benchmarks, native and in WebAssembly, and print sizes
  records                                 write the records in src/wire from Kafka's schemas
  help                                    this page
";

fn main() -> ExitCode {
    match command() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the command that the command line names. `false`: it ran to its end and what it checked is not well.
fn command() -> Result<bool> {
    let mut arguments = lexopt::Parser::from_env();
    let name = match arguments.next()? {
        Some(Value(name)) => name.string()?,
        Some(Long("help") | Short('h')) | None => "help".to_owned(),
        Some(other) => return Err(other.unexpected().into()),
    };
    match name.as_str() {
        "serve" => serve::run(&Project::find()?, serve::Options::read(&mut arguments)?).map(|()| true),
        "build" => build(&Project::find()?, read_kind(&mut arguments)?).map(|()| true),
        "test" => Ok(test::run_all(&Project::find()?, &test::Options::read(&mut arguments)?)),
        "swarm" => swarm::run_all(&Project::find()?, &swarm::Options::read(&mut arguments)?),
        "clients" => clients::run_all(&Project::find()?, &clients::Options::read(&mut arguments)?),
        "bench" => {
            no_more(&mut arguments)?;
            bench::run_all(&Project::find()?).map(|()| true)
        }
        "records" => {
            no_more(&mut arguments)?;
            records::write(&Project::find()?).map(|()| true)
        }
        "help" => {
            print!("{HELP}");
            Ok(true)
        }
        _ => bail!("no command {name:?}\n\n{HELP}"),
    }
}

fn build(project: &Project, kind: pack::Kind) -> Result<()> {
    let mut site = pack::pack(project, kind, pack::Cargo::Inherit)?;
    offline::add(&mut site);
    let dist = project.root.join("dist");
    pack::write(&site, &dist).with_context(|| format!("writing {}", dist.display()))?;
    println!("dist/ holds {} files", site.len());
    sizes::print(&site, kind.release && !kind.gallery && !kind.names)
}

fn read_kind(arguments: &mut lexopt::Parser) -> Result<pack::Kind> {
    let mut kind = pack::Kind::default();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("release") => kind.release = true,
            Long("gallery") => kind.gallery = true,
            Long("names") => kind.names = true,
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(kind)
}

fn no_more(arguments: &mut lexopt::Parser) -> Result<()> {
    arguments.next()?.map_or(Ok(()), |argument| Err(argument.unexpected().into()))
}
