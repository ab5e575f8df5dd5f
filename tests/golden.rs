//! Golden scripts: each file in `tests/golden` tells one behaviour. Its expectations have to be met, and all that it
//! prints has to be what the `.out` file beside it holds. `UPDATE_GOLDEN=1 cargo test --test golden` records anew.

#![expect(clippy::disallowed_methods, reason = "the scripts are files, and the switch is an environment variable")]

use kafka_terrarium::script::{Runner, Said, Script};
use std::fs;
use std::path::{Path, PathBuf};

const SEED: u64 = 1;

fn scripts() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let entries = fs::read_dir(folder).expect("the golden folder").map(|entry| entry.expect("an entry").path());
    let mut scripts: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|e| e == "terra")).collect();
    scripts.sort();
    assert!(scripts.len() >= 12, "{} golden scripts", scripts.len());
    scripts
}

fn run(path: &Path, seed: u64) -> Runner {
    let text = fs::read_to_string(path).expect("a golden script");
    let name = path.file_name().expect("a file name").to_string_lossy();
    let script = Script::parse(&text).unwrap_or_else(|error| panic!("{}", error.in_file(&name)));
    let mut runner = Runner::new(script, seed);
    runner.finish();
    runner
}

/// All that a run prints, complaints included.
fn printed(runner: &Runner) -> String {
    let mut text = String::new();
    for output in runner.outputs() {
        if let Said::Failed(message) = &output.said {
            text += &format!("{}:{}: {message}\n", output.at.line, output.at.column);
        }
        text += &output.printed().unwrap_or_default();
    }
    if let Some(error) = runner.stopped() {
        text += &format!("{error}\n");
    }
    text + &format!("{}\n", runner.summary())
}

/// Whether a run ended, with every expectation met and every law kept: but records may be lost where a setting allows it,
/// which is what some of the stories show.
fn is_good(runner: &Runner) -> bool {
    let summary = runner.summary();
    let allowed = |law: &String| law == "acked-lost" && runner.world().unexplained_loss().is_none();
    runner.stopped().is_none() && summary.failed == 0 && summary.laws_broken.iter().all(allowed)
}

#[test]
fn golden_scripts_print_what_they_printed() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for path in scripts() {
        let runner = run(&path, SEED);
        let (found, out) = (printed(&runner), path.with_extension("out"));
        if !is_good(&runner) {
            wrong.push(format!("{} is not good:\n{found}", path.display()));
        } else if update {
            fs::write(&out, found).expect("a recording can be written");
        } else if fs::read_to_string(&out).ok().as_ref() != Some(&found) {
            wrong.push(format!("{} is not what it was; now it prints:\n{found}", out.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn golden_scripts_run_the_same_twice() {
    for path in scripts() {
        let (first, second) = (run(&path, SEED), run(&path, SEED));
        assert_eq!(first.summary(), second.summary(), "{}", path.display());
        assert_eq!(first.outputs(), second.outputs(), "{}", path.display());
    }
}

#[test]
fn golden_stories_are_true_of_every_seed() {
    for path in scripts() {
        for seed in 2..10 {
            let runner = run(&path, seed);
            assert!(is_good(&runner), "{} with seed {seed}:\n{}", path.display(), printed(&runner));
        }
    }
}
