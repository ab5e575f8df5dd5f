//! The clients' own tests, as their makers publish them, against the gateway: `cargo xtask clients --suites`.
//!
//! The sources come from the package registries, are copied into the target folder and are changed in nothing but what
//! stands in `prepare`. Each suite has a gateway of its own with the cluster that it asks for. A run is well when all
//! tests pass but those that are named here, with the reason, and when those do fail: the list stays true.

use super::gateway::Gateway;
use super::install::{once, python, python_of};
use super::{installed_in, tail, wait};
use crate::project::Project;
use crate::steps::{is_there, output, run, step};
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a suite may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// A client's own tests.
pub struct Suite {
    pub name: &'static str,
    /// What runs, for the table: the package, its version and where it comes from.
    pub version: &'static str,
    /// The cluster that its tests ask for.
    pub script: &'static str,
    /// Gets it and builds it; the command that runs it.
    pub prepare: fn(&Project) -> Result<Command>,
    /// The environment that names the cluster, by its bootstrap address.
    pub environment: fn(&str) -> Vec<(&'static str, String)>,
    /// How many of its tests pass.
    pub passes: usize,
    /// Those that fail, and why.
    pub fails: &'static [(&'static str, &'static str)],
}

/// What became of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Passed,
    Failed,
    Skipped,
}

/// Runs the suites, or the one that is named; `false` when something is not well.
pub fn run_all(project: &Project, only: Option<&str>) -> Result<bool> {
    let mut well = true;
    for suite in super::matrix::SUITES.iter().filter(|suite| only.is_none_or(|only| only == suite.name)) {
        let command = step(&format!("{}: get and build", suite.name), || (suite.prepare)(project))?;
        println!("   {}: {}", suite.name, suite.version);
        let start = Instant::now();
        let wrong = play(project, suite, command)?;
        println!("   {}: {:.1} s", suite.name, start.elapsed().as_secs_f64());
        wrong.iter().for_each(|wrong| println!("   not well: {wrong}"));
        well &= wrong.is_empty();
    }
    Ok(well)
}

/// Runs a suite: what is not as it should be.
fn play(project: &Project, suite: &Suite, mut command: Command) -> Result<Vec<String>> {
    let folder = installed_in(project).join("runs").join("suites").join(suite.name);
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let gateway = Gateway::start(project, &folder, suite.script, &[])?;
    let log = folder.join("suite.log");
    let file = fs::File::create(&log).with_context(|| format!("writing {}", log.display()))?;
    command.envs((suite.environment)(&gateway.bootstrap)).stdin(Stdio::null());
    command.stdout(file.try_clone()?).stderr(file);
    // Tests that fail make it end with a failure; which may, is seen below.
    let ended = wait(command, PATIENCE);
    let text = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    let verdicts = verdicts(&text);
    let count = |verdict| verdicts.values().filter(|found| **found == verdict).count();
    let (passed, failed, skipped) = (count(Verdict::Passed), count(Verdict::Failed), count(Verdict::Skipped));
    println!("   {}: {passed} passed, {failed} failed, {skipped} skipped", suite.name);
    let mut wrong = compare(suite, &verdicts);
    if let Err(error) = ended
        && verdicts.is_empty()
    {
        wrong.push(format!("{error:#}\n{}", tail(&log)));
    }
    if let Err(error) = gateway.end() {
        wrong.push(format!("{error:#}"));
    }
    Ok(wrong)
}

fn compare(suite: &Suite, verdicts: &BTreeMap<String, Verdict>) -> Vec<String> {
    let listed = |name: &str| suite.fails.iter().any(|(listed, _)| *listed == name);
    let mut wrong = Vec::new();
    for (name, verdict) in verdicts {
        match verdict {
            Verdict::Failed if !listed(name) => wrong.push(format!("{name} failed")),
            Verdict::Passed if listed(name) => {
                wrong.push(format!("{name} is listed among those that fail, and passed"))
            }
            _ => {}
        }
    }
    let missing = suite.fails.iter().filter(|(name, _)| !verdicts.contains_key(*name));
    wrong.extend(missing.map(|(name, _)| format!("{name} is listed, and did not run")));
    let passed = verdicts.values().filter(|verdict| **verdict == Verdict::Passed).count();
    if passed != suite.passes {
        wrong.push(format!("{passed} passed, and {} are said to", suite.passes));
    }
    wrong
}

