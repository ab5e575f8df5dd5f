//! Which module may import which. The order of the layers is the architecture: a module may import those above it,
//! so that the simulation can never come to depend on what shows it.

use crate::{assert_none, sources};
use std::collections::BTreeSet;

/// What a module may import.
enum May {
    /// All above it in the list.
    Above,
    /// All above it but these.
    AboveBut(&'static [&'static str]),
    /// These alone.
    Only(&'static [&'static str]),
    /// Everything but these.
    AllBut(&'static [&'static str]),
}

/// The modules under src/ in their order, and last the three programs.
const LAYERS: [(&str, May); 25] = [
    ("base", May::Above),
    ("wire", May::Above),
    // The contract of the machines (input, context, effect, fact), which knows none of them.
    ("machine", May::Only(&["base", "wire"])),
    ("network", May::Above),
    ("storage", May::AboveBut(&["network"])),
    ("check", May::Above),
    // Raft knows of a cluster only its voters and its log.
    ("quorum", May::AboveBut(&["check"])),
    ("cluster", May::Above),
    ("controller", May::Above),
    // A broker knows a controller by its answers and by the metadata log.
    ("broker", May::AboveBut(&["controller"])),
    ("server", May::Above),
    // A client knows of a cluster what a real one knows: the protocol.
    ("client", May::AboveBut(&["broker", "cluster", "controller", "quorum", "server", "storage"])),
    // A tool is a program over a client. Like Kafka's own it has the server's tables of configs and features built in.
    ("tools", May::Only(&["base", "client", "cluster", "machine", "wire"])),
    ("sim", May::Above),
    ("script", May::Above),
    ("explore", May::Above),
    ("session", May::Above),
    ("view", May::Above),
    ("save", May::Above),
    ("link", May::Above),
    ("gateway", May::AboveBut(&["link"])),
    ("web", May::AllBut(&["cli", "gateway"])),
    ("cli", May::AllBut(&["link", "web"])),
    ("bin/web.rs", May::AllBut(&["cli", "gateway"])),
    ("bin/terrarium.rs", May::AllBut(&["link", "web"])),
];

/// Imports against the order, each with its reason: (module, what it imports, why).
const EXCEPTIONS: [(&str, &str, &str); 0] = [];

/// The layer that a path under `src/` belongs to.
fn layer_of(path: &str) -> Option<usize> {
    LAYERS.iter().position(|(layer, _)| {
        path.strip_prefix(layer).is_some_and(|rest| rest.is_empty() || rest == ".rs" || rest.starts_with('/'))
    })
}

fn is_allowed(importer: usize, imported: &str) -> bool {
    let (name, may) = &LAYERS[importer];
    let above = || LAYERS[..importer].iter().any(|(layer, _)| *layer == imported);
    let known = || LAYERS.iter().any(|(layer, _)| *layer == imported);
    let listed = match may {
        May::Above => above(),
        May::AboveBut(except) => above() && !except.contains(&imported),
        May::Only(these) => these.contains(&imported),
        May::AllBut(except) => known() && !except.contains(&imported),
    };
    listed || *name == imported || EXCEPTIONS.iter().any(|(from, to, _)| from == name && *to == imported)
}

/// The top-level modules that a text names after `crate::`, after the crate's own name, or after `super::` where that
/// is the crate. Comments do not count.
fn imported(path: &str, text: &str) -> BTreeSet<String> {
    let code: Vec<&str> = text.lines().map(without_comment).collect();
    let code = code.join("\n");
    let mut found = after(&code, "crate::");
    found.extend(after(&code, "kafka_terrarium::"));
    // `super::…::` from this depth is the crate itself.
    let depth = path.trim_end_matches("/mod.rs").matches('/').count();
    let is_layer = |name: &String| layer_of(name).is_some();
    found.extend(after(&code, &"super::".repeat(depth + 1)).into_iter().filter(is_layer));
    found
}

fn without_comment(line: &str) -> &str {
    let start = line.match_indices("//").find(|(at, _)| *at == 0 || line[..*at].ends_with(char::is_whitespace));
    start.map_or(line, |(at, _)| &line[..at])
}

