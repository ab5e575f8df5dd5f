//! What the gateway tells on the standard error while it runs, and writes to `--wire`.

use super::lines::JsonLines;
use super::wire::WireLog;
use crate::base::SimTime;
use crate::gateway::Watcher;
use crate::script::{Output, Said};
use crate::session::Session;
use crate::sim::{TraceEvent, TraceKind};
use crate::view::{Before, Observer, Weight, narrate};
use std::io::Write as _;

/// How many sentences a second of the world may have; more are counted.
const SENTENCES: u32 = 50;

/// Watches a gateway for somebody at a terminal.
pub(super) struct Narrator {
    script: String,
    tells: bool,
    wire: Option<(JsonLines, WireLog)>,
    /// Knows the hosts by their names.
    observer: Observer,
    second: u64,
    told: u32,
    untold: u32,
}

impl Narrator {
    /// `script` is how errors name the script.
    pub(super) fn new(script: String, tells: bool, wire: Option<JsonLines>) -> Self {
        let wire = wire.map(|file| (file, WireLog::default()));
        Self { script, tells, wire, observer: Observer::default(), second: 0, told: 0, untold: 0 }
    }

    fn tell(&mut self, at: SimTime, text: &str) {
        let second = at.since(SimTime::ZERO).as_micros() / 1_000_000;
        if second != self.second {
            if self.untold > 0 {
                print(&format!("{at}  and {} more like these.", self.untold));
            }
            (self.second, self.told, self.untold) = (second, 0, 0);
        }
        match self.told < SENTENCES {
            true => print(&format!("{at}  {text}")),
            false => self.untold += 1,
        }
        self.told += 1;
    }
}

impl Watcher for Narrator {
    fn events(&mut self, session: &Session, events: &[TraceEvent]) -> Result<(), String> {
        if let Some((file, log)) = &mut self.wire {
            file.write(events.iter().filter_map(|event| log.line(session.world(), event)))?;
        }
        if !self.tells {
            return Ok(());
        }
        let is_of_hosts = |event: &&TraceEvent| {
            matches!(event.kind, TraceKind::Started { .. } | TraceKind::Exited | TraceKind::Commanded { .. })
        };
        let hosts: Vec<TraceEvent> = events.iter().filter(is_of_hosts).cloned().collect();
        if !hosts.is_empty() {
            self.observer.frame(session.world(), &hosts);
        }
        // The narrator keeps no partitions: a change is told by what it came to, not by what it was before.
        let before = Before::new();
        for event in events {
            match narrate(event, self.observer.scene(), &before) {
                Some(line) if line.weight > Weight::Routine => self.tell(line.at, &line.text),
                _ => {}
            }
        }
        Ok(())
    }

    fn output(&mut self, output: &Output) {
        match &output.said {
            Said::Failed(message) => {
                let (script, line, column) = (&self.script, output.at.line, output.at.column);
                print(&format!("{script}:{line}:{column}: {message}"));
            }
            Said::Refused(message) => print(&format!("{}: {message}", output.text)),
            _ => {}
        }
    }

    fn notice(&mut self, sentence: &str) {
        if self.tells {
            print(sentence);
        }
    }
}

/// One line on the standard error. When nobody reads it any more, the gateway goes on all the same.
fn print(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