/// What the output of cargo's tests or of pytest says of each test: `file::test`.
fn verdicts(output: &str) -> BTreeMap<String, Verdict> {
    let mut found = BTreeMap::new();
    let mut file = String::new();
    for line in output.lines() {
        if let Some(rest) = line.trim_start().strip_prefix("Running tests/") {
            file = rest.split(".rs").next().unwrap_or_default().to_owned();
        } else if let Some((name, word)) = line.strip_prefix("test ").and_then(|rest| rest.rsplit_once(" ... ")) {
            let verdict = match word.split_whitespace().next() {
                Some("ok") => Verdict::Passed,
                Some("FAILED") => Verdict::Failed,
                _ => Verdict::Skipped,
            };
            let name = name.split(" - should panic").next().unwrap_or(name);
            found.insert(format!("{file}::{name}"), verdict);
        } else if let Some((word, rest)) = line.split_once(" test/integration/") {
            // The summary at the end: an error while a test is cleaned up comes after its verdict.
            let verdict = match word {
                "PASSED" => Verdict::Passed,
                "FAILED" | "ERROR" => Verdict::Failed,
                _ => continue,
            };
            let name = rest.split(" - ").next().unwrap_or(rest);
            found.insert(name.trim_end().replacen(".py", "", 1), verdict);
        }
    }
    found
}

/// The published source of a crate that tests/clients/suites names, copied to where it can be built.
fn published_crate(project: &Project, name: &str) -> Result<PathBuf> {
    let manifest = project.root.join("tests/clients/suites/Cargo.toml");
    let mut metadata = project.cargo(&["metadata", "--format-version=1", "--locked", "--manifest-path"]);
    let metadata: serde_json::Value = serde_json::from_str(&output(metadata.arg(manifest))?)?;
    let packages = metadata["packages"].as_array().context("cargo metadata without packages")?;
    let package = packages.iter().find(|package| package["name"] == name).context("the crate is a dependency")?;
    let source = Path::new(package["manifest_path"].as_str().context("a manifest")?).parent().context("its folder")?;
    let folder = installed_in(project).join("suites").join(name);
    once(&folder, package["version"].as_str().context("a version")?, || {
        copy(source, &folder)?;
        // It is a package of its own, and is built by the toolchain that is here.
        let toolchain = folder.join("rust-toolchain.toml");
        if toolchain.exists() {
            fs::remove_file(toolchain)?;
        }
        let manifest = folder.join("Cargo.toml");
        let text = fs::read_to_string(&manifest)?;
        Ok(fs::write(manifest, format!("{text}\n[workspace]\n"))?)
    })?;
    Ok(folder)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target).with_context(|| format!("copying {}", entry.path().display()))?;
        }
    }
    Ok(())
}

/// Builds a crate's tests; the command that runs those that need a cluster.
fn cargo_tests(project: &Project, folder: &Path) -> Result<Command> {
    let test = |more: &[&str]| {
        let mut command = project.cargo(&["test", "--no-fail-fast", "--test", "*"]);
        command.args(more).current_dir(folder);
        command.env("CARGO_TARGET_DIR", installed_in(project).join("suites/target"));
        command.env("CARGO_PROFILE_DEV_DEBUG", "false");
        command
    };
    run(&mut test(&["--no-run"]))?;
    Ok(test(&[]))
}

pub fn rskafka(project: &Project) -> Result<Command> {
    let folder = published_crate(project, "rskafka")?;
    // Its lock file names a version of a dependency that was withdrawn.
    run(project.cargo(&["update", "-p", "rsasl"]).current_dir(&folder))?;
    cargo_tests(project, &folder)
}

pub fn rdkafka(project: &Project) -> Result<Command> {
    cargo_tests(project, &published_crate(project, "rdkafka")?)
}

