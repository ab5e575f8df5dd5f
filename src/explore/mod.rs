//! Looking for what breaks: random clusters, loads and faults, each a function of one seed.
//!
//! A seed chooses a cluster with its topics and clients (`setting`), then lets go wrong what can go wrong, step by step,
//! as the state of the world allows (`walk`): no broker is started that runs. Then all faults end, and the cluster has
//! to heal (`healing`): every partition led, every ISR full, every record acknowledged or failed, every consumer at the
//! end, all replicas alike. The laws hold all the while; records may be lost only where a setting allows it.
//!
//! What was done is written down as a script, so that a run can be looked at again like any other.

mod healing;
mod setting;
mod walk;

use crate::base::{Rng, SimDuration, SimTime};
use crate::script::{Line, Runner, Script, Statement};
use crate::sim::World;
use walk::Walk;

/// What came of a seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong; nothing when all went as it must.
    pub problems: Vec<String>,
    /// How many acknowledged records were lost, as settings allow.
    pub lost: u64,
    /// The clock at the end.
    pub time: SimTime,
    /// How many messages arrived.
    pub messages: u64,
    /// The trace's hash.
    pub trace_hash: u64,
}

/// A run that is being made up, with the script of all that was done.
pub(crate) struct Explorer<'a> {
    runner: Runner,
    script: &'a mut String,
}

/// Explores the history that a seed stands for. `script` receives what was done as it is done, so that it is there even
/// when the engine panics.
pub fn explore(seed: u64, script: &mut String) -> Finding {
    let mut rng = Rng::stream(seed, "explore");
    *script = setting::setting(&mut rng);
    let setting = Script::parse(script).unwrap_or_else(|error| panic!("{error}\n{script}"));
    let mut runner = Runner::new(setting, seed);
    runner.finish();
    let mut explorer = Explorer { runner, script };
    let began = explorer.world().now();
    let walk = Walk::new(&mut rng, &mut explorer);
    walk.go();
    let problems = healing::heal(&mut explorer);
    explorer.end(began, problems)
}

impl Explorer<'_> {
    fn world(&self) -> &World {
        self.runner.world()
    }

    /// Lets time pass.
    fn pass(&mut self, span: SimDuration) {
        let until = self.world().now() + span;
        self.runner.advance_to(until);
    }

    /// Does what a line says, and writes it down; false when this build refuses the line.
    fn act(&mut self, line: &str) -> bool {
        let Ok(parsed) = Line::parse(line) else { return false };
        let is_tool = matches!(parsed.kind, Statement::Tool(_));
        // What belongs to this very moment comes first, as it does before a line that the script has put off until now.
        self.pass(SimDuration::ZERO);
        let now = self.world().now().since(SimTime::ZERO);
        let done = self.runner.type_line(&parsed);
        assert!(done.is_ok() || is_tool, "{line} at {now}: {done:?}\n{}", self.script);
        *self.script += &format!("at {now} {line}\n");
        true
    }

    fn end(self, began: SimTime, problems: Vec<String>) -> Finding {
        let span = self.world().now().since(began);
        *self.script += &format!("run {span}\nstatus\n");
        let world = self.world();
        Finding {
            problems,
            lost: world.lost(),
            time: world.now(),
            messages: world.message_count(),
            trace_hash: world.trace_hash(),
        }
    }
}

/// One of several.
fn one_of<'a, T: ?Sized>(rng: &mut Rng, all: &[&'a T]) -> &'a T {
    all[rng.below(all.len() as u64) as usize]
}

/// Whether something comes about that does so in `percent` of a hundred cases.
fn chance(rng: &mut Rng, percent: u64) -> bool {
    rng.below(100) < percent
}
