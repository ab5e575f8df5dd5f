//! `replica_placement_kraft_striped`: inputs of the placer with the random generator of Kafka's tests.

use super::{MockRandom, ints};
use crate::{int, same, text};
use kafka_terrarium::cluster::{UsableBroker, place_replicas};
use serde_json::Value;

pub(crate) fn check(entry: &Value) -> Result<(), String> {
    let input = &entry["input"];
    let either = |a: &str, b: &str| if input[a].is_null() { input[b].clone() } else { input[a].clone() };
    // Kafka's own tests start at `MockRandom:17`, the executed entries at a state that they give.
    let mut random = MockRandom(match &input["mock_random_initial_state"] {
        Value::Null => text(&input["random_state_before"]).trim_start_matches("MockRandom:").parse().expect("a state"),
        state => int(state),
    });
    let broker = |broker: &Value| UsableBroker {
        id: int(&broker["id"]) as i32,
        rack: broker["rack"].as_str().map(Into::into),
        fenced: broker["fenced"] == true,
    };
    let brokers = input["brokers"].as_array().ok_or("no brokers")?.iter().map(broker);
    let partitions = int(&either("partitions", "num_partitions")) as usize;
    let placed = place_replicas(brokers, partitions, int(&input["replication_factor"]) as i16, &mut random);
    match entry["expected"]["message"].as_str() {
        Some(message) => same("refusal", placed, Err(message.to_string())),
        None => {
            let expected = entry["expected"]["replicas_by_partition"].as_array().ok_or("no replicas")?;
            same("replicas", placed, Ok(expected.iter().map(ints).collect()))
        }
    }
}
