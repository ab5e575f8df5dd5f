//! Which configs there are, and whether what somebody types would do: asked of the worker, which knows Kafka's
//! definitions and the script language; the page knows neither.

use super::client_configs;
use super::settings::Owner;
use crate::base::Sort;
use crate::cluster::config_defs::{self, Scope};
use crate::script::{Line, Statement};
use crate::sim::{Command, World};
use serde::{Deserialize, Serialize};

/// The configs that can be set on an owner, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalogue {
    /// Whose.
    pub owner: Owner,
    /// The configs.
    pub configs: Vec<KnownConfig>,
}

/// A config that Kafka knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownConfig {
    /// Its name.
    pub name: String,
    /// Its type, as Kafka writes it.
    pub kind: String,
    /// Its default; a few have none.
    pub default: Option<String>,
    /// What it means; none when it changes nothing here.
    pub meaning: Option<String>,
    /// Why it cannot be set on this owner while the cluster runs, if it cannot (KIP-226).
    pub fixed: Option<String>,
}

/// Whether what somebody types would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// What was typed: a line of the script language, or `name=value`.
    pub text: String,
    /// What is wrong with it.
    pub wrong: Option<String>,
    /// Whether it would change what happens.
    pub changes: bool,
}

impl Catalogue {
    /// The configs of an owner.
    pub fn of(owner: &Owner) -> Self {
        let mut configs: Vec<KnownConfig> = match owner {
            Owner::Topic(_) => config_defs::topic_configs()
                .iter()
                .map(|key| KnownConfig {
                    name: key.name.into(),
                    kind: format!("{:?}", key.kind),
                    default: key.default.map(Into::into),
                    meaning: config_defs::topic_config_meaning(key.name).map(Into::into),
                    fixed: None,
                })
                .collect(),
            Owner::Broker(_) | Owner::Brokers => config_defs::broker_configs()
                .iter()
                .map(|key| KnownConfig {
                    name: key.name.into(),
                    kind: format!("{:?}", key.kind),
                    default: key.default.map(Into::into),
                    meaning: config_defs::broker_config_meaning(key.name).map(Into::into),
                    fixed: fixed(key.scope, owner).map(Into::into),
                })
                .collect(),
            Owner::Producer(_) => client_configs::known(true),
            Owner::Consumer(_) => client_configs::known(false),
        };
        configs.retain(|config| !config.name.starts_with("internal."));
        configs.order_by(|a, b| a.name.cmp(&b.name));
        Self { owner: owner.clone(), configs }
    }
}

fn fixed(scope: Scope, owner: &Owner) -> Option<&'static str> {
    match (scope, owner) {
        (Scope::ReadOnly, _) => Some("read-only: it is set in the broker’s file, before the start"),
        (Scope::PerBroker, Owner::Brokers) => Some("per broker only"),
        _ => None,
    }
}

impl Verdict {
    /// Of a config's value, in Kafka's words.
    pub fn of_value(world: &World, owner: &Owner, name: &str, value: &str) -> Self {
        let checked = match owner {
            Owner::Topic(_) => config_defs::topic_config(name).map(|key| key.check(value)),
            Owner::Broker(_) | Owner::Brokers => config_defs::broker_config(name).map(|key| key.check(value)),
            Owner::Producer(_) | Owner::Consumer(_) => Some(of_client(world, &owner.set_line(name, value))),
        };
        let wrong = checked.unwrap_or_else(|| Err(format!("Kafka knows no config {name} here"))).err();
        Self { text: format!("{name}={value}"), wrong, changes: true }
    }

    /// Of a line of the script language. One that is not understood changes nothing.
    pub fn of_line(line: &str) -> Self {
        let looks = |kind: &Statement| {
            matches!(kind, Statement::Run(_) | Statement::RunUntil { .. } | Statement::Show(_) | Statement::Status)
        };
        let (wrong, changes) = match Line::parse(line) {
            Ok(line) => (None, !looks(&line.kind)),
            Err(error) => (Some(error.message), false),
        };
        Self { text: line.to_owned(), wrong, changes }
    }
}

