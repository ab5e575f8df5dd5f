//! Judging a session's history as Jepsen would: it is played again from its start, a slice at a time, and only when somebody
//! asks.

use super::watch::Watch;
use crate::check::jepsen::Judgement;
use crate::session::Session;
use crate::sim::History;

/// A session that is played again to be judged.
#[derive(Debug)]
pub struct Judging {
    /// As it stood when somebody asked.
    whole: Session,
    again: Session,
    history: Option<History>,
}

impl Watch {
    /// Begins to judge the history up to the moment where it stands.
    pub fn judging(&self) -> Judging {
        let whole = self.session().clone();
        let mut again = Session::start(whole.source(), whole.seed()).expect("it was started once");
        again.follow(&whole);
        Judging { whole, again, history: Some(History::default()) }
    }
}

impl Judging {
    /// Goes on for so many turns; the judgement once it is there.
    pub fn go_on(&mut self, turns: u64) -> Option<Judgement> {
        for _ in 0..turns {
            let rests = self.again.advance_within(self.whole.world().now(), 1);
            let events = self.again.take_trace();
            let history = self.history.as_mut()?;
            events.iter().for_each(|event| history.read(event));
            if rests || !self.again.is_before(&self.whole) {
                return self.history.take().map(|history| history.judge(self.again.world()));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SimTime;

    /// The judgement of a session that was typed into.
    #[test]
    fn what_a_session_comes_to() {
        let script = "cluster --brokers 2 --controllers 1\n\
            kafka-topics.sh --create --topic t --replica-assignment 1:2 --config unclean.leader.election.enable=true\n\
            producer p --topic t --producer-property acks=1 --producer-property linger.ms=0\n\
            consumer c --topic t --consumer-property auto.offset.reset=earliest\nrun 1s\n";
        let mut session = Session::start(script, 1).expect("the script is right");
        session.advance_to(SimTime(9_000_000));
        // The same value twice is two records. Then one is lost by an unclean election, and another has its offset.
        let twice = ["send p value=a", "send p value=a", "run 1s", "crash broker 2", "run 20s"];
        let lost = ["send p value=b", "run 1s", "crash broker 1", "run 20s", "start broker 2", "run 20s"];
        for line in twice.into_iter().chain(lost).chain(["send p value=d", "send p value=e", "run 5s"]) {
            session.command(line).expect("it can be done");
        }
        let (watch, _) = Watch::start(session);
        let mut judging = watch.judging();
        let judgement = std::iter::repeat_with(|| judging.go_on(1_000)).take(1_000).find_map(|it| it);
        let judgement = judgement.expect("it comes to an end");
        assert_eq!(judgement.sent, 5, "{judgement}");
        let found: Vec<(&str, usize)> = judgement.kinds.iter().map(|kind| (&*kind.name, kind.count)).collect();
        assert!(!judgement.is_good() && found.contains(&("inconsistent-offsets", 1)), "{judgement}");
        assert!(!found.iter().any(|(name, _)| *name == "duplicate"), "{judgement}");
    }
}
