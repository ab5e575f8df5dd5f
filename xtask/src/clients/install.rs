//! Getting the clients, each by its own package manager, into the target folder.

use super::installed_in;
use crate::project::Project;
use crate::steps::{is_there, run};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// A client: how to get it, and what it can play.
pub struct Client {
    pub name: &'static str,
    /// What runs, for the table: the package and its version.
    pub version: &'static str,
    pub install: fn(&Project) -> Result<Installed>,
    /// Whether it is had within moments, and so belongs in every test run.
    pub is_quick: bool,
    /// What it cannot play, and why.
    pub lacks: &'static [(&'static str, &'static str)],
}

impl Client {
    pub fn plays(&self, scenario: &str) -> bool {
        !self.lacks.iter().any(|(lacking, _)| *lacking == scenario)
    }
}

/// A client that is there: its program, which takes a scenario's name as its last argument.
pub struct Installed {
    pub program: PathBuf,
    pub arguments: Vec<PathBuf>,
    pub environment: Vec<(&'static str, PathBuf)>,
}

/// Where the programs are.
const PROGRAMS: &str = "tests/clients";

/// The version of KafkaJS, which is one package that needs no other.
pub const KAFKAJS: &str = "kafkajs@2.2.4";

pub fn kcat(project: &Project) -> Result<Installed> {
    // It has no flag that says its version and ends well.
    if project.command("kcat").arg("-V").output().is_err() {
        bail!("install the Debian package kcat");
    }
    Ok(Installed { program: python()?, arguments: program(project, "kcat.py"), environment: Vec::new() })
}

pub fn confluent(project: &Project) -> Result<Installed> {
    Ok(Installed { program: venv(project)?, arguments: program(project, "confluent.py"), environment: Vec::new() })
}

pub fn kafka_python(project: &Project) -> Result<Installed> {
    Ok(Installed { program: venv(project)?, arguments: program(project, "kafka_python.py"), environment: Vec::new() })
}

pub fn kafkajs(project: &Project) -> Result<Installed> {
    if !is_there(project.command("node").arg("--version")) {
        bail!("install Node.js 20 or later (Debian: nodejs and npm)");
    }
    let folder = installed_in(project).join("kafkajs");
    once(&folder, KAFKAJS, || {
        let mut npm = project.npm(&["install", "--no-save", "--no-audit", "--no-fund", "--prefix"]);
        run(npm.arg(&folder).arg(KAFKAJS))
    })?;
    let environment = vec![("KAFKAJS", folder)];
    Ok(Installed { program: "node".into(), arguments: program(project, "kafkajs.mjs"), environment })
}

pub fn rskafka(project: &Project) -> Result<Installed> {
    let folder = installed_in(project).join("rskafka");
    let manifest = project.root.join(PROGRAMS).join("rskafka/Cargo.toml");
    let mut build = project.cargo(&["build", "--locked", "--manifest-path"]);
    run(build.arg(manifest).arg("--target-dir").arg(&folder))?;
    let program = folder.join("debug").join(format!("rskafka-client{}", std::env::consts::EXE_SUFFIX));
    Ok(Installed { program, arguments: Vec::new(), environment: Vec::new() })
}

/// Kafka's own clients and tools, from Maven Central.
pub fn java(project: &Project) -> Result<Installed> {
    if !is_there(project.command("java").arg("-version")) || !is_there(project.command("mvn").arg("--version")) {
        bail!("install Java 17 or later and Maven (Debian: default-jre-headless and maven)");
    }
    let (pom, jars) = (project.root.join(PROGRAMS).join("pom.xml"), installed_in(project).join("java"));
    let stamp = fs::read_to_string(&pom).with_context(|| format!("reading {}", pom.display()))?;
    once(&jars, &stamp, || {
        let mut maven = project.command("mvn");
        maven.args(["-q", "-B", "-f"]).arg(&pom).args(["dependency:copy-dependencies", "-DincludeScope=runtime"]);
        run(maven.arg(format!("-DoutputDirectory={}", jars.display())))
    })?;
    let environment = vec![("KAFKA_JARS", jars)];
    Ok(Installed { program: python()?, arguments: program(project, "java.py"), environment })
}

/// franz-go's fake broker, which is timed beside the gateway.
pub fn kfake(project: &Project) -> Result<PathBuf> {
    if !is_there(project.command("go").arg("version")) {
        bail!("install Go 1.26 or later");
    }
    let program = installed_in(project).join(format!("kfake{}", std::env::consts::EXE_SUFFIX));
    let mut build = project.command("go");
    run(build
        .args(["build", "-mod=readonly", "-o"])
        .arg(&program)
        .arg(".")
        .current_dir(project.root.join("tests/clients/kfake")))?;
    Ok(program)
}

fn program(project: &Project, name: &str) -> Vec<PathBuf> {
    vec![project.root.join(PROGRAMS).join(name)]
}

pub fn python() -> Result<PathBuf> {
    let is_python = |name: &&&str| is_there(std::process::Command::new(name).arg("--version"));
    ["python3", "python"].iter().find(is_python).map(|name| PathBuf::from(*name)).context("install Python 3.9 or later")
}

/// The Python of a virtual environment.
pub fn python_of(venv: &Path) -> PathBuf {
    venv.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" })
}

/// The Python of a virtual environment that has what requirements.txt names.
fn venv(project: &Project) -> Result<PathBuf> {
    let folder = installed_in(project).join("venv");
    let requirements = project.root.join(PROGRAMS).join("requirements.txt");
    let wanted = fs::read_to_string(&requirements).with_context(|| format!("reading {}", requirements.display()))?;
    once(&folder, &wanted, || {
        let mut make = std::process::Command::new(python()?);
        run(make.args(["-m", "venv", "--clear"]).arg(&folder))
            .context("Python cannot make a virtual environment (Debian: python3-venv)")?;
        let mut pip = std::process::Command::new(python_of(&folder));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:", "-r"]);
        run(pip.arg(&requirements))
    })?;
    Ok(python_of(&folder))
}

/// Installs into a folder what its stamp does not say is there already.
pub fn once(folder: &Path, what: &str, install: impl FnOnce() -> Result<()>) -> Result<()> {
    let stamp = folder.join("installed.txt");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == what) {
        return Ok(());
    }
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    install()?;
    fs::write(&stamp, what).with_context(|| format!("writing {}", stamp.display()))
}
