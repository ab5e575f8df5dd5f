//! `cargo xtask test`: every check of the project, one after the other, and one table of what they came to.

use crate::browser;
use crate::clients;
use crate::pack::{self, Cargo};
use crate::project::{Project, WEB_FEATURES};
use crate::report::{self, Outcome, Row};
use crate::setup;
use crate::sizes;
use crate::steps::{is_there, output, run};
use crate::swarm;
use anyhow::{Context, Result, bail};
use lexopt::prelude::*;
use std::collections::BTreeSet;
use std::fs;
use std::time::Instant;

/// A check by its name. An error is a failure.
type Part = (&'static str, fn(&Project) -> Result<Outcome>);

/// In the order they run: what is quick and fails often comes first.
const PARTS: [Part; 12] = [
    ("format", format),
    ("clippy", clippy),
    ("clippy-wasm", clippy_wasm),
    ("core", core),
    ("rust", rust),
    ("swarm", swarm::part),
    ("docs", docs),
    ("wasm", wasm),
    ("determinism", determinism),
    ("clients", clients::part),
    ("browser", browser::part),
    ("deny", deny),
];

/// What the core must not use, line by line.
const OUTSIDE: &str = "xtask/fixtures/outside.rs";

/// Every direct dependency that the library may have without features: nothing of the web, nothing native-only.
const CORE_DEPENDENCIES: [&str; 15] = [
    "bytes",
    "crc32c",
    "flate2",
    "kafka-protocol",
    "libm",
    "lz4_flex",
    "postcard",
    "rand",
    "rand_xoshiro",
    "regex-lite",
    "ruzstd",
    "serde",
    "snap",
    "uuid",
    "xxhash-rust",
];

/// What must not come in behind them either: the DOM, a runtime, the machine's entropy and clock.
const NOT_IN_THE_CORE: [&str; 10] =
    ["chrono", "getrandom", "gloo", "js-sys", "mio", "time", "tokio", "wasm-bindgen", "web-sys", "yew"];

/// The command's flags.
pub struct Options {
    require_all: bool,
    only: Option<String>,
}

impl Options {
    /// Reads them from the rest of the command line.
    pub fn read(arguments: &mut lexopt::Parser) -> Result<Self> {
        let mut options = Self { require_all: false, only: None };
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("require-all") => options.require_all = true,
                Long("only") => options.only = Some(arguments.value()?.string()?),
                other => return Err(other.unexpected().into()),
            }
        }
        let names = PARTS.map(|(name, _)| name);
        match &options.only {
            Some(only) if !names.contains(&only.as_str()) => bail!("no part {only:?}: parts are {}", names.join(", ")),
            _ => Ok(options),
        }
    }
}

/// Runs every part, whatever the ones before came to, and prints the table; `false` when something is not well.
pub fn run_all(project: &Project, options: &Options) -> bool {
    let chosen = |name: &str| options.only.as_deref().is_none_or(|only| only == name);
    let parts = PARTS.into_iter().filter(|(name, _)| chosen(name));
    let rows: Vec<Row> = parts.map(|(name, part)| run_part(project, name, part)).collect();
    print!("{}", report::table(&rows));
    report::is_well(&rows, options.require_all)
}

fn run_part(project: &Project, part: &'static str, check: fn(&Project) -> Result<Outcome>) -> Row {
    println!("\n== {part}");
    let start = Instant::now();
    let outcome = check(project).unwrap_or_else(|error| {
        let error = format!("{error:#}");
        println!("{error}");
        Outcome::Failed(error)
    });
    Row { part, outcome, seconds: start.elapsed().as_secs_f64() }
}

/// All well, with nothing to add.
pub fn passed() -> Outcome {
    Outcome::Passed(String::new())
}

/// Whether Node.js is there, and how to get it.
pub fn node_is_missing(project: &Project) -> Option<Outcome> {
    let missing = !is_there(project.command("node").arg("--version"));
    missing.then(|| Outcome::Skipped("install Node.js 20 or later (Debian: nodejs and npm)".into()))
}

