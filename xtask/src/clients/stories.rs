//! Stories that a real cluster was recorded in, played by Kafka's own clients at the gateway: `cargo xtask clients
//! --stories`.
//!
//! tests/clients/stories.py lets clients start and die as in the recording. Of the wire log of each run the test
//! `stories` makes a recording, in tests/stories/gateway, and compares it with the real cluster's.

use super::gateway::Gateway;
use super::{PATIENCE, install, installed_in, tail, wait};
use crate::project::Project;
use crate::steps::{run, step};
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;
use std::process::Stdio;

/// The stories, and the cluster of each. Where a recording tells brokers apart, they are told apart here.
const STORIES: [(&str, &str); 10] = [
    (
        "first-record",
        "cluster --brokers 3 --controllers combined\n\
         kafka-topics.sh --create --topic first --replica-assignment 2:3:1\n",
    ),
    (
        "leader-crash",
        "cluster --brokers 3 --controllers combined --set leader.imbalance.check.interval.seconds=10\n\
         broker 1 --set controller.quorum.election.timeout.ms=5000\n\
         broker 2 --set controller.quorum.election.timeout.ms=5000\n\
         kafka-topics.sh --create --topic t --replica-assignment 1:2:3\n",
    ),
    (
        "leader-pause",
        "cluster --brokers 3 --controllers combined --set auto.leader.rebalance.enable=false\n\
         broker 1 --set controller.quorum.election.timeout.ms=5000\n\
         broker 3 --set controller.quorum.election.timeout.ms=5000\n\
         kafka-topics.sh --create --topic one --replica-assignment 1:3:2\n\
         kafka-topics.sh --create --topic all --replica-assignment 1:3:2\n\
         kafka-topics.sh --create --topic quick --replica-assignment 1:3:2\n",
    ),
    (
        "isr-shrink",
        "cluster --brokers 3 --controllers 1 --set replica.lag.time.max.ms=5000 --set auto.leader.rebalance.enable=false\n\
         kafka-topics.sh --create --topic t --replica-assignment 1:2:3 --config min.insync.replicas=2\n",
    ),
    (
        "cut-broker-from-controllers",
        "cluster --brokers 3 --controllers 3 --set auto.leader.rebalance.enable=false\n\
         kafka-topics.sh --create --topic t --replica-assignment 1:2:3 --config min.insync.replicas=1\n\
         kafka-topics.sh --create --topic m2 --replica-assignment 1:2:3 --config min.insync.replicas=2\n",
    ),
    (
        "cut-follower-from-leader",
        "cluster --brokers 3 --controllers 1 --set replica.lag.time.max.ms=8000 --set auto.leader.rebalance.enable=false\n\
         kafka-topics.sh --create --topic t --replica-assignment 1:2:3 --config min.insync.replicas=2\n",
    ),
    ("group-classic-eager", GROUP),
    ("group-cooperative", GROUP),
    (
        "static-member",
        "cluster --brokers 1 --controllers combined --set offsets.topic.replication.factor=1\n\
         kafka-topics.sh --create --topic t --partitions 2\n",
    ),
    (
        "coordinator-crash",
        "cluster --brokers 3 --controllers combined --set auto.leader.rebalance.enable=false\n\
         broker 1 --set controller.quorum.election.timeout.ms=5000\n\
         broker 3 --set controller.quorum.election.timeout.ms=5000\n\
         kafka-topics.sh --create --topic t --replica-assignment 3:2:1,2:3:1\n\
         kafka-topics.sh --create --topic __consumer_offsets --replica-assignment 1:3:2 --config cleanup.policy=compact\n",
    ),
];

/// The cluster of the stories of a whole group.
const GROUP: &str = "\
cluster --brokers 1 --controllers combined --set offsets.topic.replication.factor=1
kafka-topics.sh --create --topic t --partitions 3
";

/// Plays them all, records and compares.
pub fn run_all(project: &Project) -> Result<()> {
    run(&mut project.cargo(&["build", "--bin=terrarium"]))?;
    let folder = installed_in(project).join("runs").join("stories");
    for (name, script) in STORIES {
        step(name, || play(project, &folder.join(name), name, script))?;
    }
    let mut test = project.cargo(&["test", "--test=stories", "gateway"]);
    run(test.env("UPDATE_STORIES", folder))
}

fn play(project: &Project, folder: &Path, name: &str, script: &str) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let java = install::java(project)?;
    let wire = folder.join("wire.jsonl");
    let gateway = Gateway::start(project, folder, script, &["--wire".as_ref(), wire.as_os_str()])?;
    let (moments, errors) = (folder.join("moments.jsonl"), folder.join("client.log"));
    let mut command = project.command(java.program.to_str().context("the path of Python is not UTF-8")?);
    command.arg(project.root.join("tests/clients/stories.py")).arg(name).current_dir(folder);
    command.env("BOOTSTRAP", &gateway.bootstrap).env("CONTROL", &gateway.control).envs(java.environment);
    command.stdin(Stdio::null()).stdout(fs::File::create(&moments)?).stderr(fs::File::create(&errors)?);
    let ended = wait(command, PATIENCE);
    let gateway = gateway.end();
    ended.with_context(|| tail(&errors))?;
    gateway
}
