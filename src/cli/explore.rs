//! `terrarium explore`.

use super::arguments::ExploreArguments;
use super::{Console, Status};
use crate::explore::{Finding, explore};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};

/// What all seeds came to.
#[derive(Default)]
struct Sum {
    failed: u64,
    with_loss: u64,
    lost: u64,
    messages: u64,
}

pub(super) fn run(arguments: &ExploreArguments, console: &mut Console<'_>) -> Status {
    let mut sum = Sum::default();
    let upto = arguments.from.saturating_add(arguments.seeds);
    // The program's hook ends it at the first panic; here a panic is a finding like any other.
    let hook = take_hook();
    set_hook(Box::new(|panic| {
        let place = panic.location().map(|place| place.to_string()).unwrap_or_default();
        let _ = writeln!(std::io::stderr(), "terrarium: the engine panicked at {place}");
    }));
    for seed in arguments.from..upto {
        let mut script = String::new();
        let found = catch_unwind(AssertUnwindSafe(|| explore(seed, &mut script)));
        match found {
            Ok(finding) => sum.take(seed, &finding, &script, arguments, console),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| text.to_string()));
                let text = text.unwrap_or_else(|| "the engine panicked".into());
                sum.fail(seed, &[format!("panic: {text}")], &script, console);
            }
        }
    }
    set_hook(hook);
    let Sum { failed, with_loss, lost, messages } = sum;
    let seeds = arguments.seeds;
    console.out(&format!(
        "{seeds} seeds from {} · {failed} failed · {lost} records lost in {with_loss} seeds, as settings allow · \
         {messages} messages\n",
        arguments.from
    ));
    if failed == 0 { Status::Good } else { Status::Failed }
}

impl Sum {
    fn take(
        &mut self,
        seed: u64,
        finding: &Finding,
        script: &str,
        arguments: &ExploreArguments,
        console: &mut Console<'_>,
    ) {
        self.lost += finding.lost;
        self.with_loss += u64::from(finding.lost > 0);
        self.messages += finding.messages;
        if !finding.problems.is_empty() {
            return self.fail(seed, &finding.problems, script, console);
        }
        if arguments.script {
            console.out(script);
        }
        if arguments.verbose {
            let (time, messages, hash) = (finding.time, finding.messages, finding.trace_hash);
            console.out(&format!("seed {seed} · {time} · {messages} messages · trace {hash:016x}\n"));
        }
    }

    fn fail(&mut self, seed: u64, problems: &[String], script: &str, console: &mut Console<'_>) {
        self.failed += 1;
        console.out(&format!("seed {seed} failed:\n"));
        problems.iter().for_each(|problem| console.out(&format!("  {problem}\n")));
        console.out(&format!("--- its script, for `terrarium run FILE --seed {seed}`:\n{script}---\n"));
    }
}