pub fn kafka_python(project: &Project) -> Result<Command> {
    let folder = installed_in(project).join("suites").join("kafka-python");
    let requirements = project.root.join("tests/clients/suites/requirements.txt");
    let wanted = fs::read_to_string(&requirements).with_context(|| format!("reading {}", requirements.display()))?;
    let venv = folder.join("venv");
    once(&folder, &wanted, || {
        run(Command::new(python()?).args(["-m", "venv", "--clear"]).arg(&venv))?;
        let pip = || {
            let mut pip = Command::new(python_of(&venv));
            pip.args(["-m", "pip", "--quiet", "--disable-pip-version-check"]);
            pip
        };
        run(pip().args(["install", "--only-binary=:all:", "-r"]).arg(&requirements))?;
        // The installed package has no tests; its source distribution has.
        let package = wanted.lines().next().context("kafka-python comes first")?;
        let source = ["download", "--no-deps", "--no-binary=kafka-python", package, "--dest"];
        run(pip().args(source).arg(&folder))?;
        let archive =
            folder.join(format!("{}.tar.gz", package.replace("==", "-").replace("kafka-python", "kafka_python")));
        let unpack = "import sys, tarfile; tarfile.open(sys.argv[1]).extractall(sys.argv[2])";
        run(Command::new(python()?).args(["-c", unpack]).arg(archive).arg(&folder))?;
        // Two files that its own repository has beside the tests: how brokers are started, which are here already.
        let test = folder.join(source_folder(&wanted)?).join("test");
        fs::write(test.join("__init__.py"), "")?;
        Ok(fs::write(test.join("service.py"), SERVICE)?)
    })?;
    let mut command = Command::new(python_of(&venv));
    command.args([
        "-m",
        "pytest",
        "test/integration",
        "-rA",
        "-o",
        "addopts=",
        "--timeout=120",
        "-p",
        "no:cacheprovider",
    ]);
    command.current_dir(folder.join(source_folder(&wanted)?));
    if !is_there(Command::new(python_of(&venv)).args(["-m", "pytest", "--version"])) {
        bail!("pytest does not start");
    }
    Ok(command)
}

fn source_folder(wanted: &str) -> Result<String> {
    Ok(wanted.lines().next().context("kafka-python comes first")?.replace("kafka-python==", "kafka_python-"))
}

const SERVICE: &str = "\
class ExternalService:
    def __init__(self, host, port):
        self.host, self.port = host, port

    def open(self):
        pass

    def close(self):
        pass


class SpawnedService(ExternalService):
    pass
";

pub fn rskafka_environment(bootstrap: &str) -> Vec<(&'static str, String)> {
    let flags = [("TEST_INTEGRATION", "1"), ("TEST_BROKER_IMPL", "kafka"), ("KAFKA_CONNECT", bootstrap)];
    flags.map(|(name, value)| (name, value.to_owned())).to_vec()
}

pub fn rdkafka_environment(bootstrap: &str) -> Vec<(&'static str, String)> {
    vec![("KAFKA_HOST", bootstrap.to_owned()), ("KAFKA_VERSION", "4.1.1".to_owned())]
}

pub fn kafka_python_environment(bootstrap: &str) -> Vec<(&'static str, String)> {
    let uri = format!("kafka://{bootstrap}");
    vec![("KAFKA_URI", uri), ("KAFKA_VERSION", "4.1.1".to_owned()), ("KAFKA_ROOT", ".".to_owned())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_are_read_from_cargo_s_output_and_pytest_s() {
        let output = "     Running tests/test_admin.rs (target/x)\n\nrunning 2 tests\ntest test_topics ... ok\n\
                      test test_groups ... FAILED\ntest old - should panic ... ignored, because\n\
                      PASSED test/integration/test_a.py::test_b[1]\nERROR test/integration/test_a.py::test_c - why\n";
        let expected = [
            ("test_a::test_b[1]", Verdict::Passed),
            ("test_a::test_c", Verdict::Failed),
            ("test_admin::old", Verdict::Skipped),
            ("test_admin::test_groups", Verdict::Failed),
            ("test_admin::test_topics", Verdict::Passed),
        ];
        let found = verdicts(output);
        assert_eq!(found.iter().map(|(name, verdict)| (name.as_str(), *verdict)).collect::<Vec<_>>(), expected);
    }
}
