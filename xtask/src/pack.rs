//! The page as a set of files: compiled, post-processed and put together as index.html says.

use crate::bindgen::Job;
use crate::html::{self, Directive};
use crate::project::{Project, WASM_TARGET, WEB_FEATURES};
use crate::setup;
use crate::steps::{run, run_keeping_errors, step};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Every file of the page by its path, parts joined by `/`. A server that answers from it can serve nothing else.
pub type Site = BTreeMap<String, Vec<u8>>;

/// What becomes of cargo's messages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Cargo {
    /// They go to the terminal.
    Inherit,
    /// They go to the terminal, and into the error of a failed build.
    Keep,
}

/// Which page is built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kind {
    /// Optimised, for others.
    pub release: bool,
    /// With the hand-made scenes that its address may name.
    pub gallery: bool,
    /// With its functions' names, for a profiler.
    pub names: bool,
}

/// Builds the page.
pub fn pack(project: &Project, kind: Kind, cargo: Cargo) -> Result<Site> {
    let release = kind.release;
    setup::wasm_target(project)?;
    if release {
        setup::npm_packages(project)?;
    }
    let built = compile(project, kind, cargo)?;
    let html = fs::read_to_string(project.root.join("index.html")).context("reading index.html")?;
    step("putting the page together", || assemble(project, &html, &built, kind))
}

/// Compiles the program; returns the folder it is in.
pub fn compile(project: &Project, Kind { release, gallery, .. }: Kind, cargo: Cargo) -> Result<PathBuf> {
    let profile: &[&str] = if release { &["--profile=web"] } else { &["--config=profile.dev.debug=false"] };
    step("compiling the page to WebAssembly", || {
        let mut build = project.cargo(&["build", "--bin=web"]);
        build.args(WEB_FEATURES).args(gallery.then_some("--features=gallery")).args(profile);
        match cargo {
            Cargo::Inherit => run(&mut build),
            Cargo::Keep => run_keeping_errors(&mut build),
        }
    })?;
    Ok(project.target.join(WASM_TARGET).join(if release { "web" } else { "debug" }))
}

fn assemble(project: &Project, html: &str, built: &Path, kind: Kind) -> Result<Site> {
    let mut site = Site::new();
    for (_, directive) in html::directives(html)? {
        match directive {
            Directive::Rust { bin, wasm_opt } => {
                let wasm = built.join(format!("{bin}.wasm"));
                let optimise = kind.release.then_some(&*wasm_opt);
                let job = Job { bin: &bin, wasm, node: false, optimise, names: kind.names };
                add_folder(&mut site, &job.run(project)?, "")?;
            }
            Directive::CopyDir(folder) => add_folder(&mut site, &project.root.join(&folder), &format!("{folder}/"))?,
            Directive::CopyFile(path) => {
                let name = path.rsplit('/').next().unwrap_or(&path).to_owned();
                site.insert(name, read(&project.root.join(&path))?);
            }
        }
    }
    site.insert("index.html".to_owned(), html::transform(html)?.into_bytes());
    Ok(site)
}

/// Adds every file below a folder under its path from there.
fn add_folder(site: &mut Site, folder: &Path, prefix: &str) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            add_folder(site, &entry.path(), &format!("{name}/"))?;
        } else {
            site.insert(name, read(&entry.path())?);
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("reading {}", path.display()))
}

/// Makes a folder hold exactly the page's files.
pub fn write(site: &Site, folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    for (name, bytes) in site {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().context("a file has a folder")?)?;
        fs::write(path, bytes)?;
    }
    Ok(())
}

/// The program for Node.js, made of the same compiled file as the browser's; returns its module.
pub fn for_node(project: &Project, built: &Path) -> Result<PathBuf> {
    step("making the module for Node.js", || {
        let job = Job { bin: "web", wasm: built.join("web.wasm"), node: true, optimise: None, names: false };
        Ok(job.run(project)?.join("web.js"))
    })
}
