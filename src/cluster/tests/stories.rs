//! Stories: each as a real cluster of Kafka 4.1.1 played it, record by record.

use super::*;
use crate::wire::messages::ElectLeadersRequest;

/// `min.insync.replicas` is 2; 3, 2 and 1 crash and come back in the order 2, 3, 1.
#[test]
fn a_partition_survives_the_crash_of_everybody() {
    let mut cluster = Cluster::new();
    let (records, _) = cluster.alter_config(ResourceType::Broker, "", "min.insync.replicas", Some("2"));
    assert_eq!(records, ["min.insync.replicas = Some(\"2\")", "clear elr \"\""]);
    assert_eq!(cluster.create("m", &[1, 2, 3], &[]), ErrorCode::NONE);
    assert_eq!(cluster.wait(11, &[1, 2]), ["m isr[1, 2]", "3 fenced v0"]);
    assert_eq!(cluster.wait(11, &[1]), ["m isr[1] elr[2]", "2 fenced v0"]);
    assert_eq!(cluster.wait(11, &[]), ["m isr[] elr[1, 2] last[1] leader -1", "1 fenced v0"]);
    assert_eq!(cluster.start(2, -1).unwrap(), ["m elr[1]", "2 registered"]);
    assert_eq!(cluster.epoch(2), cluster.log.len() as i64 - 2, "the epoch is where the first of the records is");
    assert_eq!(cluster.unfence(2), ["2 unfenced v0"]);
    assert_eq!(cluster.start(3, -1).unwrap(), ["3 registered"]);
    assert_eq!(cluster.unfence(3), ["3 unfenced v0"]);
    assert_eq!(cluster.start(1, -1).unwrap(), ["m elr[]", "1 registered"]);
    assert_eq!(cluster.unfence(1), ["1 unfenced v0", "m isr[1] last[] leader 1 recovery 1"]);
    assert_eq!(cluster.alter_isr("m", &[1, 3]), (vec!["m isr[1, 3] recovery 0".to_string()], ErrorCode::NONE));
    assert_eq!(cluster.partition("m").leader_epoch, 2);
}

#[test]
fn a_leader_crash_is_found_by_the_session_and_healed_by_a_preferred_election() {
    let mut cluster = Cluster::new();
    cluster.create("t", &[1, 2, 3], &[]);
    cluster.wait(3, &[1, 2, 3]);
    assert_eq!(cluster.wait(9, &[2, 3]), [""; 0], "9 seconds after its last heartbeat 1 is still taken for alive");
    let refused = cluster.start(1, -1).unwrap_err();
    assert_eq!(refused.error, ErrorCode::DUPLICATE_BROKER_REGISTRATION);
    assert_eq!(cluster.wait(1, &[2, 3]), ["t isr[2, 3] leader 2", "1 fenced v0"]);
    assert_eq!(cluster.start(1, -1).unwrap(), ["1 registered"]);
    let (early, error) = cluster.alter_isr("t", &[2, 3, 1]);
    assert_eq!((early.len(), error), (0, ErrorCode::INELIGIBLE_REPLICA), "it is still fenced");
    assert_eq!(cluster.unfence(1), ["1 unfenced v0"]);
    assert_eq!(cluster.alter_isr("t", &[2, 3, 1]), (vec!["t isr[2, 3, 1]".to_string()], ErrorCode::NONE));
    let outcome = cluster.controller.maybe_balance_partition_leaders();
    assert_eq!(cluster.append(outcome.records), ["t leader 1"]);
    assert_eq!((cluster.partition("t").leader_epoch, cluster.partition("t").partition_epoch), (2, 3));
}

#[test]
fn a_controlled_shutdown_moves_leaders_first_and_waits_for_the_others() {
    let mut cluster = Cluster::new();
    cluster.create("t", &[1, 2, 3], &[]);
    let (records, reply) = cluster.heartbeat(1, false, true);
    assert_eq!(records, ["1 shutting down v1", "t isr[2, 3] leader 2"]);
    assert!(reply.in_controlled_shutdown && !reply.is_fenced && !reply.should_shut_down);
    let (records, reply) = cluster.heartbeat(1, false, true);
    assert_eq!((records.len(), reply.should_shut_down), (0, false), "2 and 3 do not know yet");
    cluster.heartbeat(2, false, false);
    cluster.heartbeat(3, false, false);
    let (records, reply) = cluster.heartbeat(1, false, true);
    assert_eq!(records, ["1 fenced v0"]);
    assert!(reply.is_fenced && reply.should_shut_down);
    let epoch = cluster.epoch(1);
    assert_eq!(cluster.start(1, epoch).unwrap_err().error, ErrorCode::DUPLICATE_BROKER_REGISTRATION);
    assert_eq!(cluster.wait(10, &[2, 3]), ["1 fenced v0"], "its session runs out too");
    assert_eq!(cluster.start(1, epoch).unwrap(), ["1 registered"]);
}

