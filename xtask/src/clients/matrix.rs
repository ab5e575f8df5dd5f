//! Which clients there are, which scenarios, and which client plays which.

use super::install::{self, Client};
use super::suites::{self, Suite};

/// Something that a client does to a cluster of its own.
pub struct Scenario {
    pub name: &'static str,
    /// What the client does, for the table.
    pub what: &'static str,
}

/// The cluster of every run: three brokers, a topic of three partitions to be read, and one of one partition to be
/// written to while something goes wrong.
const CLUSTER: &str = "\
cluster --brokers 3 --set group.initial.rebalance.delay.ms=0
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

pub const SCENARIOS: [Scenario; 22] = [
    scenario("metadata", "finds every broker at its port, and a topic's leaders and replicas"),
    scenario("create-topics", "creates a topic; is refused when it does so again"),
    scenario("auto-create", "writes to a topic that is not there, which creates it"),
    scenario("produce-fetch", "writes records with keys and headers, without keys, without values; reads them all"),
    scenario("acks", "writes with acks=0, 1 and all"),
    scenario("list-offsets", "asks for the first and the last offset and for those of timestamps"),
    scenario("compression", "writes and reads with every codec that it has"),
    scenario("large", "writes and reads records of 900,000 bytes; is refused one of 1,500,000"),
    scenario("idempotence", "writes while the leader dies: every record is there once, in order"),
    scenario("leader-crash", "writes while the leader dies: nothing that was acknowledged is lost"),
    scenario("leader-stop", "writes while the leader stops in good order"),
    scenario("leader-pause", "writes while the leader stands still for a second"),
    scenario("leader-cut", "writes while for two seconds nothing passes between it and the leader"),
    scenario("reset", "writes while its connections break again and again"),
    scenario("group", "reads in a group and commits; a later member goes on from there"),
    scenario("rebalance", "two members share a topic's partitions; what one has when it leaves, the other gets"),
    scenario("group-leader-crash", "two members read all that is written while a leader dies, and commit the end"),
    scenario("group-coordinator-crash", "the same while their coordinator dies"),
    scenario("group-pause", "the same while their coordinator stands still for a second"),
    scenario("group-cut", "the same while for two seconds nothing passes between them and their coordinator"),
    scenario(
        "group-reset",
        "the same while the connections to their coordinator and another broker break again and again",
    ),
    scenario("admin", "lists, describes and deletes groups; changes a config; adds partitions; deletes a topic"),
];

const NO_GROUPS: &str = "it has no groups";
const NO_ADMIN: &str = "it has no such call";
const NO_TRANSACTIONS: &str = "transactions are not built yet";
const NO_DELETE_RECORDS: &str = "DeleteRecords is not built yet";

