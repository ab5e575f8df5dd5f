//! `kafka-features.sh` (`FeatureCommand`).

use super::arguments::{Argument, Arguments, Grammar, Parser, flag, text};
use super::files::{Files, set_up};
use super::java::{hash_order, parse_short, properties};
use super::out::Out;
use super::{Program, Refusal, TERSE, future};
use crate::base::SortedMap;
use crate::client::admin::{Admin, AdminConfig, FeatureUpdate, Step, Throwable, UpgradeType, caught};
use crate::cluster::MetadataVersion;
use std::sync::Arc;

const CONNECTION: [Argument; 3] = [
    text(&["--bootstrap-server"], "The brokers to connect to; may be left out here."),
    text(&["--bootstrap-controller"], "The controllers to connect to.").unbuilt(),
    text(&["--command-config"], "A file of admin client configs; /dev/stdin is what `<<END` brings."),
];
const METADATA: Argument = text(&["--metadata"], "Deprecated: the level of metadata.version, such as 4.0.");
const RELEASE: Argument =
    text(&["--release-version"], "The release whose levels all features shall have, such as 4.0.");
const FEATURE: Argument = text(&["--feature"], "A feature and its level, as feature=level; may be repeated.");
const UNSAFE: Argument = flag(&["--unsafe"], "Even if metadata is lost.");
const DRY_RUN: Argument = flag(&["--dry-run"], "Only look whether it could be done.");

const GRAMMAR: Grammar = Grammar {
    tool: "kafka-features",
    main: Parser {
        name: "",
        usage: "kafka-features [-h] [--command-config COMMAND_CONFIG]
                      (--bootstrap-server BOOTSTRAP_SERVER |
                      --bootstrap-controller BOOTSTRAP_CONTROLLER)
                      {describe,upgrade,downgrade,disable,version-mapping,feature-dependencies}
                      ...",
        about: "Looks at the levels of features and sets them.",
        arguments: &CONNECTION,
        built: true,
    },
    commands: &[
        command(
            "describe",
            "kafka-features (--bootstrap-server BOOTSTRAP_SERVER |
                      --bootstrap-controller BOOTSTRAP_CONTROLLER) describe
                      [-h]",
            "Show the features and their levels.",
            &[],
        ),
        command(
            "upgrade",
            "kafka-features (--bootstrap-server BOOTSTRAP_SERVER |
                      --bootstrap-controller BOOTSTRAP_CONTROLLER) upgrade
                      [-h] [--metadata METADATA]
                      [--release-version RELEASE_VERSION]
                      [--feature FEATURE] [--dry-run]",
            "Raise levels.",
            &[METADATA, RELEASE, FEATURE, DRY_RUN],
        ),
        command(
            "downgrade",
            "kafka-features (--bootstrap-server BOOTSTRAP_SERVER |
                      --bootstrap-controller BOOTSTRAP_CONTROLLER)
                      downgrade [-h] [--metadata METADATA]
                      [--release-version RELEASE_VERSION]
                      [--feature FEATURE] [--unsafe] [--dry-run]",
            "Lower levels.",
            &[METADATA, RELEASE, FEATURE, UNSAFE, DRY_RUN],
        ),
        command(
            "disable",
            "kafka-features (--bootstrap-server BOOTSTRAP_SERVER |
                      --bootstrap-controller BOOTSTRAP_CONTROLLER) disable
                      [-h] [--feature FEATURE] [--unsafe] [--dry-run]",
            "Turn features off.",
            &[text(&["--feature"], "A feature; may be repeated."), UNSAFE, DRY_RUN],
        ),
        command(
            "version-mapping",
            "kafka-features (--bootstrap-server BOOTSTRAP_SERVER |
                      --bootstrap-controller BOOTSTRAP_CONTROLLER)
                      version-mapping [-h]
                      [--release-version RELEASE_VERSION]",
            "Show the levels that features have in a release.",
            &[text(&["--release-version"], "The release; the latest unless given.")],
        ),
        command(
            "feature-dependencies",
            "kafka-features (--bootstrap-server BOOTSTRAP_SERVER |
                      --bootstrap-controller BOOTSTRAP_CONTROLLER)
                      feature-dependencies [-h] --feature FEATURE",
            "Show what a feature's level needs.",
            &[FEATURE.required()],
        ),
    ],
    help_exit: 1,
};

