//! `kafka-configs.sh --alter`.

use super::super::java::{properties, split};
use super::super::options::Options;
use super::super::out::Out;
use super::Configs;
use super::describe::{configs, thrown_by_get};
use super::entity::Entity;
use crate::base::SimDuration;
use crate::client::admin::{Admin, ConfigChange, Step, Throwable, caught};
use crate::wire::ErrorCode;

/// `AlterConfigsOptions.timeoutMs`.
const TIMEOUT: SimDuration = SimDuration::from_secs(30);

pub(super) fn alter(tool: &Configs, admin: &mut Admin<'_, '_>, out: &mut Out) -> Step<()> {
    let kind = tool.entity.kind.as_str();
    let name = tool.entity.name.as_deref().expect("--alter needs an entity");
    let added = added(tool)?;
    let deleted = deleted(&tool.options);
    let set = configs(kind, name, false, false, admin)?;
    let unknown: Vec<&str> =
        deleted.iter().filter(|name| !set.iter().any(|entry| entry.name == **name)).map(String::as_str).collect();
    if !unknown.is_empty() {
        let what = if kind == "broker-loggers" { "Invalid broker logger(s)" } else { "Invalid config(s)" };
        return Err(invalid_config(format!("{what}: {}", unknown.join(","))).into());
    }
    if kind == "broker-loggers" {
        check_loggers(&added, &set.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>())?;
    }
    let deletions = deleted.into_iter().map(ConfigChange::Delete);
    let changes: Vec<ConfigChange> =
        deletions.chain(added.into_iter().map(|(name, value)| ConfigChange::Set(name, value))).collect();
    let (resource, _) = Entity::resource(kind, name);
    match caught(admin.incremental_alter_configs(&resource, &changes, TIMEOUT))? {
        Ok(()) => {}
        Err(why) if why.is(ErrorCode::UNSUPPORTED_VERSION) => {
            let what = "The INCREMENTAL_ALTER_CONFIGS API is not supported by the cluster. The API is supported starting \
                        from version 2.3.0. You may want to use an older version of this tool to interact with your \
                        cluster, or upgrade your brokers to version 2.3.0 or newer to avoid this error.";
            return Err(Throwable::of(ErrorCode::UNSUPPORTED_VERSION, Some(what)).into());
        }
        Err(why) => return Err(thrown_by_get(why).into()),
    }
    match name {
        "" => out.line(format_args!("Completed updating default config for {kind} in the cluster.")),
        _ => out.line(format_args!("Completed updating config for {} {name}.", Entity::singular(kind))),
    }
    Ok(())
}

fn check_loggers(added: &[(String, String)], known: &[&str]) -> Result<(), Throwable> {
    let invalid: Vec<&str> = added.iter().map(|(name, _)| name.as_str()).filter(|name| !known.contains(name)).collect();
    match invalid.is_empty() {
        true => Ok(()),
        false => Err(invalid_config(format!("Invalid broker logger(s): {}", invalid.join(",")))),
    }
}

fn invalid_config(message: String) -> Throwable {
    Throwable::of(ErrorCode::INVALID_CONFIG, Some(&message))
}

/// The configs to set (`parseConfigsToBeAdded`), the last of a name being the one that counts.
fn added(tool: &Configs) -> Result<Vec<(String, String)>, Throwable> {
    let mut added: Vec<(String, String)> = Vec::new();
    if let Some(path) = tool.options.one("add-config-file")? {
        added = properties(tool.files.read(path)?);
    }
    if let Some(text) = tool.options.one("add-config")? {
        for pair in pairs(text)? {
            added.retain(|(known, _)| *known != pair.0);
            added.push(pair);
        }
    }
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    match added.iter().find(|(name, _)| !name.chars().all(legal)) {
        Some((name, _)) => {
            let message = format!("Invalid character found for config key: {name}");
            Err(Throwable::new(Throwable::ILLEGAL_ARGUMENT, message))
        }
        None => Ok(added),
    }
}

/// `k1=v1,k2=[v1,v2]`: commas and equals signs between square brackets belong to the value.
fn pairs(text: &str) -> Result<Vec<(String, String)>, Throwable> {
    let wrong = || {
        let what = "requirement failed: Invalid entity config: all configs to be added must be in the format";
        let message = format!("{what} \"key=val\" or  \"key=[val1,val2]\" to group values which contain commas.");
        Throwable::new(Throwable::ILLEGAL_ARGUMENT, message)
    };
    let mut found = Vec::new();
    for part in outside_brackets(text, ',') {
        let sides = outside_brackets(part, '=');
        let [name, value] = sides[..] else { return Err(wrong()) };
        let value: String = value.chars().filter(|c| !matches!(c, '[' | ']')).collect();
        found.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    Ok(found)
}

/// A text's parts between separators that are outside square brackets.
fn outside_brackets(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut rest) = (0, text);
    while let Some(at) = rest.find(separator) {
        let here = text.len() - rest.len() + at;
        rest = &rest[at + separator.len_utf8()..];
        // A separator counts unless the next bracket behind it closes.
        if rest.find(['[', ']']).is_none_or(|bracket| rest[bracket..].starts_with('[')) {
            parts.push(&text[start..here]);
            start = here + separator.len_utf8();
        }
    }
    parts.push(&text[start..]);
    parts
}

/// The configs to unset.
fn deleted(options: &Options) -> Vec<String> {
    options.all("delete-config").flat_map(|list| split(list, ',')).map(|name| name.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_hold_values_together() {
        let read = |text: &str| pairs(text).unwrap();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(read("retention.ms=1,segment.bytes=2"), [pair("retention.ms", "1"), pair("segment.bytes", "2")]);
        assert_eq!(read("a=[b,c],d = e"), [pair("a", "b,c"), pair("d", "e")]);
        assert_eq!(read("a=[b=c,d=e]"), [pair("a", "b=c,d=e")]);
        assert_eq!(read("a="), [pair("a", "")]);
        assert!(pairs("retention.ms").is_err() && pairs("a=b=c").is_err());
    }
}
