//! A cluster on real sockets inside a Rust program, as a test of an application would start it.
//!
//! `cargo run --example gateway`, then point any Kafka client at the address that it prints.

use kafka_terrarium::gateway::{Gateway, GatewaySpec};

const SCRIPT: &str = "\
cluster --brokers 3
kafka-topics.sh --create --topic orders --partitions 3 --replication-factor 3
";

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let gateway = Gateway::start(GatewaySpec::new(SCRIPT))?;
    println!("bootstrap.servers={}", gateway.ready().bootstrap);

    // The leader dies. Nine seconds later, which pass at once, another broker leads.
    let leader = gateway.command("show leader(orders-0)")?;
    println!("the leader of orders-0 is {:?}", leader.value);
    gateway.command("crash leader(orders-0)")?;
    gateway.command("run until epoch(orders-0) > 0 within 30s")?;
    println!("and now it is {:?}", gateway.command("show leader(orders-0)")?.value);

    let stopped = gateway.stop()?;
    println!("{}", stopped.summary);
    Ok(())
}
