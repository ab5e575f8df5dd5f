//! `send` that waits, memory that runs out, brokers that do not answer.

use crate::client_lab::{Brokers, START_MS};
use crate::lab::Lab;
use kafka_terrarium::base::SimTime;
use kafka_terrarium::machine::Input;
use kafka_terrarium::wire::ErrorCode;
use kafka_terrarium::wire::records;

/// A buffer of three batches of 1000 bytes.
const SMALL: [(&str, &str); 3] = [("buffer.memory", "3000"), ("batch.size", "1000"), ("max.block.ms", "500")];

#[test]
fn a_full_buffer_blocks_and_then_refuses() {
    let mut lab = Lab::new(&SMALL, &[1]);
    (0..3).for_each(|_| lab.send(0, 900));
    assert_eq!((lab.client.buffer_available_bytes(), lab.client.blocked()), (0, 0));
    lab.send(0, 900);
    assert_eq!(lab.client.blocked(), 1);
    let made_ready = lab.produced.len();
    assert_eq!(made_ready, 3, "who waits for memory makes all batches ready");
    lab.run(499);
    assert_eq!((lab.client.blocked(), lab.client.failed()), (1, 0));
    lab.run(1);
    assert_eq!((lab.client.blocked(), lab.client.failed()), (0, 1));
    assert_eq!(
        lab.client.last_error(),
        Some(
            "Failed to allocate 1000 bytes within the configured max blocking time 500 ms. Total memory: 3000 bytes. \
             Available memory: 0 bytes. Poolable size: 1000 bytes"
        )
    );
}

#[test]
fn memory_that_comes_back_goes_to_those_who_wait_in_their_order() {
    let mut lab = Lab::new(&SMALL, &[1, 1]);
    (0..3).for_each(|_| lab.send(0, 900));
    lab.send(0, 900);
    lab.send(1, 10);
    assert_eq!(lab.client.blocked(), 2);
    let produced = lab.take();
    lab.answer(&produced, ErrorCode::NONE);
    assert_eq!(lab.client.blocked(), 1);
    lab.settle();
    lab.run(10);
    lab.settle();
    assert_eq!((lab.client.acked(), lab.client.blocked(), lab.client.failed()), (5, 0, 0));
    assert_eq!(lab.client.buffer_available_bytes(), 3_000);
}

#[test]
fn what_can_never_have_memory_is_refused_at_once() {
    let mut lab = Lab::new(&[("buffer.memory", "1000")], &[1]);
    let text = "Attempt to allocate 16384 bytes, but there is a hard limit of 1000 on memory allocations.";
    lab.send(0, 10);
    assert_eq!(lab.client.last_error(), Some(text), "it waited for metadata first");
    assert_eq!(lab.try_hand(Some(0), 10).as_deref(), Some(text));
    assert_eq!((lab.client.failed(), lab.client.pending()), (2, 0));
}

/// `KafkaProducer.doSend` asks for metadata and the partitioner before it looks at the size.
#[test]
fn what_is_too_large_has_taken_its_turn() {
    let round_robin = ("partitioner.class", "org.apache.kafka.clients.producer.RoundRobinPartitioner");
    let mut lab = Lab::new(&[round_robin, ("max.request.size", "500")], &[1, 1, 1]);
    (0..4).for_each(|_| lab.send_alone_anywhere(10));
    let text = "The message is 986 bytes when serialized which is larger than 500, which is the value of the \
                max.request.size configuration.";
    assert_eq!(lab.try_hand(None, 900).as_deref(), Some(text));
    lab.send_alone_anywhere(10);
    let partitions: Vec<i32> = lab.produced.iter().flat_map(super::lab::Produced::partitions).collect();
    let [first, _, third, fourth, after] = partitions[..] else { panic!("five were sent: {partitions:?}") };
    assert_eq!((fourth, after), (first, third), "the turn between them was the large record's");
    assert_eq!(lab.client.failed(), 1);
}

#[test]
fn what_is_too_large_waits_for_metadata_first() {
    let mut lab = Lab::new(&[("max.request.size", "500"), ("max.block.ms", "300")], &[1]);
    lab.silent = true;
    assert_eq!(lab.try_hand(None, 900), None);
    lab.run(299);
    assert_eq!((lab.client.blocked(), lab.client.failed()), (1, 0));
    lab.run(1);
    assert_eq!(lab.client.last_error(), Some("Topic t not present in metadata after 300 ms."));
}

