//! Idempotence: ids, epochs, sequence numbers, and what comes back in the wrong order.

use crate::client_lab::endpoint;
use crate::lab::Lab;
use kafka_terrarium::base::SimTime;
use kafka_terrarium::client::ProducerState;
use kafka_terrarium::machine::Fact;
use kafka_terrarium::wire::messages::produce_response::{LeaderIdAndEpoch, NodeEndpoint};
use kafka_terrarium::wire::{BrokerId, ErrorCode, StrBytes};

#[test]
fn it_asks_whoever_is_there_until_somebody_has_an_id() {
    let loading = (ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, -1, -1);
    let mut lab = Lab::with_answers(&[], &[1], vec![loading, loading]);
    lab.send(0, 10);
    lab.run(1_000);
    // `retry.backoff.ms` apart, without doubling.
    assert_eq!(lab.init_requests, [SimTime(0), SimTime(100_000), SimTime(200_000)]);
    assert_eq!((lab.client.producer_id(), lab.client.epoch()), (Some(9), Some(0)));
    assert_eq!(lab.facts[0], Fact::ProducerIdSet { producer_id: 9, epoch: 0 });
    let produced = lab.take();
    assert_eq!((produced.stamp(), produced.batches[0].1.producer_id), ((0, 0), 9));
    assert_eq!(produced.at, SimTime(200_000), "it waited for nothing but the id");
}

#[test]
fn a_refused_id_fails_what_is_held_and_is_asked_for_again() {
    let refused = (ErrorCode::CLUSTER_AUTHORIZATION_FAILED, -1, -1);
    let mut lab = Lab::with_answers(&[("max.block.ms", "1000")], &[1], vec![refused]);
    lab.run(1);
    assert_eq!(lab.init_requests.len(), 2);
    lab.send_alone(0);
    assert_eq!(lab.client.transaction_manager().map(|manager| manager.state()), Some(ProducerState::Ready));
    lab.settle();
    assert_eq!(lab.client.acked(), 1);
}

