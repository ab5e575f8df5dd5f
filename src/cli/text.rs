//! What `--help` and its like print.

/// `terrarium --help`.
pub(super) const HELP: &str = "\
Kafka Terrarium: a simulated Apache Kafka cluster that runs the same every time.

Usage:
  terrarium run FILE [--seed N] [--until T] [--trace OUT.jsonl] [--wire OUT.jsonl] [--json]
  terrarium check FILE [as run]
  terrarium explore [--seeds N] [--from S] [--verbose] [--script]
  terrarium gateway [FILE] [--listen 127.0.0.1:9092] [--control 127.0.0.1:PORT] [--seed N] ...
  terrarium help [run|check|explore|gateway]
  terrarium --version

Exit status: 0 all well; 1 an expectation failed, a law broke or `check` found an anomaly;
2 the script or the command line is wrong; 3 a fault of our own.
";

/// `terrarium help run`.
pub(super) const HELP_RUN: &str = "\
Runs a script in a world of its own and prints what its tools print, each under its command.
The last two lines tell how the run went; the same script and seed always give the same trace.
`check` does the same, and judges what clients sent and read as Jepsen does: values that are lost, there
twice, read out of order, in circles. At the end it reads every partition from its beginning.

Usage:
  terrarium run FILE [--seed N] [--until T] [--trace OUT.jsonl] [--wire OUT.jsonl] [--json]
  terrarium check FILE [the same]

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

/// `terrarium help gateway`.
pub(super) const HELP_GATEWAY: &str = "\
Puts a simulated cluster on TCP ports, so that any Kafka client or tool talks to it.

Usage:
  terrarium gateway [FILE] [--listen 127.0.0.1:9092] [--control 127.0.0.1:PORT] [--seed N]
                    [--advertised-host NAME] [--wire OUT.jsonl] [--record OUT] [--until-eof] [--quiet]

The script's lines run first, in virtual time. Then one line on the standard output says where clients
and commands are taken, and the world goes on at wall speed:
  {\"ready\":{\"bootstrap\":\"127.0.0.1:9092\",\"control\":\"127.0.0.1:40123\",\"brokers\":[...]}}
On the control port and on the standard input a line is a command of the script language, answered by
one line of JSON; `run 9s` lets nine seconds of the world pass at once, `quit` ends the gateway, as
SIGINT and SIGTERM do. Its last line on the standard output is {\"stopped\":{...}}.

  FILE                    the script; - reads it from the standard input; one broker when left out
  --listen ADDRESS        where the first broker listens, 127.0.0.1:9092 when left out; further brokers
                          count up from its port, unless the script has `broker N --port P`; port 0 takes
                          any free ports
  --advertised-host NAME  the host that clients are told to connect to, unless the script has
                          `broker N --host NAME`; the address of --listen when left out
  --control ADDRESS       where commands are taken, a free port of 127.0.0.1 when left out
  --seed N                the world's seed, a whole number; 1 when left out
  --wire OUT.jsonl        writes every message that is sent to this file, one JSON object a line
  --record OUT            writes the run to this file at the end: a saved session, which the page opens
  --until-eof             ends when the standard input does, so that it does not outlive who started it
  --quiet                 tells nothing of what happens on the standard error

Exit status: 0 all well; 1 an expectation failed or a law broke; 2 the script or the command line is
wrong or a port is taken; 3 a fault of our own.
";

/// `terrarium --version`.
pub(super) const VERSION: &str = concat!("terrarium ", env!("CARGO_PKG_VERSION"), "\n");