const fn command(
    name: &'static str,
    usage: &'static str,
    about: &'static str,
    arguments: &'static [Argument],
) -> Parser {
    Parser { name, usage, about, arguments, built: true }
}

/// The features beside `metadata.version` in Kafka's order, with the level of `metadata.version` from which on each of
/// their levels 1, 2 … is the default. The unreleased ones are at levels that no release has.
const FEATURES: [(&str, &[i16]); 6] = [
    ("kraft.version", &[21]),
    ("transaction.version", &[24, 24]),
    ("group.version", &[22]),
    ("eligible.leader.replicas.version", &[26]),
    ("share.version", &[28]),
    ("streams.version", &[29]),
];

#[derive(Debug)]
struct Features {
    arguments: Arguments,
    files: Files,
}

/// Reads the tool's arguments.
pub(super) fn read(args: &[String], files: &Files) -> Result<Arc<dyn Program>, Refusal> {
    Ok(Arc::new(Features { arguments: GRAMMAR.read(args)?, files: files.clone() }))
}

impl Program for Features {
    fn configure(&self, config: &mut AdminConfig) -> Result<(), Throwable> {
        match self.arguments.one("--command-config") {
            Some(path) => set_up(config, &properties(self.files.read(path)?)),
            None => Ok(()),
        }
    }

    fn run(&self, admin: &mut Admin<'_, '_>, out: &mut Out) -> Step<i32> {
        match self.arguments.command {
            "describe" => describe(admin, out)?,
            "version-mapping" => self.version_mapping(out)?,
            "feature-dependencies" => self.feature_dependencies(out)?,
            "disable" => {
                let updates = self.disabled()?;
                self.update("disable", updates, admin, out)?;
            }
            operation => {
                let updates = self.updates(operation, out)?;
                self.update(operation, updates, admin, out)?;
            }
        }
        Ok(0)
    }

    fn failed(&self, thrown: &Throwable, _: i64, out: &mut Out) -> i32 {
        out.error_line(thrown.message());
        1
    }
}

fn describe(admin: &mut Admin<'_, '_>, out: &mut Out) -> Step<()> {
    let features = future(admin.describe_features())?;
    let epoch = features.epoch.map_or("-".to_owned(), |epoch| epoch.to_string());
    for (name, (min, max)) in &features.supported {
        let finalized = features.finalized.get(name).copied().unwrap_or(0);
        let (min, max, level) = (level_text(name, *min), level_text(name, *max), level_text(name, finalized));
        let supported = format!("SupportedMinVersion: {min}\tSupportedMaxVersion: {max}");
        out.line(format_args!("Feature: {name}\t{supported}\tFinalizedVersionLevel: {level}\tEpoch: {epoch}"));
    }
    Ok(())
}

/// A level as it is shown: that of `metadata.version` by its name.
fn level_text(feature: &str, level: i16) -> String {
    match feature == MetadataVersion::FEATURE {
        true => metadata_version_name(level).unwrap_or_else(|| format!("UNKNOWN {level}")),
        false => level.to_string(),
    }
}

fn metadata_version_name(level: i16) -> Option<String> {
    let known = MetadataVersion::MINIMUM.0..=MetadataVersion::LATEST.0;
    known.contains(&level).then(|| MetadataVersion(level).to_string())
}

/// The level that a release or a name of `metadata.version` stands for (`MetadataVersion.fromVersionString`): `4.0` is
/// the last of `4.0-IV0` …, `4.0.1` too.
fn metadata_version(text: &str) -> Option<MetadataVersion> {
    let mut segments = text.splitn(3, '.');
    let key = match (segments.next(), segments.next()) {
        (Some(major), Some(minor)) => format!("{major}.{minor}"),
        _ => text.to_owned(),
    };
    let levels = (MetadataVersion::MINIMUM.0..=MetadataVersion::LATEST.0).rev().map(MetadataVersion);
    let stands_for = |version: &MetadataVersion| {
        let name = version.to_string();
        name == key || name.split_once("-IV").is_some_and(|(release, _)| release == key)
    };
    levels.into_iter().find(stands_for)
}