/// A clean stop keeps a broker among the eligible leader replicas; a crash does not.
#[test]
fn a_clean_stop_keeps_its_place_among_the_eligible() {
    for (clean, elr) in [(true, &[1][..]), (false, &[])] {
        let mut cluster = Cluster::new();
        cluster.create("t", &[1, 2], &[("min.insync.replicas", "2")]);
        assert_eq!(cluster.wait(11, &[2, 3]), ["t isr[2] elr[1] leader 2", "1 fenced v0"]);
        let previous = if clean { cluster.epoch(1) } else { -1 };
        cluster.start(1, previous).unwrap();
        assert_eq!(cluster.partition("t").elr, elr);
    }
}

#[test]
fn an_unregistered_broker_leaves_every_isr() {
    let mut cluster = Cluster::new();
    cluster.create("t", &[1, 2], &[]);
    let outcome = cluster.controller.unregister_broker(1).unwrap();
    assert_eq!(cluster.append(outcome.records), ["t isr[2] leader 2", "UnregisterBrokerRecord"]);
    let refused = cluster.controller.unregister_broker(9).unwrap_err();
    assert_eq!(refused.message.as_deref(), Some("Broker ID 9 is not currently registered"));
}

#[test]
fn an_unclean_election_needs_an_administrator_or_a_config() {
    let mut cluster = Cluster::new();
    cluster.create("t", &[1, 2], &[]);
    cluster.alter_isr("t", &[1]);
    cluster.wait(11, &[2, 3]);
    assert_eq!(cluster.partition("t").leader, LEADER_NONE);
    assert_eq!(cluster.controller.maybe_elect_unclean_leaders().records.len(), 0);
    let mut twin = Controller::clone(&cluster.controller);
    std::mem::swap(&mut twin, &mut cluster.controller);
    cluster.alter_config(ResourceType::Topic, "t", "unclean.leader.election.enable", Some("true"));
    let outcome = cluster.controller.maybe_elect_unclean_leaders();
    assert_eq!(cluster.append(outcome.records), ["t isr[2] elr[] last[] leader 2 recovery 1"]);
    let asked = ElectLeadersRequest::default().with_election_type(1).with_topic_partitions(None);
    assert_eq!(twin.elect_leaders(&asked).unwrap().records.len(), 1);
}

#[test]
fn the_minimum_of_in_sync_replicas_is_the_clusters_while_elr_is_on() {
    let mut cluster = Cluster::new();
    let mut alter =
        |resource, value| cluster.alter_config(ResourceType::Broker, resource, "min.insync.replicas", value).1;
    assert_eq!(alter("1", Some("1")), "Broker-level min.insync.replicas cannot be altered while ELR is enabled.");
    assert_eq!(alter("", None), "Cluster-level min.insync.replicas cannot be removed while ELR is enabled.");
    assert_eq!(alter("", Some("2")), "NONE");
    cluster.create("t", &[1, 2, 3], &[]);
    assert_eq!(cluster.controller.min_isr("t"), 2);
    cluster.alter_config(ResourceType::Topic, "t", "min.insync.replicas", Some("3"));
    assert_eq!(cluster.controller.min_isr("t"), 3);
}

#[test]
fn whoever_reads_the_log_comes_to_the_same_state() {
    let mut cluster = Cluster::new();
    for topic in 0..5 {
        let name = format!("t{topic}");
        assert_eq!(cluster.create_with(&name, &[], &[("min.insync.replicas", "2")], 6, 3).0, ErrorCode::NONE);
    }
    cluster.wait(11, &[1, 2]);
    cluster.wait(11, &[1]);
    cluster.start(2, -1).unwrap();
    cluster.unfence(2);
    let mut standby = Controller::new(cluster.controller.settings.clone());
    for (offset, record) in cluster.log.iter().enumerate() {
        standby.replay(record, offset as i64);
    }
    assert_eq!(format!("{standby:?}"), format!("{:?}", cluster.controller));
}

/// A broker that dies with the controller lives a whole session more.
#[test]
fn a_new_controller_begins_all_sessions_afresh() {
    let mut cluster = Cluster::new();
    cluster.create("t", &[1, 2], &[]);
    assert_eq!(cluster.wait(8, &[2, 3]), [""; 0]);
    cluster.heartbeats = cluster.controller.begin_heartbeats(SECOND * 9, cluster.now);
    assert_eq!(cluster.wait(9, &[2, 3]), [""; 0]);
    assert_eq!(cluster.wait(1, &[2, 3]), ["t isr[2] leader 2", "1 fenced v0"]);
}

#[test]
fn producer_ids_come_in_blocks_of_a_thousand() {
    let mut cluster = Cluster::new();
    for first in [0, 1_000] {
        let outcome = cluster.controller.allocate_producer_ids(1, cluster.epoch(1)).unwrap();
        assert_eq!(outcome.response, first);
        cluster.append(outcome.records);
    }
    let refused = cluster.controller.allocate_producer_ids(1, -7).unwrap_err();
    assert_eq!(refused.error, ErrorCode::STALE_BROKER_EPOCH);
}