#[test]
fn a_partition_that_is_not_there_is_waited_for() {
    let mut lab = Lab::new(&[("max.block.ms", "3000")], &[1]);
    lab.send(4, 10);
    lab.run(2_000);
    assert_eq!(lab.client.blocked(), 1);
    assert!(
        (4..12).contains(&lab.metadata_requests.len()),
        "with a backoff that doubles: {}",
        lab.metadata_requests.len()
    );
    let text = "Partition 4 of topic t with partition count 1 is not present in metadata after 3000 ms.";
    lab.run(1_000);
    assert_eq!((lab.client.failed(), lab.client.last_error()), (1, Some(text)));
    lab.send(4, 10);
    lab.leaders = vec![(1, 0); 5];
    lab.run(2_000);
    lab.settle();
    assert_eq!((lab.client.acked(), lab.client.blocked()), (1, 0));
}

#[test]
fn time_begins_when_a_record_is_taken() {
    let mut lab = Lab::new(&[("max.block.ms", "3000")], &[1]);
    lab.send(1, 10);
    lab.run(50);
    lab.leaders.push((1, 0));
    lab.run(1_000);
    let produced = lab.take();
    let taken_ms = produced.batches[0].1.base_timestamp_ms - START_MS;
    let sent_ms = (produced.at.0 / 1_000) as i64;
    assert!((51..1_051).contains(&taken_ms) && sent_ms == taken_ms + 5, "{taken_ms} and {sent_ms}");
}

#[test]
fn a_request_that_is_not_answered_is_tried_again_on_a_new_connection() {
    let mut lab = Lab::new(&[("request.timeout.ms", "1000")], &[1]);
    lab.send_alone(0);
    let produced = lab.take();
    lab.run(1_500);
    let again = lab.take();
    assert_ne!(produced.conn, again.conn);
    assert_eq!(produced.batches, again.batches, "the same bytes");
    // The answer to the first comes too late for anybody.
    lab.answer(&produced, ErrorCode::NONE);
    assert_eq!(lab.client.acked(), 0);
    lab.answer(&again, ErrorCode::NONE);
    assert_eq!(lab.client.acked(), 1);
}

#[test]
fn without_retries_the_first_error_is_the_last() {
    let mut lab = Lab::new(&[("retries", "0")], &[1]);
    assert_eq!(lab.client.producer_id(), None);
    lab.send_alone(0);
    let produced = lab.take();
    assert_eq!(produced.stamp(), (-1, -1));
    lab.disconnect(produced.conn);
    assert_eq!((lab.client.failed(), lab.client.last_error().is_some()), (1, true));
}