#[test]
fn pipelined_batches_come_back_in_disorder_and_go_out_again_in_order() {
    let mut lab = Lab::new(&[], &[1]);
    (0..5).for_each(|_| lab.send_alone(0));
    let sent: Vec<_> = (0..5).map(|_| lab.take()).collect();
    assert_eq!(sent.iter().map(|s| s.stamp()).collect::<Vec<_>>(), [(0, 0), (0, 1), (0, 2), (0, 3), (0, 4)]);
    lab.send_alone(0);
    assert!(lab.produced.is_empty(), "five are in flight");
    lab.answer(&sent[0], ErrorCode::NOT_LEADER_OR_FOLLOWER);
    sent[1..].iter().for_each(|sent| lab.answer(sent, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
    let mut again = Vec::new();
    for _ in 0..6 {
        lab.run(2_000);
        let produced = lab.take();
        assert!(lab.produced.is_empty() || produced.stamp() == (0, 4), "retries go one by one");
        again.push(produced.stamp());
        lab.answer(&produced, ErrorCode::NONE);
    }
    assert_eq!(again, [(0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (0, 5)], "and the sixth after them");
    assert_eq!((lab.client.acked(), lab.client.failed(), lab.client.epoch()), (6, 0, Some(0)));
}

#[test]
fn a_hint_of_who_leads_is_followed_at_once() {
    let mut lab = Lab::new(&[], &[1]);
    lab.send_alone(0);
    let produced = lab.take();
    assert_eq!(produced.broker, 1);
    let before = lab.metadata_requests.len();
    let leader = LeaderIdAndEpoch::default().with_leader_id(BrokerId(2)).with_leader_epoch(1);
    let at = endpoint(2);
    let node = NodeEndpoint::default()
        .with_node_id(BrokerId(2))
        .with_host(StrBytes::from_string(at.host.to_string()))
        .with_port(i32::from(at.port));
    let not_leader = ErrorCode::NOT_LEADER_OR_FOLLOWER.0;
    lab.answer_with(&produced, |a| a.with_error_code(not_leader).with_current_leader(leader.clone()), vec![node]);
    let again = lab.take();
    assert_eq!((again.broker, again.at, again.stamp()), (2, produced.at, (0, 0)), "without any backoff");
    assert_eq!(lab.metadata_requests.len(), before, "a request for metadata waits for its own backoff");
    // What the old leader would still say of itself is older.
    lab.run(500);
    assert!(lab.metadata_requests.len() > before);
    lab.answer(&again, ErrorCode::NONE);
    lab.send_alone(0);
    assert_eq!(lab.take().broker, 2);
}

#[test]
fn a_batch_that_is_given_up_in_a_retry_raises_the_epoch() {
    let mut lab = Lab::new(&[("delivery.timeout.ms", "2000"), ("request.timeout.ms", "1990")], &[1]);
    lab.send_alone(0);
    let produced = lab.take();
    lab.answer(&produced, ErrorCode::NOT_ENOUGH_REPLICAS);
    lab.run(500);
    let again = lab.take();
    assert_eq!(again.stamp(), (0, 0));
    lab.run(1_500);
    assert_eq!(lab.client.failed(), 1);
    let text = "Expiring 1 record(s) for t-0:2000 ms has passed since batch creation";
    assert_eq!(lab.client.last_error(), Some(text));
    assert_eq!(lab.client.epoch(), Some(1), "nobody knows whether it was written");
    lab.send_alone(0);
    assert_eq!(lab.take().stamp(), (1, 0));
}

#[test]
fn a_batch_in_flight_is_given_up_in_time_and_stays_given_up() {
    let configs = [("delivery.timeout.ms", "1005"), ("request.timeout.ms", "1000")];
    let loading = (ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, -1, -1);
    let mut lab = Lab::with_answers(&configs, &[1], vec![loading; 5]);
    lab.send(0, 10);
    lab.run(1_004);
    let produced = lab.take();
    assert_eq!((produced.at, lab.client.in_flight()), (SimTime(500_000), 1));
    lab.run(1);
    assert_eq!((lab.client.failed(), lab.client.in_flight()), (1, 0));
    lab.answer(&produced, ErrorCode::NONE);
    assert_eq!((lab.client.acked(), lab.client.failed(), lab.client.pending()), (0, 1, 0));
    lab.send_alone(0);
    assert_eq!(lab.take().stamp(), (0, 1), "it was the first attempt, and it came through");
    assert_eq!(lab.client.buffer_available_bytes(), 33_554_432 - 16_384);
}

#[test]
fn a_copy_from_long_ago_counts_as_written() {
    let mut lab = Lab::new(&[], &[1]);
    lab.send_alone(0);
    let produced = lab.take();
    lab.answer(&produced, ErrorCode::DUPLICATE_SEQUENCE_NUMBER);
    assert_eq!((lab.client.acked(), lab.client.failed()), (1, 0));
}

#[test]
fn a_fenced_epoch_fails_the_batch_and_the_producer_goes_on_with_the_next() {
    let mut lab = Lab::new(&[], &[1]);
    lab.send_alone(0);
    lab.send_alone(0);
    let (first, second) = (lab.take(), lab.take());
    lab.answer(&first, ErrorCode::INVALID_PRODUCER_EPOCH);
    assert_eq!((lab.client.failed(), lab.client.epoch()), (1, Some(1)));
    lab.answer(&second, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    lab.run(2_000);
    let again = lab.take();
    assert_eq!(again.stamp(), (1, 0), "it was renumbered while it was in flight");
    lab.answer(&again, ErrorCode::NONE);
    assert_eq!((lab.client.acked(), lab.client.epoch()), (1, Some(1)));
}

#[test]
fn a_leader_that_lost_what_it_knew_raises_the_epoch() {
    for error in [ErrorCode::UNKNOWN_PRODUCER_ID, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER] {
        let mut lab = Lab::new(&[], &[1]);
        lab.send_alone(0);
        lab.settle();
        lab.send_alone(0);
        let produced = lab.take();
        assert_eq!(produced.stamp(), (0, 1));
        lab.answer(&produced, error);
        lab.run(2_000);
        let again = lab.take();
        assert_eq!(again.stamp(), (1, 0), "{error}");
        lab.answer(&again, ErrorCode::NONE);
        assert_eq!((lab.client.acked(), lab.client.failed()), (2, 0));
    }
}

#[test]
fn after_the_last_epoch_comes_another_id() {
    let mut lab = Lab::with_answers(&[], &[1], vec![(ErrorCode::NONE, 4, i16::MAX)]);
    lab.send_alone(0);
    let produced = lab.take();
    assert_eq!((produced.batches[0].1.producer_id, produced.stamp()), (4, (i16::MAX, 0)));
    lab.answer(&produced, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    lab.run(2_000);
    let again = lab.take();
    assert_eq!((lab.client.producer_id(), lab.init_requests.len()), (Some(8), 2));
    assert_eq!((again.batches[0].1.record_count, lab.client.failed()), (1, 0));
}

#[test]
fn an_error_that_ends_the_producer_fails_all_and_for_good() {
    let mut lab = Lab::new(&[], &[1]);
    lab.send_alone(0);
    lab.send_alone(0);
    let first = lab.take();
    lab.answer(&first, ErrorCode::CLUSTER_AUTHORIZATION_FAILED);
    assert_eq!((lab.client.failed(), lab.client.pending()), (2, 0));
    assert_eq!(lab.client.buffer_available_bytes(), 33_554_432);
    lab.send_alone(0);
    assert_eq!((lab.client.failed(), lab.client.pending()), (3, 0));
}

#[test]
fn a_batch_that_is_too_large_is_split_with_its_sequence() {
    let mut lab = Lab::new(&[("batch.size", "200"), ("linger.ms", "100")], &[1]);
    // One estimate of the codec's does not come into it: the batch is larger than the broker takes, whatever Kafka thinks.
    let mut lab_lz4 = Lab::new(&[("batch.size", "2000"), ("linger.ms", "100"), ("compression.type", "lz4")], &[1]);
    for lab in [&mut lab, &mut lab_lz4] {
        (0..3).for_each(|_| lab.send(0, 10));
        lab.run(100);
        let produced = lab.take();
        assert_eq!((produced.records(), produced.stamp()), (3, (0, 0)));
        lab.answer(&produced, ErrorCode::MESSAGE_TOO_LARGE);
        // All of it fits into `batch.size` again, so that it goes out as it was, at once, until its time is up.
        let again = lab.take();
        assert_eq!((again.records(), again.stamp(), again.at), (3, (0, 0), produced.at));
        lab.answer(&again, ErrorCode::NONE);
        assert_eq!((lab.client.acked(), lab.client.pending()), (3, 0));
        assert_eq!(lab.client.buffer_available_bytes(), 33_554_432);
    }
    let record_alone = lab.client.failed();
    lab.send(0, 300);
    lab.run(100);
    let produced = lab.take();
    lab.answer(&produced, ErrorCode::MESSAGE_TOO_LARGE);
    assert_eq!(lab.client.failed(), record_alone + 1, "one record cannot be split");
    assert_eq!(lab.client.epoch(), Some(1), "it was refused for certain, and what follows begins anew");
}