pub const CLIENTS: [Client; 6] = [
    Client {
        name: "kcat",
        version: "kcat 1.7.1 on librdkafka 2.0.2 (Debian 12)",
        install: install::kcat,
        is_quick: true,
        lacks: &[("create-topics", NO_ADMIN), ("admin", NO_ADMIN)],
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
    Client { name: "KafkaJS", version: "kafkajs 2.2.4 (npm)", install: install::kafkajs, is_quick: true, lacks: &[] },
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
            ("rebalance", NO_GROUPS),
            ("group-leader-crash", NO_GROUPS),
            ("group-coordinator-crash", NO_GROUPS),
            ("group-pause", NO_GROUPS),
            ("group-cut", NO_GROUPS),
            ("group-reset", NO_GROUPS),
            ("admin", NO_ADMIN),
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

/// The clients' own tests.
pub const SUITES: [Suite; 3] = [
    Suite {
        name: "rskafka",
        version: "the tests in the crate rskafka 0.6.0",
        script: "cluster --brokers 1 --controllers combined --set auto.create.topics.enable=false\n",
        prepare: suites::rskafka,
        environment: suites::rskafka_environment,
        passes: 56,
        fails: &[
            ("client::test_delete_records", NO_DELETE_RECORDS),
            ("consumer::test_stream_consumer_start_at_earliest_after_deletion", NO_DELETE_RECORDS),
        ],
    },
    Suite {
        name: "rdkafka",
        version: "the tests in the crate rdkafka 0.39.0, on librdkafka 2.12.1",
        script: "cluster --brokers 1 --controllers combined --first-id 0 --set num.partitions=3\n\
                 broker 0 --host localhost --port 9092\n",
        prepare: suites::rdkafka,
        environment: suites::rdkafka_environment,
        passes: 48,
        fails: &[
            ("test_admin::test_delete_records", NO_DELETE_RECORDS),
            ("test_transactions::test_transaction_abort", NO_TRANSACTIONS),
            ("test_transactions::test_transaction_commit", NO_TRANSACTIONS),
        ],
    },
    Suite {
        name: "kafka-python",
        version: "the tests in the source distribution of kafka-python 3.0.12",
        script: "cluster --brokers 1 --controllers combined --first-id 0 --set num.partitions=4 \
                 --set group.min.session.timeout.ms=3000 --set group.initial.rebalance.delay.ms=0\n",
        prepare: suites::kafka_python,
        environment: suites::kafka_python_environment,
        passes: 48,
        fails: &[
            ("test_admin_integration::test_alter_partition_reassignments", "reassignment is not built yet"),
            ("test_admin_integration::test_alter_replica_log_dirs", "moves between log directories are not built yet"),
            ("test_admin_integration::test_create_describe_delete_acls", "ACLs are not built yet"),
            ("test_admin_integration::test_delete_records", NO_DELETE_RECORDS),
            ("test_admin_integration::test_delete_records_with_errors", NO_DELETE_RECORDS),
            ("test_producer_integration::test_transactional_producer_messages", NO_TRANSACTIONS),
            ("test_producer_integration::test_transactional_producer_offsets", NO_TRANSACTIONS),
            ("test_ssl_integration::TestSSLConnection::test_legacy_kafka_client_ssl", "it starts a broker with TLS"),
            ("test_ssl_integration::TestSSLConnection::test_ssl_handshake", "it starts a broker with TLS"),
        ],
    },
];

pub fn suite_names() -> Vec<&'static str> {
    SUITES.iter().map(|suite| suite.name).collect()
}

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

    /// The table of the suites, and the tests that fail.
    fn suites() -> String {
        let mut text = String::from("| suite | what runs | pass | fail |\n|---|---|---|---|\n");
        for Suite { name, version, passes, fails, .. } in &SUITES {
            text += &format!("| {name} | {version} | {passes} | {} |\n", fails.len());
        }
        text += "\n";
        for suite in &SUITES {
            for (test, reason) in suite.fails {
                text += &format!("- {}, `{test}`: {reason}\n", suite.name);
            }
        }
        text
    }

    fn document() -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(DOCUMENT);
        fs::read_to_string(path).expect("the document is there")
    }

    #[test]
    fn the_document_has_the_tables_of_the_code() {
        for table in [tables(), suites()] {
            assert!(document().contains(&table), "{DOCUMENT} must have this:\n\n{table}");
        }
    }

    /// The figures of the last benchmark in the document are what the gateway is to reach.
    #[test]
    fn the_benchmark_in_the_document_is_good_enough() {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/clients/bench.py");
        let program = fs::read_to_string(program).expect("the benchmark is there");
        let document = document();
        let head = document.lines().find(|line| line.starts_with("| cluster | records/s written"));
        assert!(program.contains(head.expect("the benchmark's table")), "the table is what the program prints");
        let row = |name: &str| -> Vec<f64> {
            let line = document.lines().find(|line| line.starts_with(&format!("| {name} |")));
            let cells = line.unwrap_or_else(|| panic!("a row of {name}")).split('|').skip(2);
            let digits = |cell: &str| cell.chars().filter(|c| c.is_ascii_digit() || *c == '.').collect::<String>();
            cells.map(|cell| digits(cell).parse().unwrap_or(f64::NAN)).collect()
        };
        let (one, three) = (row("gateway, RF 1"), row("gateway, RF 3"));
        let (real, mock) = (row("a real broker, RF 1"), row("librdkafka's mock, RF 1"));
        let (written, read, first_answer_ms, memory) = (0, 2, 4, 5);
        assert!(one[written] >= real[written] && one[read] >= real[read], "as fast as a real broker");
        assert!(one[written] >= 0.5 * mock[written]);
        assert!(three[written] >= 0.4 * one[written]);
        assert!(one[first_answer_ms] < 100.0 && three[first_answer_ms] < 100.0);
        assert!(one[memory] <= 1.5 && three[memory] <= 1.5);
        assert!(row("kfake, RF 1")[written] > 0.0);
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
