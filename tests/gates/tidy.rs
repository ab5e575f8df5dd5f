//! How a source file looks, and what must not be in one.

use crate::{assert_none, sources};

/// Longer than this, a file has more than one subject.
const LONGEST: usize = 800;

/// A module's essay says at least what it holds, why it is so and what it relies on.
const SHORTEST_ESSAY: usize = 3;

/// Where the project's own texts are.
const PLACES: [&str; 18] = [
    "src",
    "tests",
    "xtask",
    "benches",
    "examples",
    "fuzz",
    "www",
    "docs",
    ".ci",
    ".cargo",
    "README.md",
    "ARCHITECTURE.md",
    "Cargo.toml",
    "Trunk.toml",
    "clippy.toml",
    "deny.toml",
    "index.html",
    "package.json",
];

/// Marks of unfinished work. Put together here, so that this file does not hold them itself.
const UNFINISHED: [&str; 6] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X:"),
    concat!("to", "do!("),
    concat!("unimpl", "emented!("),
    concat!("#[ig", "nore"),
];

/// Paths that exist on one machine only.
const MACHINE_PATHS: [&str; 5] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("/sha", "red/"),
];

/// Files whose white space and length a person answers for.
fn is_source(path: &str) -> bool {
    [".rs", ".js", ".mjs", ".css", ".html", ".toml"].iter().any(|ending| path.ends_with(ending))
}

/// A file that a program of the project writes says so in its first lines.
fn is_generated(text: &str) -> bool {
    text.lines().take(5).any(|line| line.contains("@generated"))
}

fn violations(path: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let source = is_source(path) && !is_generated(text);
    if source && text.lines().count() > LONGEST {
        found.push(format!("{path}: {} lines, {LONGEST} are the most", text.lines().count()));
    }
    for (index, line) in text.lines().enumerate() {
        let mut complain = |what: &str| found.push(format!("{path}:{}: {what}", index + 1));
        if source && line.contains('\t') {
            complain("a tab");
        }
        if source && line.ends_with(char::is_whitespace) {
            complain("white space at the end");
        }
        for word in UNFINISHED.iter().filter(|word| line.contains(**word)) {
            complain(&format!("unfinished: {word}"));
        }
        for path in MACHINE_PATHS.iter().filter(|path| line.contains(**path)) {
            complain(&format!("a path of one machine: {path}"));
        }
    }
    found
}

/// The file that opens a top-level module must begin with what the module is about.
fn essay_violation(path: &str, text: &str) -> Option<String> {
    let module = path.strip_prefix("src/")?.strip_suffix(".rs")?;
    let opens_a_module = !module.contains('/') || (module.ends_with("/mod") && module.matches('/').count() == 1);
    let essay = text.lines().take_while(|line| line.starts_with("//!")).filter(|line| line.len() > 4).count();
    let least = if module == "lib" { 1 } else { SHORTEST_ESSAY };
    (opens_a_module && essay < least).then(|| format!("{path}: its `//!` has {essay} lines, {least} are the least"))
}

#[test]
fn every_file_is_tidy() {
    let files = PLACES.iter().flat_map(|place| sources(place));
    assert_none(&files.flat_map(|(path, text)| violations(&path, &text)).collect::<Vec<_>>());
}

#[test]
fn every_module_begins_with_its_essay() {
    let files = sources("src");
    assert_none(&files.iter().filter_map(|(path, text)| essay_violation(path, text)).collect::<Vec<_>>());
}

#[test]
fn planted_untidiness_is_caught() {
    let long = "x\n".repeat(LONGEST + 1);
    let mut planted = vec![long.clone(), "a\tb".into(), "a ".into()];
    planted.extend(UNFINISHED.iter().chain(&MACHINE_PATHS).map(|word| format!("// {word}")));
    for text in planted {
        assert_eq!(violations("src/a.rs", &text).len(), 1, "{text}");
    }
    assert_eq!(violations("src/a.rs", &format!("// @generated\n{long}")), [""; 0]);
    assert_eq!(violations("tests/vectors/describe.txt", "Topic: a\tPartition: 0\n"), [""; 0]);
}

#[test]
fn a_missing_essay_is_caught() {
    let essay = "//! What it holds.\n//! Why it is so.\n//!\n//! What it relies on.\n";
    for (path, text, wrong) in [
        ("src/sim/mod.rs", "use std::fmt;", true),
        ("src/sim.rs", "//! The world.\n", true),
        ("src/sim/mod.rs", essay, false),
        ("src/sim/world.rs", "use std::fmt;", false),
        ("src/sim/net/mod.rs", "use std::fmt;", false),
        ("src/lib.rs", "//! Kafka Terrarium.\n", false),
    ] {
        assert_eq!(essay_violation(path, text).is_some(), wrong, "{path}: {text}");
    }
}