/// Whether a client could be started again as a line says.
fn of_client(world: &World, line: &str) -> Result<(), String> {
    match Line::parse(line).map_err(|error| error.message)?.kind {
        Statement::Change(Command::Restart(restart)) => {
            world.check_restart(&restart).map_err(|error| error.to_string())
        }
        other => panic!("a client's configs are set by `restart`: {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SimTime;
    use crate::session::Session;

    fn config(catalogue: &Catalogue, name: &str) -> KnownConfig {
        catalogue.configs.iter().find(|config| config.name == name).expect("Kafka knows it").clone()
    }

    #[test]
    fn what_can_be_set_where() {
        let topic = Catalogue::of(&Owner::Topic("orders".into()));
        let segment = config(&topic, "segment.bytes");
        assert_eq!((segment.kind.as_str(), segment.default.as_deref()), ("Int", Some("1073741824")));
        assert!(segment.meaning.is_some() && segment.fixed.is_none());
        assert_eq!(config(&topic, "retention.ms").meaning, None);
        let (one, all) = (Catalogue::of(&Owner::Broker(1)), Catalogue::of(&Owner::Brokers));
        assert!(config(&one, "log.segment.bytes").fixed.is_none());
        assert!(config(&one, "node.id").fixed.is_some_and(|why| why.starts_with("read-only")));
        let listener = |of: &Catalogue| config(of, "ssl.keystore.location").fixed;
        assert_eq!((listener(&one), listener(&all).as_deref()), (None, Some("per broker only")));
        assert!(one.configs.is_sorted_by(|a, b| a.name < b.name));
        assert!(one.configs.iter().all(|config| !config.name.starts_with("internal.")));
        let producer = Catalogue::of(&Owner::Producer("p1".into()));
        let linger = config(&producer, "linger.ms");
        assert_eq!((linger.kind.as_str(), linger.default.as_deref()), ("Long", Some("5")));
        assert!(config(&producer, "--rate").meaning.is_some());
        let consumer = Catalogue::of(&Owner::Consumer("c1".into()));
        assert_eq!(config(&consumer, "enable.auto.commit").default.as_deref(), Some("true"));
    }

    #[test]
    fn what_is_typed_is_judged() {
        let (orders, brokers) = (Owner::Topic("orders".into()), Owner::Brokers);
        let script = "producer p --topic orders --rate 5/s\nconsumer c --topic orders --group g\n";
        let mut session = Session::start(script, 1).expect("the script is right");
        session.advance_to(SimTime(9_000_000));
        let of_value = |owner: &Owner, name: &str, value: &str| {
            Verdict::of_value(session.world(), owner, name, value).wrong.unwrap_or_default()
        };
        assert_eq!(of_value(&orders, "segment.bytes", "2097152"), "");
        assert_ne!(of_value(&orders, "segment.bytes", "many"), "");
        assert_ne!(of_value(&brokers, "no.such.config", "1"), "");
        let (producer, consumer) = (Owner::Producer("p".into()), Owner::Consumer("c".into()));
        assert_eq!(of_value(&producer, "linger.ms", "50"), "");
        assert_eq!(of_value(&producer, "--rate", "9/s"), "");
        assert!(of_value(&producer, "--rate", "soon").contains("no rate"));
        assert!(of_value(&producer, "linger.ms", "soon").contains("Not a number of type LONG"));
        assert!(of_value(&consumer, "session.timeout.ms", "1000").contains("Heartbeat must be set lower"));
        assert_eq!(of_value(&Owner::Producer("q".into()), "linger.ms", "50"), "there is no producer q");
        let crash = Verdict::of_line("crash broker 1");
        assert_eq!((crash.wrong, crash.changes), (None, true));
        assert!(!Verdict::of_line("show leader(orders-0)").changes && !Verdict::of_line("run 1s").changes);
        let nonsense = Verdict::of_line("crush broker 1");
        assert!(nonsense.wrong.is_some() && !nonsense.changes);
    }
}
