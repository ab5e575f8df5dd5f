//! Whose configs: the options that name entities, and the rules on them (`ConfigCommandOptions`).

use super::super::java::parse_int;
use super::super::options::Options;
use crate::client::admin::{ConfigEntry, ConfigResource};

/// What has configs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entity {
    /// `topics`, `brokers` …
    pub(super) kind: String,
    /// Its name, the empty one being all of the kind; none when none was given.
    pub(super) name: Option<String>,
}

/// The entities that the options name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entities {
    pub(super) kinds: Vec<String>,
    pub(super) names: Vec<String>,
}

/// Options that name an entity and its kind at once.
const FLAGS: [(&str, &str); 8] = [
    ("topic", "topics"),
    ("client", "clients"),
    ("user", "users"),
    ("broker", "brokers"),
    ("broker-logger", "broker-loggers"),
    ("ip", "ips"),
    ("client-metrics", "client-metrics"),
    ("group", "groups"),
];

/// Options that stand for all entities of a kind.
const DEFAULTS: [(&str, &str); 4] = [
    ("client-defaults", "clients"),
    ("user-defaults", "users"),
    ("broker-defaults", "brokers"),
    ("ip-defaults", "ips"),
];

/// The kinds as the tool lists them.
const KINDS: [&str; 8] = ["topics", "clients", "users", "brokers", "ips", "client-metrics", "groups", "broker-loggers"];

impl Entity {
    /// The resource of this name that has the configs, and where those come from that were set on it.
    pub(super) fn resource(kind: &str, name: &str) -> (ConfigResource, Option<i8>) {
        let (number, source) = match kind {
            "topics" => (ConfigResource::TOPIC, Some(ConfigEntry::TOPIC_CONFIG)),
            "brokers" if name.is_empty() => (ConfigResource::BROKER, Some(ConfigEntry::DYNAMIC_DEFAULT_BROKER_CONFIG)),
            "brokers" => (ConfigResource::BROKER, Some(ConfigEntry::DYNAMIC_BROKER_CONFIG)),
            "broker-loggers" => (ConfigResource::BROKER_LOGGER, None),
            "client-metrics" => (ConfigResource::CLIENT_METRICS, Some(ConfigEntry::CLIENT_METRICS_CONFIG)),
            _ => (ConfigResource::GROUP, Some(ConfigEntry::GROUP_CONFIG)),
        };
        (ConfigResource::new(number, name), source)
    }

    /// One entity of a kind: its name without the plural's last letter.
    pub(super) fn singular(kind: &str) -> &str {
        &kind[..kind.len() - 1]
    }
}

fn entities(options: &Options) -> Entities {
    let given = |flags: &[(&'static str, &'static str)]| {
        flags.iter().filter(|(flag, _)| options.has(flag)).copied().collect::<Vec<_>>()
    };
    let mut kinds: Vec<String> = options.all("entity-type").map(str::to_owned).collect();
    kinds.extend(given(&FLAGS).into_iter().chain(given(&DEFAULTS)).map(|(_, kind)| kind.to_owned()));
    let mut all_names = options.all("entity-name");
    let mut names: Vec<String> = options
        .names()
        .filter_map(|option| match option {
            "entity-name" => all_names.next().map(str::to_owned),
            "entity-default" => Some(String::new()),
            _ => None,
        })
        .collect();
    names.extend(given(&FLAGS).into_iter().filter_map(|(flag, _)| options.all(flag).next().map(str::to_owned)));
    names.extend(given(&DEFAULTS).into_iter().map(|_| String::new()));
    Entities { kinds, names }
}

/// The entities, by the tool's rules.
///
/// # Errors
/// The tool's message.
pub(super) fn checked(options: &Options) -> Result<Entities, String> {
    let found = entities(options);
    let kinds = &found.kinds;
    let repeated: Vec<&str> =
        (1..kinds.len()).filter(|at| kinds[..*at].contains(&kinds[*at])).map(|at| kinds[at].as_str()).collect();
    if !repeated.is_empty() {
        return Err(format!("Duplicate entity type(s) specified: {}", repeated.join(",")));
    }
    if let Some(unknown) = kinds.iter().find(|kind| !KINDS.contains(&kind.as_str())) {
        let which = format!("the entity type must be one of {}", KINDS.join(", "));
        let how = "with a --bootstrap-server or --bootstrap-controller argument";
        return Err(format!("Invalid entity type {unknown}, {which} {how}"));
    }
    if kinds.is_empty() {
        return Err("At least one entity type must be specified".into());
    }
    let users_and_clients = kinds.iter().all(|kind| matches!(kind.as_str(), "users" | "clients"));
    if kinds.len() > 1 && !users_and_clients {
        return Err("Only 'users' and 'clients' entity types may be specified together".into());
    }
    let generic = ["entity-name", "entity-type", "entity-default"].iter().any(|option| options.has(option));
    if generic && FLAGS.iter().chain(&DEFAULTS).any(|(flag, _)| options.has(flag)) {
        let what = "--entity-{type,name,default} should not be used in conjunction with specific entity flags";
        return Err(what.into());
    }
    check_names(options, &found)?;
    Ok(found)
}

fn check_names(options: &Options, found: &Entities) -> Result<(), String> {
    let is = |kind: &str| found.kinds.iter().any(|known| known == kind);
    let has_name = found.names.iter().any(|name| !name.is_empty());
    let has_default = found.names.iter().any(|name| name.is_empty());
    if has_name && (is("brokers") || is("broker-loggers")) {
        let mut names =
            ["entity-name", "broker", "broker-logger"].iter().filter_map(|option| options.all(option).next());
        if let Some(name) = names.find(|name| parse_int(name).is_err()) {
            let kind = &found.kinds[0];
            return Err(format!("The entity name for {kind} must be a valid integer broker id, but it is: {name}"));
        }
    }
    let has_defaults = ["users", "clients", "brokers", "ips"].iter().any(|kind| is(kind));
    let kinds = found.kinds.join(",");
    if options.has("describe") {
        if !has_defaults && options.has("entity-default") {
            return Err(format!("--entity-default must not be specified with --describe of {kinds}"));
        }
        if is("broker-loggers") && !has_name {
            return Err(format!("An entity name must be specified with --describe of {kinds}"));
        }
        return Ok(());
    }
    if has_defaults && !has_name && !has_default {
        let what = "An entity-name or default entity must be specified with --alter of users, clients, brokers or ips";
        return Err(what.into());
    }
    if !has_defaults && !has_name {
        return Err(format!("An entity name must be specified with --alter of {kinds}"));
    }
    if options.has("add-config") && options.has("add-config-file") {
        return Err("Only one of --add-config or --add-config-file must be specified".into());
    }
    match ["add-config", "add-config-file", "delete-config"].iter().any(|option| options.has(option)) {
        true => Ok(()),
        false => {
            let one = "At least one of --add-config, --add-config-file, or --delete-config";
            Err(format!("{one} must be specified with --alter"))
        }
    }
}
