//! `kafka-configs.sh --describe`.

use super::super::future;
use super::super::java::hash_order;
use super::super::out::Out;
use super::Configs;
use super::entity::Entity;
use crate::base::{SimDuration, Sort};
use crate::client::admin::{Admin, ConfigEntry, ConfigResource, GroupFilter, Step, Throwable};
use crate::cluster::check_topic_name;

/// How long the tool waits for configs (`get(30, TimeUnit.SECONDS)`).
const PATIENCE: SimDuration = SimDuration::from_secs(30);

pub(super) fn describe(tool: &Configs, admin: &mut Admin<'_, '_>, out: &mut Out) -> Step<()> {
    let kind = tool.entity.kind.as_str();
    let all = tool.options.has("all");
    if let Some(name) = &tool.entity.name
        && !all
        && !exists(kind, name, admin)?
    {
        let one = Entity::singular(kind);
        out.line(format_args!("The {one} '{name}' doesn't exist and doesn't have dynamic config."));
        return Ok(());
    }
    let names = match &tool.entity.name {
        Some(name) => vec![name.clone()],
        None => names(kind, admin)?,
    };
    for name in names {
        match name.as_str() {
            "" => out.line(format_args!("Default configs for {kind} in the cluster are:")),
            _ => {
                let which = if all { "All" } else { "Dynamic" };
                out.line(format_args!("{which} configs for {} {name} are:", Entity::singular(kind)));
            }
        }
        for entry in configs(kind, &name, true, all, admin)? {
            out.line(format_args!("  {}", line(&entry)));
        }
    }
    Ok(())
}

fn line(entry: &ConfigEntry) -> String {
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "null".into());
    let synonyms = entry.synonyms.iter();
    let synonyms: Vec<String> = synonyms
        .map(|synonym| {
            format!("{}:{}={}", ConfigEntry::source_name(synonym.source), synonym.name, value(&synonym.value))
        })
        .collect();
    let (name, shown, sensitive) = (&entry.name, value(&entry.value), entry.is_sensitive);
    format!("{name}={shown} sensitive={sensitive} synonyms={{{}}}", synonyms.join(", "))
}

/// Whether there is an entity of this name, or one that has configs.
fn exists(kind: &str, name: &str, admin: &mut Admin<'_, '_>) -> Step<bool> {
    Ok(match kind {
        "topics" => {
            check_topic(name)?;
            future(admin.list_topics(true))?.iter().any(|topic| topic.name == name)
        }
        "brokers" | "broker-loggers" => {
            let cluster = future(admin.describe_cluster(false))?;
            name.is_empty() || cluster.nodes.iter().any(|node| node.id.to_string() == name)
        }
        "client-metrics" => {
            future(admin.list_config_resources(ConfigResource::CLIENT_METRICS))?.iter().any(|known| known == name)
        }
        _ => {
            let groups = future(admin.list_groups(&GroupFilter::default(), None))?;
            groups.iter().any(|group| group.group_id == name)
                || future(admin.list_config_resources(ConfigResource::GROUP))?.iter().any(|known| known == name)
        }
    })
}

/// The names of all entities of a kind.
fn names(kind: &str, admin: &mut Admin<'_, '_>) -> Step<Vec<String>> {
    let in_map = |names: Vec<String>| {
        let ordered = hash_order(names.into_iter().map(|name| (name, ())).collect());
        ordered.into_iter().map(|(name, ())| name).collect::<Vec<_>>()
    };
    Ok(match kind {
        "topics" => in_map(future(admin.list_topics(true))?.into_iter().map(|topic| topic.name).collect()),
        "brokers" | "broker-loggers" => {
            let nodes = future(admin.describe_cluster(false))?.nodes;
            let ids = hash_order(nodes.iter().map(|node| (node.id, ())).collect());
            ids.into_iter().map(|(id, ())| id.to_string()).chain([String::new()]).collect()
        }
        "client-metrics" => future(admin.list_config_resources(ConfigResource::CLIENT_METRICS))?,
        _ => {
            let groups = future(admin.list_groups(&GroupFilter::default(), None))?;
            let mut names = in_map(groups.into_iter().map(|group| group.group_id).collect());
            for name in future(admin.list_config_resources(ConfigResource::GROUP))? {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            names
        }
    })
}

/// The configs of an entity by name: all of them, or those that are set on it.
pub(super) fn configs(
    kind: &str,
    name: &str,
    with_synonyms: bool,
    all: bool,
    admin: &mut Admin<'_, '_>,
) -> Step<Vec<ConfigEntry>> {
    if kind == "topics" && !name.is_empty() {
        check_topic(name)?;
    }
    let (resource, source) = Entity::resource(kind, name);
    let mut described = admin.describe_configs(&[resource], with_synonyms, Some(PATIENCE))?;
    let entries = described.remove(0).map_err(thrown_by_get)?;
    let source = source.filter(|_| !all);
    let mut entries: Vec<ConfigEntry> =
        entries.into_iter().filter(|entry| source.is_none_or(|source| entry.source == source)).collect();
    entries.order_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

/// `Topic.validate`: a name that no topic can have is refused without a word to the cluster.
fn check_topic(name: &str) -> Result<(), Throwable> {
    check_topic_name(name).map_err(|why| Throwable::of(why.error, why.message.as_deref()))
}

/// What `get(30, SECONDS)` throws: Java's own TimeoutException as it is, everything else in an ExecutionException.
pub(super) fn thrown_by_get(thrown: Throwable) -> Throwable {
    match thrown.class() {
        "java.util.concurrent.TimeoutException" => thrown,
        _ => Throwable::around(Throwable::EXECUTION, thrown),
    }
}
