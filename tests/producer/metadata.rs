//! What a producer asks of the cluster's topics: of new ones at once and alone, of those that it uses, and of no others.

use crate::lab::Lab;

#[test]
fn a_new_topic_is_asked_about_alone() {
    let mut lab = Lab::new(&[], &[1]);
    assert_eq!(lab.take_metadata(), [[""; 0]], "before it has a topic it asks for the brokers");
    lab.send_to("t", 10);
    lab.settle_for(10);
    lab.send_to("u", 10);
    lab.settle_for(10);
    assert_eq!(lab.take_metadata(), [["t"], ["u"]]);
    lab.settle_for(299_970);
    assert_eq!(lab.take_metadata(), [[""; 0]; 0]);
    lab.send_to("t", 10);
    lab.send_to("u", 10);
    lab.settle_for(20);
    // metadata.max.age.ms counts from when it was told of all.
    assert_eq!(lab.take_metadata(), [["t", "u"]]);
}

#[test]
fn a_topic_that_is_not_used_is_dropped() {
    let idle = [("metadata.max.idle.ms", "5000"), ("metadata.max.age.ms", "4000")];
    let mut lab = Lab::new(&idle, &[1]);
    lab.send_to("t", 10);
    lab.send_to("u", 10);
    lab.settle_for(3_000);
    lab.take_metadata();
    lab.send_to("t", 10);
    lab.settle_for(2_000);
    assert_eq!(lab.take_metadata(), [["t", "u"]], "after four seconds, when neither was idle for five");
    lab.send_to("t", 10);
    lab.settle_for(4_000);
    // It asks about what was idle for too long once more, and keeps nothing of the answer.
    assert_eq!(lab.take_metadata(), [["t", "u"]]);
    lab.settle_for(4_000);
    assert_eq!(lab.take_metadata(), [["t"]]);
    lab.settle_for(4_000);
    assert_eq!(lab.take_metadata(), [[""; 0]], "without a topic it goes on asking for the brokers");
    lab.send_to("u", 10);
    assert_eq!(lab.take_metadata(), [["u"]], "and what is used again is new again");
}

#[test]
fn what_waits_for_a_topic_that_was_dropped_brings_it_back() {
    let idle = [("metadata.max.idle.ms", "5000"), ("metadata.max.age.ms", "4000"), ("linger.ms", "30000")];
    let mut lab = Lab::new(&idle, &[1]);
    lab.send_to("t", 10);
    lab.run(9_000);
    let asked = lab.take_metadata();
    assert_eq!(asked.iter().rev().take(2).collect::<Vec<_>>(), [&["t"], &["t"]], "{asked:?}");
    lab.run(21_000);
    lab.settle();
    assert_eq!((lab.client.acked(), lab.client.failed()), (1, 0));
}

#[test]
fn an_answer_to_an_older_question_is_not_enough() {
    let mut lab = Lab::new(&[], &[1]);
    lab.take_metadata();
    lab.silent = true;
    lab.send_to("t", 10);
    lab.send_to("u", 10);
    assert_eq!(lab.take_metadata(), [["t"]]);
    lab.speak();
    assert_eq!(lab.take_metadata(), [[""; 0]; 0], "retry.backoff.ms after the last answer");
    lab.settle_for(130);
    assert_eq!(lab.take_metadata(), [["u"]]);
    assert_eq!(lab.client.acked(), 2);
}