/// A part of rustup's toolchain that may not be installed.
fn component_is_missing(project: &Project, component: &str) -> Option<Outcome> {
    let missing = !is_there(&mut project.cargo(&[component.trim_start_matches("rust"), "--version"]));
    missing.then(|| Outcome::Skipped(format!("rustup component add {component}")))
}

fn format(project: &Project) -> Result<Outcome> {
    if let Some(skipped) = component_is_missing(project, "rustfmt") {
        return Ok(skipped);
    }
    run(&mut project.cargo(&["fmt", "--all", "--check"]))?;
    Ok(passed())
}

fn clippy(project: &Project) -> Result<Outcome> {
    if let Some(skipped) = component_is_missing(project, "clippy") {
        return Ok(skipped);
    }
    run(&mut project.cargo(&["clippy", "--workspace", "--all-targets", "--", "-Dwarnings"]))?;
    the_outside_is_forbidden(project)?;
    Ok(passed())
}

/// Proves that clippy.toml catches what it lists: every marked line of the fixture is an error, and no other.
fn the_outside_is_forbidden(project: &Project) -> Result<()> {
    let fixture = fs::read_to_string(project.root.join(OUTSIDE)).with_context(|| format!("reading {OUTSIDE}"))?;
    let mut clippy = project.command("clippy-driver");
    clippy.args(["--edition=2024", "--crate-type=lib", "--emit=metadata", "--error-format=short", OUTSIDE]);
    clippy.args(["-Dclippy::disallowed_methods", "-Dclippy::disallowed_types", "--out-dir"]).arg(&project.target);
    let errors = clippy.env("CLIPPY_CONF_DIR", &project.root).output().context("cannot start clippy-driver")?.stderr;
    let (marked, found) = (marked_lines(&fixture), error_lines(&String::from_utf8_lossy(&errors)));
    if marked != found {
        let difference: Vec<_> = marked.symmetric_difference(&found).collect();
        bail!("{OUTSIDE}: clippy and the marks disagree about lines {difference:?}");
    }
    Ok(())
}

fn marked_lines(fixture: &str) -> BTreeSet<usize> {
    fixture.lines().enumerate().filter(|(_, line)| line.ends_with("// forbidden")).map(|(index, _)| index + 1).collect()
}

/// The lines that errors of the form `file:line:column: error: …` name.
fn error_lines(errors: &str) -> BTreeSet<usize> {
    errors
        .lines()
        .filter(|line| line.contains(": error:"))
        .filter_map(|line| line.split(':').nth(1)?.parse().ok())
        .collect()
}

fn clippy_wasm(project: &Project) -> Result<Outcome> {
    if let Some(skipped) = component_is_missing(project, "clippy") {
        return Ok(skipped);
    }
    setup::wasm_target(project)?;
    let mut clippy = project.cargo(&["clippy", "--lib", "--bin=web"]);
    run(clippy.args(WEB_FEATURES).args(["--", "-Dwarnings"]))?;
    Ok(passed())
}

/// The library without features is the simulation alone, and compiles as such.
fn core(project: &Project) -> Result<Outcome> {
    let tree = |depth| {
        let mut tree = project.cargo(&["tree", "--package=kafka-terrarium", "--no-default-features", "--edges=normal"]);
        output(tree.args(["--prefix=none", "--depth", depth]))
    };
    core_dependencies(&package_names(&tree("1")?), &package_names(&tree("99")?))?;
    run(&mut project.cargo(&["check", "--lib", "--no-default-features"]))?;
    Ok(passed())
}

/// The packages that `cargo tree` lists under the one it was asked about.
fn package_names(tree: &str) -> Vec<String> {
    let name = |line: &str| line.split_whitespace().next().unwrap_or_default().to_owned();
    tree.lines().skip(1).map(name).filter(|name| !name.is_empty()).collect()
}

