//! Which clients there are, which scenarios, and which client plays which.

use super::install::{self, Client};

/// Something that a client does to a cluster of its own.
pub struct Scenario {
    pub name: &'static str,
    /// What the client does, for the table.
    pub what: &'static str,
}

/// The cluster of every run: three brokers, a topic of three partitions to be read, and one of one partition to be
/// written to while something goes wrong.
const CLUSTER: &str = "\
cluster --brokers 3
kafka-topics.sh --create --topic ready --partitions 3 --replication-factor 3
kafka-topics.sh --create --topic faulty --partitions 1 --replication-factor 3
";

/// The script of the cluster that a scenario is played on.
pub fn script(scenario: &Scenario) -> String {
    format!("> # {}\n{CLUSTER}", scenario.name)
}

const fn scenario(name: &'static str, what: &'static str) -> Scenario {
    Scenario { name, what }
}

pub const SCENARIOS: [Scenario; 15] = [
    scenario("metadata", "finds every broker at its port, and a topic's leaders and replicas"),
    scenario("create-topics", "creates a topic; is refused when it does so again"),
    scenario("auto-create", "writes to a topic that is not there, which creates it"),
    scenario("produce-fetch", "writes records with keys and headers, without keys, without values; reads them all"),
    scenario("acks", "writes with acks=0, 1 and all"),
    scenario("list-offsets", "asks for the first and the last offset and for those of timestamps"),
    scenario("compression", "writes and reads with every codec that it has"),
    scenario("large", "writes and reads records of 900,000 bytes; is refused one of 1,500,000"),
    scenario("idempotence", "writes while the leader dies: every record is there once, in order"),
    scenario("group", "reads as two members of a group: each has a share, one leaves, and the other has all"),
    scenario("coordinator-crash", "reads as a member of a group while its coordinator dies: it reads on and commits"),
    scenario("leader-crash", "writes while the leader dies: nothing that was acknowledged is lost"),
    scenario("leader-stop", "writes while the leader stops in good order"),
    scenario("leader-pause", "writes while the leader stands still for a second"),
    scenario("reset", "writes while its connections break again and again"),
];

const NO_GROUPS: &str = "it knows no groups";
const NO_ADMIN: &str = "it has no such call";

pub const CLIENTS: [Client; 6] = [
    Client {
        name: "kcat",
        version: "kcat 1.7.1 on librdkafka 2.0.2 (Debian 12)",
        install: install::kcat,
        is_quick: true,
        lacks: &[("create-topics", NO_ADMIN)],
    },
    Client {
        name: "confluent-kafka",
        version: "confluent-kafka 2.16.1 on librdkafka (PyPI)",
        install: install::confluent,
        is_quick: true,
        lacks: &[],
    },
    Client {
        name: "kafka-python",
        version: "kafka-python 3.0.12 (PyPI)",
        install: install::kafka_python,
        is_quick: true,
        lacks: &[],
    },
    Client {
        name: "KafkaJS",
        version: "kafkajs 2.2.4 (npm)",
        install: install::kafkajs,
        is_quick: true,
        lacks: &[("idempotence", "its idempotent producer is an experiment")],
    },
    Client {
        name: "rskafka",
        version: "rskafka 0.6.0 (crates.io)",
        install: install::rskafka,
        is_quick: true,
        lacks: &[
            ("auto-create", NO_ADMIN),
            ("acks", "it always writes with acks=all"),
            ("idempotence", "it has no idempotent producer"),
            ("group", NO_GROUPS),
            ("coordinator-crash", NO_GROUPS),
        ],
    },
    Client {
        name: "Kafka's Java tools",
        version: "kafka-clients and kafka-tools 4.1.1 (Maven Central)",
        install: install::java,
        is_quick: false,
        lacks: &[],
    },
];

pub fn client_names() -> Vec<&'static str> {
    CLIENTS.iter().map(|client| client.name).collect()
}

pub fn scenario_names() -> Vec<&'static str> {
    SCENARIOS.iter().map(|scenario| scenario.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    const DOCUMENT: &str = "docs/CLIENTS.md";

    /// The tables that the document must have.
    fn tables() -> String {
        let mut text = String::from("| client | what runs |\n|---|---|\n");
        for Client { name, version, .. } in &CLIENTS {
            text += &format!("| {name} | {version} |\n");
        }
        let mut reasons: Vec<&str> = Vec::new();
        text += &format!("\n| scenario | {} |\n|---|{}\n", client_names().join(" | "), "---|".repeat(CLIENTS.len()));
        for Scenario { name, what } in &SCENARIOS {
            text += &format!("| **{name}**: {what} |");
            for client in &CLIENTS {
                let mark = match client.lacks.iter().find(|(lacking, _)| lacking == name) {
                    None => "✓".to_owned(),
                    Some((_, reason)) => {
                        let known = reasons.iter().position(|known| known == reason);
                        let at = known.unwrap_or_else(|| {
                            reasons.push(reason);
                            reasons.len() - 1
                        });
                        format!("– ({})", at + 1)
                    }
                };
                text += &format!(" {mark} |");
            }
            text.push('\n');
        }
        text.push('\n');
        for (at, reason) in reasons.iter().enumerate() {
            text += &format!("{}. {reason}\n", at + 1);
        }
        text
    }

    #[test]
    fn the_document_has_the_tables_of_the_code() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(DOCUMENT);
        let document = fs::read_to_string(path).expect("the document is there");
        assert!(document.contains(&tables()), "{DOCUMENT} must have these tables:\n\n{}", tables());
    }

    #[test]
    fn what_a_client_lacks_is_a_scenario() {
        for client in &CLIENTS {
            for (lacking, _) in client.lacks {
                assert!(scenario_names().contains(lacking), "{}: {lacking}", client.name);
            }
        }
    }

    #[test]
    fn the_versions_are_those_that_are_installed() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/clients");
        let read = |name: &str| fs::read_to_string(folder.join(name)).expect("a file of the clients");
        let (python, rust, java) = (read("requirements.txt"), read("rskafka/Cargo.toml"), read("pom.xml"));
        for (name, pinned) in [
            ("confluent-kafka", python.contains("confluent-kafka==2.16.1")),
            ("kafka-python", python.contains("kafka-python==3.0.12")),
            ("KafkaJS", install::KAFKAJS == "kafkajs@2.2.4"),
            ("rskafka", rust.contains("rskafka = { version = \"=0.6.0\"")),
            ("Kafka's Java tools", java.contains("<version>4.1.1</version>")),
        ] {
            assert!(pinned && client_names().contains(&name), "{name}");
        }
    }
}
