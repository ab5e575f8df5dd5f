//! `status`: the world on one page.

use super::Runner;
use crate::base::{SortedSet, TopicPartition};
use std::fmt::Write as _;

impl Runner {
    /// The time, the brokers, every partition with its leader and offsets, every client, and the laws.
    pub(super) fn status(&self) -> String {
        let world = &self.world;
        let mut text = format!("time {}\n", world.now());
        for controller in world.controllers() {
            let (id, role) = (controller.id, controller.role.as_deref().unwrap_or("down"));
            let active = if controller.is_active { " · active" } else { "" };
            let (epoch, end) = (controller.epoch, controller.log_end_offset);
            push(&mut text, format_args!("controller {id} · {role} · epoch {epoch} · leo {end}{active}"));
        }
        for (host, server) in world.brokers() {
            let listener = server.broker_listener().expect("it is a broker");
            let state = world.host_state(host);
            push(&mut text, format_args!("broker {} · {listener} · {state}", server.id()));
        }
        for topic in world.topics() {
            for partition in 0..topic.partitions {
                self.partition_status(&mut text, &TopicPartition::new(topic.name.clone(), partition));
            }
        }
        for (_, producer) in world.producers() {
            let (acked, failed, pending) = (producer.acked(), producer.failed(), producer.pending());
            let name = producer.name();
            push(&mut text, format_args!("producer {name} · {acked} acked · {failed} failed · {pending} pending"));
        }
        for (_, consumer) in world.consumers() {
            push(&mut text, format_args!("consumer {} · {} delivered", consumer.name(), consumer.delivered()));
        }
        let groups: SortedSet<&str> = world.consumers().filter_map(|(_, c)| c.group()).collect();
        for group in groups {
            let (again, never) = (world.duplicates(group), world.unprocessed(group));
            push(&mut text, format_args!("group {group} · {again} worked on again · {never} never worked on"));
            for cause in world.duplicate_causes(group) {
                push(&mut text, format_args!("group {group} · {cause}"));
            }
        }
        for law in world.laws() {
            let verdict = if law.breach.is_none() { "holds" } else { "is broken" };
            push(&mut text, format_args!("law {} {verdict}", law.name));
        }
        text
    }

    fn partition_status(&self, text: &mut String, partition: &TopicPartition) {
        let Some(info) = self.world.partition(partition) else { return };
        let log = info.leader.and_then(|leader| self.world.replica(leader, partition));
        let leader = info.leader.map_or("none".into(), |id| id.to_string());
        match log {
            None => push(text, format_args!("{partition} · leader {leader}")),
            Some(log) => {
                let (start, hw, end) = (log.log_start_offset(), log.high_watermark(), log.log_end_offset());
                let (epoch, isr) = (info.leader_epoch, join(&info.isr));
                push(
                    text,
                    format_args!(
                        "{partition} · leader {leader} · epoch {epoch} · isr {isr} · start {start} · hw {hw} · leo {end}"
                    ),
                );
            }
        }
    }
}

fn join(ids: &[i32]) -> String {
    ids.iter().map(i32::to_string).collect::<Vec<_>>().join(",")
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a string takes every text");
}