#[test]
fn one_request_in_flight_keeps_the_order_without_idempotence() {
    let one = [("max.in.flight.requests.per.connection", "1"), ("enable.idempotence", "false")];
    let mut lab = Lab::new(&one, &[1]);
    lab.send(0, 10);
    lab.run(5);
    lab.send(0, 20);
    lab.run(5);
    let first = lab.take();
    assert!(lab.produced.is_empty());
    lab.answer(&first, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    lab.run(30);
    assert!(lab.produced.is_empty(), "the second waits behind the first, which backs off");
    lab.run(1_000);
    let again = lab.take();
    assert_eq!(again.batches, first.batches);
    lab.answer(&again, ErrorCode::NONE);
    assert_eq!(lab.take().records(), 1);
}

#[test]
fn several_in_flight_without_idempotence_change_places() {
    let mut lab = Lab::new(&[("enable.idempotence", "false")], &[1]);
    lab.send_alone(0);
    lab.send(0, 20);
    lab.run(5);
    let (first, second) = (lab.take(), lab.take());
    lab.answer(&first, ErrorCode::NOT_ENOUGH_REPLICAS);
    lab.answer(&second, ErrorCode::NONE);
    lab.run(1_000);
    assert_eq!(lab.take().batches, first.batches, "the first comes after the second");
}

#[test]
fn with_acks_0_what_is_sent_is_done() {
    let mut lab = Lab::new(&[("acks", "0")], &[1]);
    lab.send_alone(0);
    assert_eq!((lab.client.acked(), lab.client.pending(), lab.produced.len()), (1, 0, 1));
    assert_eq!(lab.client.buffer_available_bytes(), 33_554_432);
}

#[test]
fn close_waits_for_all_and_sends_what_lingers() {
    let mut lab = Lab::new(&[("linger.ms", "60000"), ("request.timeout.ms", "30000")], &[1]);
    lab.send(0, 10);
    lab.run(100);
    assert!(lab.produced.is_empty());
    lab.close();
    let produced = lab.take();
    assert_eq!((produced.at, lab.exited), (SimTime(100_000), false));
    lab.answer(&produced, ErrorCode::NONE);
    assert!(lab.exited);
}

#[test]
fn flush_sends_what_lingers_and_lets_later_records_linger() {
    let mut lab = Lab::new(&[("linger.ms", "1000")], &[1]);
    lab.send(0, 10);
    lab.flush();
    let produced = lab.take();
    lab.answer(&produced, ErrorCode::NONE);
    lab.send(0, 10);
    lab.run(900);
    assert!(lab.produced.is_empty());
}

#[test]
fn when_no_broker_can_be_reached_the_bootstrap_server_is_asked() {
    for (strategy, again) in [("rebootstrap", true), ("none", false)] {
        let mut lab = Lab::new(&[("metadata.recovery.strategy", strategy)], &[2]);
        lab.send_alone(0);
        lab.settle();
        assert_eq!(lab.connected_to[0], 9_009, "the bootstrap server first");
        lab.refused.extend([9_001, 9_002, 9_003]);
        (0..3).for_each(|conn| lab.disconnect(kafka_terrarium::base::ConnId(conn)));
        lab.connected_to.clear();
        lab.send_alone(0);
        lab.run(3_000);
        assert_eq!(lab.connected_to.contains(&9_009), again, "{strategy}: {:?}", lab.connected_to);
        assert!(lab.connected_to.len() > 4);
        lab.refused.clear();
        lab.run(2_000);
        lab.settle();
        assert_eq!(lab.client.acked(), 2, "{strategy}");
    }
}

#[test]
fn after_a_long_time_without_metadata_all_begins_anew() {
    let mut lab = Lab::new(&[("metadata.recovery.rebootstrap.trigger.ms", "1000")], &[2]);
    lab.send_alone(0);
    lab.settle();
    lab.connected_to.clear();
    lab.silent = true;
    lab.send_alone(0);
    let produced = lab.take();
    lab.answer(&produced, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    lab.run(900);
    assert!(!lab.connected_to.contains(&9_009), "metadata was asked for, and no answer came");
    lab.run(400);
    assert!(lab.connected_to.contains(&9_009));
}

#[test]
fn records_are_what_was_sent_whatever_the_codec() {
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let mut lab = Lab::new(&[("compression.type", codec)], &[1]);
        (0..20).for_each(|n| lab.send(0, n * 10));
        lab.run(5);
        let produced = lab.take();
        let (_, header, bytes) = &produced.batches[0];
        assert_eq!(header.compression().map(|c| c.name()), Ok(codec));
        let decoded = records::decode(bytes).expect("it decodes");
        let lengths: Vec<_> = decoded.iter().map(|(_, r)| r.value.as_ref().map(|v| v.len())).collect();
        assert_eq!(lengths, (0..20).map(|n| Some(n * 10)).collect::<Vec<_>>(), "{codec}");
    }
}

#[test]
fn it_is_woken_for_what_it_waits_for_and_no_more() {
    let mut lab = Lab::new(&[], &[1]);
    lab.run(1);
    lab.send(0, 10);
    let woken = |lab: &mut Lab| {
        let mut count = 0;
        while lab.client.next_deadline().is_some_and(|at| at <= SimTime(200_000)) {
            lab.now = lab.now.max(lab.client.next_deadline().expect("it was just there"));
            lab.input(Input::Woken);
            count += 1;
        }
        count
    };
    assert_eq!(woken(&mut lab), 1, "when the record has lingered");
}