/// The first names behind every occurrence of a prefix: one, or those of a group in braces.
fn after(code: &str, prefix: &str) -> BTreeSet<String> {
    let whole_word = |at: usize| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
    let places = code.match_indices(prefix).filter(|(at, _)| whole_word(*at));
    places.flat_map(|(at, _)| first_names(&code[at + prefix.len()..])).collect()
}

fn first_names(path: &str) -> Vec<String> {
    let Some(group) = path.trim_start().strip_prefix('{') else {
        return vec![name_at_start(path)];
    };
    let mut depth = 0;
    let mut items = vec![String::new()];
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => items.push(String::new()),
            _ if depth == 0 => items.last_mut().expect("one item at least").push(c),
            _ => {}
        }
    }
    items.iter().map(|item| name_at_start(item)).filter(|name| !name.is_empty()).collect()
}

fn name_at_start(text: &str) -> String {
    text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// What a file imports that its layer may not.
fn violations(path: &str, text: &str) -> Vec<String> {
    let Some(layer) = layer_of(path) else {
        return vec![format!("src/{path}: its module is not in the table of layers")];
    };
    let forbidden = imported(path, text).into_iter().filter(|name| !is_allowed(layer, name));
    forbidden.map(|name| format!("src/{path}: {} must not import {name}", LAYERS[layer].0)).collect()
}

#[test]
fn every_module_imports_only_what_its_layer_may() {
    let files = sources("src");
    let rust = files.iter().filter_map(|(path, text)| Some((path.strip_prefix("src/")?, text)));
    let modules = rust.filter(|(path, _)| path.ends_with(".rs") && *path != "lib.rs");
    assert_none(&modules.flat_map(|(path, text)| violations(path, text)).collect::<Vec<_>>());
}

#[test]
fn an_exception_is_used_and_has_a_reason() {
    let files = sources("src");
    for (from, to, reason) in EXCEPTIONS {
        assert!(!reason.is_empty(), "{from} imports {to} without a reason");
        let uses = |(path, text): &(String, String)| {
            path.strip_prefix("src/").is_some_and(|path| layer_of(path).is_some_and(|layer| LAYERS[layer].0 == from))
                && imported(path, text).contains(to)
        };
        assert!(files.iter().any(uses), "{from} no longer imports {to}: remove the exception");
    }
}

#[test]
fn a_planted_import_is_caught() {
    for (path, text) in [
        ("client/producer.rs", "use crate::broker::Broker;"),
        ("client.rs", "use crate::{base::SimTime, storage::{Log, Disk}};"),
        ("client/mod.rs", "use super::cluster::Controller;"),
        ("client/fetch/mod.rs", "use super::super::cluster::Controller;"),
        ("machine/mod.rs", "fn f(disk: &crate::storage::Disk) {}"),
        ("sim/world.rs", "use crate::{\n    base::SimTime,\n    view::Packet,\n};"),
        ("base/mod.rs", "use crate::wire::Frame;"),
        ("web/app.rs", "use crate::cli::Arguments;"),
        ("cli/run.rs", "use crate::web::App;"),
        ("gateway/drive.rs", "use crate::link::Message;"),
        ("web/worker/mod.rs", "use crate::gateway::Gateway;"),
        ("bin/terrarium.rs", "use kafka_terrarium::link::Message;"),
        ("bin/web.rs", "kafka_terrarium::cli::main();"),
        ("wire/mod.rs", "pub use crate::Nonsense;"),
        ("novelty/mod.rs", "fn f() {}"),
    ] {
        assert_eq!(violations(path, text).len(), 1, "{path}: {text}");
    }
}

#[test]
fn what_is_allowed_passes() {
    for (path, text) in [
        ("client/producer.rs", "use crate::wire::Frame;\n// not crate::broker::Broker\nuse super::Client;"),
        ("client/mod.rs", "mod tests { use super::*; }"),
        ("client/mod.rs", "/// Not like [`crate::broker`].\nuse crate::client::producer;"),
        ("sim/world.rs", "use crate::{base::{SimTime, view}, broker, machine::Input,};"),
        ("sim/net/mod.rs", "use super::view::Local;"),
        ("web/app.rs", "use crate::{link::Message, view::Scene};"),
        ("bin/web.rs", "kafka_terrarium::web::start();"),
    ] {
        assert_eq!(violations(path, text), [""; 0], "{path}");
    }
}