/// A feature's level in a cluster of this metadata version (`Feature.defaultLevel`).
fn default_level(since: &[i16], version: MetadataVersion) -> i16 {
    since.iter().filter(|level| **level <= version.0).count() as i16
}

impl Features {
    fn version_mapping(&self, out: &mut Out) -> Result<(), Throwable> {
        let latest = MetadataVersion::LATEST.to_string();
        let release = self.arguments.one("--release-version").unwrap_or(&latest);
        let version = metadata_version(release).ok_or_else(|| {
            let range = format!("{} to {latest}", MetadataVersion::MINIMUM);
            Throwable::new(TERSE, format!("Unknown release version '{release}'. Supported versions are: {range}"))
        })?;
        out.line(format_args!("metadata.version={} ({release})", version.0));
        for (name, since) in FEATURES {
            out.line(format_args!("{name}={}", default_level(since, version)));
        }
        Ok(())
    }

    fn feature_dependencies(&self, out: &mut Out) -> Result<(), Throwable> {
        for text in self.arguments.all("--feature") {
            let (name, level) = name_and_level(text)?;
            if name == MetadataVersion::FEATURE {
                let version = metadata_version_name(level)
                    .ok_or_else(|| Throwable::new(TERSE, format!("Unknown metadata.version {level}")))?;
                out.line(format_args!("{name}={level} ({version}) has no dependencies."));
                continue;
            }
            let found = FEATURES.iter().find(|(known, _)| *known == name);
            let (_, since) = found.ok_or_else(|| Throwable::new(TERSE, format!("Unknown feature: {name}")))?;
            if level < 0 || level as usize > since.len() {
                let message = format!("No feature:{name} with feature level {level}");
                return Err(Throwable::new(Throwable::ILLEGAL_ARGUMENT, message));
            }
            // Eligible leader replicas are the only ones that need something: the records that hold them.
            if name == "eligible.leader.replicas.version" && level == 1 {
                out.line(format_args!("{name}={level} requires:"));
                out.line("    metadata.version=23 (4.0-IV1)");
            } else {
                out.line(format_args!("{name}={level} has no dependencies."));
            }
        }
        Ok(())
    }

    fn downgrade_type(&self) -> UpgradeType {
        if self.arguments.has("--unsafe") { UpgradeType::UnsafeDowngrade } else { UpgradeType::SafeDowngrade }
    }

    /// What `upgrade` or `downgrade` shall do, by feature.
    fn updates(&self, operation: &str, out: &mut Out) -> Result<Vec<FeatureUpdate>, Throwable> {
        let kind = if operation == "upgrade" { UpgradeType::Upgrade } else { self.downgrade_type() };
        let (metadata, release) = (self.arguments.one("--metadata"), self.arguments.one("--release-version"));
        if release.is_some() && (metadata.is_some() || self.arguments.has("--feature")) {
            return Err(Throwable::new(TERSE, "Can not specify `release-version` with other feature flags."));
        }
        let mut updates = Vec::new();
        if let Some(release) = release {
            let version = known_version(release)?;
            updates.push(update(MetadataVersion::FEATURE, version.0, kind));
            for (name, since) in FEATURES {
                let level = default_level(since, version);
                if kind != UpgradeType::Upgrade || level > 0 {
                    updates.push(update(name, level, kind));
                }
            }
            return Ok(updates);
        }
        if let Some(metadata) = metadata {
            out.line(" `metadata` flag is deprecated and may be removed in a future release.");
            updates.push(update(MetadataVersion::FEATURE, known_version(metadata)?.0, kind));
        }
        for text in self.arguments.all("--feature") {
            let (name, level) = name_and_level(text)?;
            add(&mut updates, update(&name, level, kind))?;
        }
        Ok(updates)
    }

