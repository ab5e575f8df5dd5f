//! The page's tests in a real browser.

use crate::pack::{self, Cargo, Site};
use crate::project::Project;
use crate::report::Outcome;
use crate::server::{self, Live};
use crate::steps::run;
use crate::{offline, setup, test};
use anyhow::{Context, Result, bail};
use std::env;
use std::fs;
use std::path::PathBuf;

/// Where the tests are; a test is a file that ends in `.test.mjs`.
const FOLDER: &str = "tests/browser";

/// Times the page's worker beside the native program.
const BESIDE_NATIVE: &str = "tests/browser/beside-native.mjs";

/// Under which names Chromium and its relatives are installed.
const BROWSERS: [&str; 5] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];

const NO_BROWSER: &str = "install the Debian package chromium, or name a Chrome in CHROME_PATH";

/// Serves the page on a free port and runs every test against it.
pub fn part(project: &Project) -> Result<Outcome> {
    if let Some(skipped) = test::node_is_missing(project) {
        return Ok(skipped);
    }
    let Some(browser) = browser() else {
        return Ok(Outcome::Skipped(NO_BROWSER.into()));
    };
    setup::npm_packages(project)?;
    let site = pack::pack(project, pack::Kind::default(), Cargo::Inherit)?;
    // The same page as it is built for a host: with what keeps it for when there is no network.
    let mut built = site.clone();
    offline::add(&mut built);
    let built = server::start(server::listen(0)?, Live::new(built, false))?;
    let address = server::start(server::listen(0)?, Live::new(site, false))?;
    run(&mut project.cargo(&["build", "--bin=terrarium"]))?;
    let mut node = project.command("node");
    node.arg("--test").args(tests(project)?).env("TERRARIUM_URL", address).env("TERRARIUM_BUILT_URL", built);
    node.env("TERRARIUM_BIN", project.terrarium("debug")).env("CHROME_PATH", browser);
    run(&mut node).context("a browser test failed: see the part's output")?;
    Ok(test::passed())
}

/// Runs the same scenarios in the worker of a page as it is built for others, in a browser, and in the native program.
pub fn beside_native(project: &Project, site: Site) -> Result<()> {
    let Some(browser) = browser() else { bail!("{NO_BROWSER}") };
    let address = server::start(server::listen(0)?, Live::new(site, false))?;
    run(&mut project.cargo(&["build", "--release", "--bin=terrarium"]))?;
    let mut node = project.command("node");
    node.arg(BESIDE_NATIVE).env("TERRARIUM_URL", address);
    node.env("TERRARIUM_BIN", project.terrarium("release")).env("CHROME_PATH", browser);
    run(&mut node)
}

fn tests(project: &Project) -> Result<Vec<PathBuf>> {
    let folder = fs::read_dir(project.root.join(FOLDER)).with_context(|| format!("reading {FOLDER}"))?;
    let paths = folder.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    let is_test = |path: &PathBuf| path.to_string_lossy().ends_with(".test.mjs");
    let mut tests: Vec<_> = paths.into_iter().filter(is_test).collect();
    tests.sort();
    if tests.is_empty() {
        bail!("{FOLDER} holds no test");
    }
    Ok(tests)
}

/// The browser that CHROME_PATH names, or the first one on the PATH, or macOS's.
fn browser() -> Option<PathBuf> {
    let named = env::var_os("CHROME_PATH").map(PathBuf::from);
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = BROWSERS.into_iter().flat_map(|name| env::split_paths(&path).map(move |folder| folder.join(name)));
    let application = PathBuf::from("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome");
    named.into_iter().chain(on_path).chain([application]).find(|path| path.is_file())
}
