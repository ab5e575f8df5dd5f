//! `kafka-configs.sh` (`ConfigCommand`).

mod alter;
mod describe;
mod entity;

use super::files::{Files, command_config, set_up};
use super::options::{BOOTSTRAP_SERVER, COMMAND_CONFIG, HELP, Options, Spec, Unreadable, VERSION, switch, valued};
use super::out::{Out, ToolOutput};
use super::topics::unreadable;
use super::{NotBuilt, Program, Refusal};
use crate::client::admin::{Admin, AdminConfig, Step, Throwable};
use crate::wire::ErrorCode;
use entity::Entity;
use std::sync::Arc;

const OPTIONS: &[Spec] = &[
    valued("add-config", "<String: k1=v1,k2=[v1,v2]>", "Configs to set."),
    valued("add-config-file", "<String>", "A file of configs to set; /dev/stdin is what `<<END` brings."),
    switch("all", "With --describe: all configs, those that are not set too."),
    switch("alter", "Change configs."),
    valued("bootstrap-controller", "<String>", "The controllers to connect to.").unbuilt(),
    BOOTSTRAP_SERVER,
    valued("broker", "<String>", "The broker with this id."),
    switch("broker-defaults", "All brokers."),
    valued("broker-logger", "<String>", "The loggers of the broker with this id."),
    valued("client", "<String>", "The client with this id."),
    switch("client-defaults", "All clients."),
    valued("client-metrics", "<String>", "The client-metrics subscription of this name."),
    COMMAND_CONFIG,
    valued("delete-config", "<String: k1,k2>", "Configs to unset."),
    switch("describe", "Show configs."),
    switch("entity-default", "All brokers, clients, users or addresses."),
    valued("entity-name", "<String>", "The name of the entity."),
    valued(
        "entity-type",
        "<String>",
        "topics, brokers, broker-loggers, groups, client-metrics, clients, users or ips.",
    ),
    valued("group", "<String>", "The group with this id."),
    HELP,
    valued("ip", "<String>", "The address."),
    switch("ip-defaults", "All addresses."),
    valued("topic", "<String>", "The topic of this name."),
    valued("user", "<String>", "The user of this name."),
    switch("user-defaults", "All users."),
    VERSION,
];

const ABOUT: &str = "This tool helps to manipulate and describe entity config for a topic, client, user, broker, ip, \
                     client-metrics or group";

#[derive(Debug)]
struct Configs {
    options: Options,
    files: Files,
    entity: Entity,
    /// The arguments as they were given, which the tool repeats when it fails.
    args: String,
}

/// Reads the tool's arguments.
pub(super) fn read(args: &[String], files: &Files) -> Result<Arc<dyn Program>, Refusal> {
    let options = Options::read(OPTIONS, args).map_err(|why| match why {
        Unreadable::Refused(thrown) => Refusal::Ends(refused(thrown.message())),
        unbuilt => unreadable(unbuilt),
    })?;
    options.help_or_version(ABOUT).map_or(Ok(()), Err)?;
    if options.has("alter") == options.has("describe") {
        return Err(options.usage("Command must include exactly one action: --describe, --alter").into());
    }
    options.invalid("describe", &["alter", "add-config", "delete-config"])?;
    let entities = entity::checked(&options).map_err(|message| refused(&message))?;
    if let Some(missing) = unbuilt_entity(&entities, args) {
        return Err(Refusal::NotBuilt(missing));
    }
    if options.has("alter") && entities.names.len() != entities.kinds.len() {
        return Err(refused("An entity name must be specified for every entity type").into());
    }
    let kind = entities.kinds[0].clone();
    let entity = Entity { kind, name: entities.names.into_iter().next() };
    Ok(Arc::new(Configs { options, files: files.clone(), entity, args: args.join(" ") }))
}

fn refused(message: &str) -> ToolOutput {
    ToolOutput { stdout: String::new(), stderr: format!("{message}\n"), exit: 1 }
}

/// Quotas and credentials are configs of entities that this build does not have.
fn unbuilt_entity(entities: &entity::Entities, args: &[String]) -> Option<NotBuilt> {
    let kind = entities.kinds.iter().find(|kind| matches!(kind.as_str(), "users" | "clients" | "ips"))?;
    let singular = kind.trim_end_matches('s');
    let named = |word: &&String| **word == *kind || word.starts_with(&format!("--{singular}"));
    let argument = args.iter().position(|word| named(&word));
    Some(NotBuilt { argument, what: format!("what `{kind}` have, quotas and credentials,") })
}

impl Program for Configs {
    fn configure(&self, config: &mut AdminConfig) -> Result<(), Throwable> {
        set_up(config, &command_config(&self.options, "command-config", &self.files)?)
    }

    fn run(&self, admin: &mut Admin<'_, '_>, out: &mut Out) -> Step<i32> {
        match self.options.has("alter") {
            true => alter::alter(self, admin, out)?,
            false => describe::describe(self, admin, out)?,
        }
        Ok(0)
    }

    fn failed(&self, thrown: &Throwable, _: i64, out: &mut Out) -> i32 {
        // An `InvalidTopicException` is an `InvalidConfigurationException` too.
        let plain = thrown.class() == Throwable::ILLEGAL_ARGUMENT
            || thrown.class().starts_with("joptsimple.")
            || thrown.is(ErrorCode::INVALID_CONFIG)
            || thrown.is(ErrorCode::INVALID_TOPIC_EXCEPTION)
            || thrown.is(ErrorCode::UNSUPPORTED_VERSION);
        if plain {
            out.error_line(thrown.message());
        } else {
            out.error_line(format_args!("Error while executing config command with args '{}'", self.args));
            out.error(thrown.stack_trace());
        }
        1
    }
}
