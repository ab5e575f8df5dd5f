//! The death of an active controller, message by message, as it goes in a real cluster of three controllers.

use crate::lab::{Lab, ms};
use kafka_terrarium::base::SimTime;
use kafka_terrarium::quorum::Role;
use kafka_terrarium::wire::RequestKind;

/// A request in a few words: who asks whom what, in which epoch.
fn told(from: i32, to: i32, request: &RequestKind) -> String {
    let what = match request {
        RequestKind::Vote(body) => {
            let p = &body.topics[0].partitions[0];
            format!("{} e{}", if p.pre_vote { "PreVote" } else { "Vote" }, p.replica_epoch)
        }
        RequestKind::BeginQuorumEpoch(body) => {
            format!("BeginQuorumEpoch e{}", body.topics[0].partitions[0].leader_epoch)
        }
        RequestKind::EndQuorumEpoch(body) => format!("EndQuorumEpoch e{}", body.topics[0].partitions[0].leader_epoch),
        RequestKind::Fetch(body) => {
            let p = &body.topics[0].partitions[0];
            format!("Fetch e{}@{}", p.current_leader_epoch, p.fetch_offset)
        }
        other => format!("{other:?}"),
    };
    format!("{from}>{to} {what}")
}

/// What was sent since a moment, a repetition left out.
fn since(lab: &Lab, start: SimTime) -> Vec<String> {
    let mut story: Vec<String> = Vec::new();
    for (_, from, to, request) in lab.wire.iter().filter(|(at, ..)| *at >= start) {
        let line = told(*from, *to, request);
        if !story.contains(&line) {
            story.push(line);
        }
    }
    story
}

fn place(story: &[String], line: &str) -> usize {
    story.iter().position(|l| l == line).unwrap_or_else(|| panic!("{line:?} is not in {story:#?}"))
}

#[test]
fn the_active_controller_dies_and_comes_back() {
    // A seed whose votes are not split.
    let (mut lab, old, new, killed) = (0..)
        .map(|seed| {
            let mut lab = Lab::new(seed, 3, 0);
            let old = lab.elect();
            lab.append(old, "a");
            lab.converge();
            lab.run(ms(1_200));
            let killed = lab.now;
            lab.crash(old);
            let new = lab.elect();
            (lab, old, new, killed)
        })
        .find(|(lab, old, new, _)| {
            let e = |id: &i32| *lab.leaders.iter().find(|(_, l)| *l == id).unwrap().0;
            e(new) == e(old) + 1
        })
        .unwrap();
    lab.run(ms(1_100));
    let other = (1..=3).find(|id| *id != old && *id != new).unwrap();
    let epoch = lab.replica(new).epoch();
    let before = epoch - 1;
    let story = since(&lab, killed);
    let at = |line: String| place(&story, &line);
    // Until the fetch timeout they only ask each other, and themselves, for the leader.
    let first_vote = story.iter().position(|line| line.contains("Vote")).unwrap();
    assert!(story[..first_vote].iter().all(|line| line.contains("Fetch") || line.contains(&format!("{old}>"))));
    assert!(at(format!("{other}>{new} Fetch e{before}@2")) < first_vote);
    assert!(at(format!("{other}>{other} Fetch e{before}@2")) < first_vote);
    // The round of pre-votes in the old epoch, then that of votes in the new one.
    let pre_vote = at(format!("{new}>{other} PreVote e{before}"));
    let vote = at(format!("{new}>{other} Vote e{epoch}"));
    assert!(pre_vote < vote);
    // The leader tells the voters at once, the dead one among them; the other takes the LeaderChange record at 2 and
    // comes back for what follows it.
    assert!(vote < at(format!("{new}>{other} BeginQuorumEpoch e{epoch}")));
    at(format!("{new}>{old} BeginQuorumEpoch e{epoch}"));
    assert!(at(format!("{other}>{new} Fetch e{epoch}@2")) < at(format!("{other}>{new} Fetch e{epoch}@3")));
    assert!(!story.iter().any(|line| line.contains(&format!("Vote e{}", epoch + 1))));

    // The old leader comes back as resigned, says so in its old epoch, and is told of the new one.
    let back = lab.now;
    lab.start(old);
    assert_eq!((lab.replica(old).role(), lab.replica(old).epoch()), (Role::Resigned, before));
    lab.run(ms(1_000));
    let story = since(&lab, back);
    let ended = place(&story, &format!("{old}>{new} EndQuorumEpoch e{before}"));
    place(&story, &format!("{old}>{other} EndQuorumEpoch e{before}"));
    assert!(ended < place(&story, &format!("{old}>{new} Fetch e{epoch}@2")));
    assert_eq!((lab.replica(old).role(), lab.leader()), (Role::Follower, Some(new)));
}

#[test]
fn in_peace_the_leader_announces_itself_every_second_and_followers_keep_one_long_poll() {
    let mut lab = Lab::new(30, 3, 1);
    let leader = lab.elect();
    lab.converge();
    lab.run(ms(3_000));
    let start = lab.now;
    lab.run(ms(10_000));
    let sent = |what: fn(&RequestKind) -> bool| {
        lab.wire.iter().filter(|(at, _, _, request)| *at >= start && what(request)).count()
    };
    let announced = sent(|r| matches!(r, RequestKind::BeginQuorumEpoch(_)));
    assert!((18..=22).contains(&announced), "{announced} to two voters in 10 s");
    let fetches = sent(|r| matches!(r, RequestKind::Fetch(_)));
    assert!((57..=60).contains(&fetches), "{fetches} of three followers, parked for 500 ms each");
    assert_eq!(sent(|r| matches!(r, RequestKind::Vote(_))), 0);
    assert_eq!(lab.leader(), Some(leader));
}
