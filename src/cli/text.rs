//! What `--help` and its like print.

/// `terrarium --help`.
pub(super) const HELP: &str = "\
Kafka Terrarium: a simulated Apache Kafka cluster that runs the same every time.

Usage:
  terrarium run FILE [--seed N] [--until T] [--trace OUT.jsonl] [--wire OUT.jsonl] [--json]
  terrarium explore [--seeds N] [--from S] [--verbose] [--script]
  terrarium help [run|explore]
  terrarium --version

Exit status: 0 all well; 1 an expectation failed or a law broke;
2 the script or the command line is wrong; 3 a fault of our own.
";

/// `terrarium help run`.
pub(super) const HELP_RUN: &str = "\
Runs a script in a world of its own and prints what its tools print, each under its command.
The last two lines tell how the run went; the same script and seed always give the same trace.

Usage:
  terrarium run FILE [--seed N] [--until T] [--trace OUT.jsonl] [--wire OUT.jsonl] [--json]

  FILE               the script; - reads it from the standard input
  --seed N           the world's seed, a whole number; 1 when left out
  --until T          ends the run at this moment (such as 90s) even if the script goes on,
                     and lets the world go on until then if the script is over before
  --trace OUT.jsonl  writes every event of the trace to this file, one JSON object a line
  --wire OUT.jsonl   writes every message that is sent to this file, one JSON object a line, with Kafka's field names
  --json             prints one JSON object in place of everything else
";

/// `terrarium help explore`.
pub(super) const HELP_EXPLORE: &str = "\
Makes up clusters, loads and faults, one history from each seed, and checks that the laws hold and the cluster heals.
Prints what failed, with a script to look at it again.

Usage:
  terrarium explore [--seeds N] [--from S] [--verbose] [--script]

  --seeds N          how many seeds; 1 when left out
  --from S           the first of them; 1 when left out
  --verbose          prints a line for every seed
  --script           prints the script of every seed
";

/// `terrarium --version`.
pub(super) const VERSION: &str = concat!("terrarium ", env!("CARGO_PKG_VERSION"), "\n");