fn core_dependencies(direct: &[String], all: &[String]) -> Result<()> {
    if let Some(name) = direct.iter().find(|name| !CORE_DEPENDENCIES.contains(&name.as_str())) {
        bail!("the library without features depends on {name}, which CORE_DEPENDENCIES in xtask does not list");
    }
    if let Some(name) = all.iter().find(|name| NOT_IN_THE_CORE.contains(&name.as_str())) {
        bail!("the library without features depends on {name} through another package (see `cargo tree -i {name}`)");
    }
    Ok(())
}

fn rust(project: &Project) -> Result<Outcome> {
    run(&mut project.cargo(&["test", "--workspace", "--no-fail-fast"]))?;
    Ok(passed())
}

fn docs(project: &Project) -> Result<Outcome> {
    run(project.cargo(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-Dwarnings"))?;
    Ok(passed())
}

fn wasm(project: &Project) -> Result<Outcome> {
    sizes::hold(&pack::pack(project, pack::Kind::default(), Cargo::Inherit)?)?;
    Ok(passed())
}

/// Every golden scenario, natively and in WebAssembly under Node.js: the same trace hash.
fn determinism(project: &Project) -> Result<Outcome> {
    if let Some(skipped) = node_is_missing(project) {
        return Ok(skipped);
    }
    setup::wasm_target(project)?;
    let module = pack::for_node(project, &pack::compile(project, pack::Kind::default(), Cargo::Inherit)?)?;
    run(&mut project.cargo(&["build", "--bin=terrarium"]))?;
    let terrarium = project.terrarium("debug");
    run(project.command("node").arg("tests/node/determinism.mjs").arg(module).arg(terrarium))
        .context("native and wasm differ, or cannot be compared: see the part's output")?;
    Ok(passed())
}

/// Licences, sources and banned packages; known vulnerabilities where their database can be fetched.
fn deny(project: &Project) -> Result<Outcome> {
    let program = setup::cargo_deny(project)?;
    let program = program.to_str().context("the target folder's path is not UTF-8")?;
    let deny = |arguments: &[&str]| {
        let mut deny = project.command(program);
        // The lock file is the other parts' business; this one only reads it.
        deny.args(["--locked"]).args(arguments);
        deny
    };
    run(&mut deny(&["check", "--hide-inclusion-graph", "bans", "licenses", "sources"]))?;
    if !is_there(&mut deny(&["fetch", "db"])) {
        return Ok(Outcome::Passed("advisories skipped: the RustSec database cannot be reached".into()));
    }
    run(&mut deny(&["check", "--disable-fetch", "advisories"]))?;
    Ok(passed())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "kafka-terrarium v0.1.0 (/src)\nbytes v1.12.1\nxxhash-rust v0.8.19\n\nserde v1.0.2 (*)\n";

    #[test]
    fn the_tree_is_read_without_its_root() {
        assert_eq!(package_names(TREE), ["bytes", "xxhash-rust", "serde"]);
    }

    #[test]
    fn marks_and_errors_are_compared_by_line() {
        assert_eq!(marked_lines("//! `forbidden`\na(); // forbidden\nb();\n"), BTreeSet::from([2]));
        let errors = "a.rs:2:5: error: use of a disallowed method\na.rs:3:5: warning: unit value\nerror: aborting";
        assert_eq!(error_lines(errors), BTreeSet::from([2]));
    }

    #[test]
    fn a_dependency_that_is_not_listed_is_named() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert!(core_dependencies(&names(&["bytes", "rand_xoshiro"]), &names(&["bytes"])).is_ok());
        let direct = core_dependencies(&names(&["bytes", "itoa"]), &[]).unwrap_err();
        assert!(direct.to_string().contains("itoa"));
        let behind = core_dependencies(&[], &names(&["bytes", "js-sys"])).unwrap_err();
        assert!(behind.to_string().contains("js-sys"));
    }
}
