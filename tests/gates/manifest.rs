//! What the manifests must say.

use crate::{assert_none, sources};

/// Dependencies with no reason: a comment must stand above each, or above the group without blank lines it is in.
fn dependencies_without_reason(manifest: &str) -> Vec<String> {
    let mut found = Vec::new();
    let (mut in_dependencies, mut has_reason) = (false, false);
    for line in manifest.lines() {
        if line.starts_with('[') {
            in_dependencies = line.contains("dependencies");
            has_reason = false;
        } else if line.trim().is_empty() {
            has_reason = false;
        } else if line.starts_with('#') {
            has_reason = true;
        } else if in_dependencies && !has_reason && line.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            found.push(line.to_owned());
        }
    }
    found
}

/// The lines of an npm lock file that name the server a package was fetched from.
fn servers_in_lock_file(lock: &str) -> Vec<String> {
    lock.lines().filter(|line| line.contains("\"resolved\"")).map(str::to_owned).collect()
}

#[test]
fn every_dependency_has_a_reason() {
    for manifest in ["Cargo.toml", "xtask/Cargo.toml"] {
        let text = &sources(manifest)[0].1;
        assert_none(&dependencies_without_reason(text));
    }
}

#[test]
fn the_npm_lock_file_names_no_server() {
    assert_none(&servers_in_lock_file(&sources("package-lock.json")[0].1));
}

#[test]
fn a_planted_dependency_without_reason_is_caught() {
    let manifest = "[package]\nname = \"x\"\n\n[dev-dependencies]\n# Why a.\na = \"1\"\nb = { version = \"1\", features = [\n    \"c\",\n] }\n\nd = \"1\"\n";
    assert_eq!(dependencies_without_reason(manifest), ["d = \"1\""]);
}

#[test]
fn a_planted_server_is_caught() {
    let lock = "{\n  \"version\": \"1.0.0\",\n  \"resolved\": \"https://example.org/a.tgz\"\n}";
    assert_eq!(servers_in_lock_file(lock).len(), 1);
}
