//! `cargo xtask serve`: the page on this machine, built again and reloaded whenever its sources change.

use crate::pack::{self, Cargo, Kind, Site};
use crate::project::Project;
use crate::server::{self, Live};
use crate::watch::Sources;
use anyhow::{Context, Result};
use lexopt::prelude::*;
use std::process::Command;
use std::time::Instant;

/// The service worker's file: a page under development must not be answered from its cache.
const SERVICE_WORKER: &str = "sw.js";

/// The command's flags.
pub struct Options {
    open: bool,
    kind: Kind,
    port: u16,
}

impl Options {
    /// Reads them from the rest of the command line.
    pub fn read(arguments: &mut lexopt::Parser) -> Result<Self> {
        let mut options = Self { open: false, kind: Kind::default(), port: 8080 };
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("open") => options.open = true,
                Long("release") => options.kind.release = true,
                Long("gallery") => options.kind.gallery = true,
                Long("names") => options.kind.names = true,
                Long("port") => options.port = read_port(&arguments.value()?.string()?)?,
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(options)
    }
}

fn read_port(text: &str) -> Result<u16> {
    text.parse().ok().with_context(|| format!("--port {text}: a port is a number from 0 (any free one) to 65535"))
}

/// Serves until the user ends it with Ctrl-C.
pub fn run(project: &Project, options: Options) -> Result<()> {
    let start = Instant::now();
    let listener = server::listen(options.port)?;
    let sources = Sources::watch(&project.root)?;
    let (site, failure) = match build(project, options.kind) {
        Ok(site) => (site, None),
        Err(error) => (placeholder(), Some(error)),
    };
    let live = Live::new(site, true);
    let address = server::start(listener, live.clone())?;
    match failure {
        None => println!("Serving on {address} (ready in {:.1} s; Ctrl-C ends it)", start.elapsed().as_secs_f64()),
        Some(error) => {
            println!("Serving on {address} what went wrong; a change of the sources builds again (Ctrl-C ends it)");
            report(live.as_ref(), Err(error));
        }
    }
    if options.open {
        open(&address);
    }
    loop {
        sources.wait()?;
        println!("=> the sources changed");
        let start = Instant::now();
        let built = build(project, options.kind);
        let word = if built.is_ok() { "rebuilt" } else { "not rebuilt" };
        report(&live, built);
        println!("{word} after {:.1} s; serving on {address}", start.elapsed().as_secs_f64());
    }
}

fn build(project: &Project, kind: Kind) -> Result<Site> {
    let mut site = pack::pack(project, kind, Cargo::Keep)?;
    site.remove(SERVICE_WORKER);
    Ok(site)
}

/// Hands a build to the open page, and a failed one to the terminal as well.
fn report(live: &Live, built: Result<Site>) {
    if let Err(error) = &built {
        eprintln!("error: {error:#}");
    }
    live.replace(built);
}

/// What is served when not even the first build came about: the reload script shows the reason on it.
fn placeholder() -> Site {
    let page = "<!doctype html><title>Kafka Terrarium</title><body><p>There is no build to show yet.</body>";
    Site::from([("index.html".to_owned(), page.as_bytes().to_vec())])
}

/// Opens the page in the user's browser; where that does not work, the address is on the terminal.
fn open(address: &str) {
    let program = if cfg!(target_os = "macos") {
        "open"
    } else if cfg!(windows) {
        "explorer"
    } else {
        "xdg-open"
    };
    if let Err(error) = Command::new(program).arg(address).spawn() {
        eprintln!("cannot open a browser with {program}: {error}");
    }
}