    fn disabled(&self) -> Result<Vec<FeatureUpdate>, Throwable> {
        let mut updates = Vec::new();
        for name in self.arguments.all("--feature") {
            add(&mut updates, update(name, 0, self.downgrade_type()))?;
        }
        Ok(updates)
    }

    fn update(
        &self,
        operation: &str,
        updates: Vec<FeatureUpdate>,
        admin: &mut Admin<'_, '_>,
        out: &mut Out,
    ) -> Step<()> {
        if updates.is_empty() {
            return Err(Throwable::new(TERSE, format!("You must specify at least one feature to {operation}")).into());
        }
        let dry_run = self.arguments.has("--dry-run");
        let by_name = updates.into_iter().map(|update| (update.feature.clone(), update)).collect();
        let updates: Vec<FeatureUpdate> = hash_order(by_name).into_iter().map(|(_, update)| update).collect();
        let results = match caught(admin.update_features(&updates, dry_run))? {
            Ok(results) => results,
            Err(why) => vec![Some(why); updates.len()],
        };
        let results: SortedMap<&str, (i16, Option<Throwable>)> =
            updates.iter().zip(results).map(|(update, why)| (update.feature.as_str(), (update.level, why))).collect();
        let failures = results.values().filter(|(_, why)| why.is_some()).count();
        for (name, (level, why)) in results {
            let disables = operation == "disable";
            match why {
                Some(why) => {
                    let helper = if dry_run { "Can not" } else { "Could not" };
                    let to = if disables { String::new() } else { format!(" to {level}") };
                    out.line(format_args!("{helper} {operation} {name}{to}. {}", why.message()));
                }
                None => {
                    let verb = if dry_run { "can be" } else { "was" };
                    let done = if disables { "disabled.".to_owned() } else { format!("{operation}d to {level}.") };
                    out.line(format_args!("{name} {verb} {done}"));
                }
            }
        }
        if failures == 0 {
            return Ok(());
        }
        Err(Throwable::new(TERSE, format!("{failures} out of {} operation(s) failed.", updates.len())).into())
    }
}

fn update(feature: &str, level: i16, kind: UpgradeType) -> FeatureUpdate {
    FeatureUpdate { feature: feature.to_owned(), level, kind }
}

fn add(updates: &mut Vec<FeatureUpdate>, update: FeatureUpdate) -> Result<(), Throwable> {
    if updates.iter().any(|known| known.feature == update.feature) {
        let message = format!("Feature {} was specified more than once.", update.feature);
        return Err(Throwable::new(Throwable::RUNTIME, message));
    }
    updates.push(update);
    Ok(())
}

fn known_version(text: &str) -> Result<MetadataVersion, Throwable> {
    metadata_version(text).ok_or_else(|| {
        let levels = (MetadataVersion::MINIMUM.0..=MetadataVersion::LATEST.0).map(MetadataVersion);
        let names: Vec<String> = levels.map(|version| version.to_string()).collect();
        let supported = format!("Supported metadata.version are {}", names.join(", "));
        Throwable::new(TERSE, format!("Unknown metadata.version {text}. {supported}"))
    })
}

/// `feature=level`.
fn name_and_level(text: &str) -> Result<(String, i16), Throwable> {
    let wrong =
        |why: String| Throwable::new(Throwable::RUNTIME, format!("Can't parse feature=level string {text}: {why}"));
    let (name, level) = text.split_once('=').ok_or_else(|| wrong("equals sign not found.".into()))?;
    let level = level.trim();
    let parsed = parse_short(level).map_err(|_| wrong(format!("unable to parse {level} as a short.")))?;
    Ok((name.trim().to_owned(), parsed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_stand_for_their_last_level() {
        let level = |text: &str| metadata_version(text).map(|version| version.0);
        assert_eq!(level("4.1"), Some(27));
        assert_eq!(level("4.0"), Some(25));
        assert_eq!(level("3.9"), Some(21));
        assert_eq!(level("4.0.1"), Some(25));
        assert_eq!(level("3.7-IV2"), Some(17));
        assert_eq!(level("9.9"), None);
    }
}
