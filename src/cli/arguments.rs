//! Reading the command line.

use super::text;
use crate::base::SimTime;
use lexopt::{Arg, Parser, ValueExt as _};
use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// What a command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// To print a text.
    Print(&'static str),
    /// To run a script.
    Run(RunArguments),
    /// To put a cluster on sockets.
    Gateway(GatewayArguments),
    /// To explore what seeds stand for.
    Explore(ExploreArguments),
}

/// What `terrarium explore` was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExploreArguments {
    /// How many seeds.
    pub seeds: u64,
    /// The first of them.
    pub from: u64,
    /// Whether to print a line for every seed.
    pub verbose: bool,
    /// Whether to print the script of every seed.
    pub script: bool,
}

/// What `terrarium gateway` was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayArguments {
    /// The script's file, `-` for the standard input; none: one broker and nothing else.
    pub file: Option<PathBuf>,
    /// The world's seed.
    pub seed: u64,
    /// Where the first broker listens.
    pub listen: SocketAddr,
    /// The host name that clients are told, where the script has none.
    pub advertised_host: Option<String>,
    /// Where the control port listens.
    pub control: SocketAddr,
    /// Where to write every message.
    pub wire: Option<PathBuf>,
    /// Where to write the run, for the page to open.
    pub record: Option<PathBuf>,
    /// Whether it ends when the standard input does.
    pub until_eof: bool,
    /// Whether it tells nothing of what happens.
    pub quiet: bool,
}

/// What `terrarium run` was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunArguments {
    /// The script's file; `-` is the standard input.
    pub file: PathBuf,
    /// The world's seed.
    pub seed: u64,
    /// When to end at the latest, and at the earliest.
    pub until: Option<SimTime>,
    /// Where to write the trace.
    pub trace: Option<PathBuf>,
    /// Where to write every message.
    pub wire: Option<PathBuf>,
    /// Whether to print one JSON object.
    pub json: bool,
    /// Whether the history of its clients is judged.
    pub judged: bool,
}

/// The seed of a run that names none: fixed, so that every run can be repeated.
const DEFAULT_SEED: u64 = 1;

/// Reads a command line, the program's name left out.
///
/// # Errors
/// What is wrong with it, and what would be right.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Call, String> {
    let mut parser = Parser::from_args(arguments);
    match parser.next().map_err(wrong)? {
        None => Err("nothing to do; `terrarium run FILE` runs a script, `terrarium --help` tells more".into()),
        Some(Arg::Long("help") | Arg::Short('h')) => Ok(Call::Print(text::HELP)),
        Some(Arg::Long("version") | Arg::Short('V')) => Ok(Call::Print(text::VERSION)),
        Some(Arg::Value(command)) => match command.to_string_lossy().as_ref() {
            "run" => run(&mut parser, false),
            "check" => run(&mut parser, true),
            "explore" => explore(&mut parser),
            "gateway" => gateway(&mut parser),
            "help" => help(&mut parser),
            other => Err(format!("unknown command `{other}`; it is `run`, `check`, `explore`, `gateway` or `help`")),
        },
        Some(other) => Err(wrong(other.unexpected())),
    }
}

fn help(parser: &mut Parser) -> Result<Call, String> {
    match parser.next().map_err(wrong)? {
        None => Ok(Call::Print(text::HELP)),
        Some(Arg::Value(about)) if about == "run" || about == "check" => Ok(Call::Print(text::HELP_RUN)),
        Some(Arg::Value(about)) if about == "explore" => Ok(Call::Print(text::HELP_EXPLORE)),
        Some(Arg::Value(about)) if about == "gateway" => Ok(Call::Print(text::HELP_GATEWAY)),
        Some(other) => {
            let problem = other.unexpected();
            Err(format!("no help on this: {problem}; there is help on `run`, `check`, `explore` and `gateway`"))
        }
    }
}

fn explore(parser: &mut Parser) -> Result<Call, String> {
    let mut arguments = ExploreArguments { seeds: 1, from: 1, verbose: false, script: false };
    while let Some(argument) = parser.next().map_err(wrong)? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return Ok(Call::Print(text::HELP_EXPLORE)),
            Arg::Long("seeds") => arguments.seeds = whole_number(parser)?,
            Arg::Long("from") => arguments.from = whole_number(parser)?,
            Arg::Long("verbose") => arguments.verbose = true,
            Arg::Long("script") => arguments.script = true,
            other => {
                let problem = wrong(other.unexpected());
                return Err(format!("{problem}; explore takes --seeds, --from, --verbose and --script"));
            }
        }
    }
    Ok(Call::Explore(arguments))
}

fn whole_number(parser: &mut Parser) -> Result<u64, String> {
    let value = value_text(parser)?;
    value.parse().map_err(|_| format!("`{value}` is no whole number from 0 on"))
}

fn run(parser: &mut Parser, judged: bool) -> Result<Call, String> {
    let mut file = None;
    let mut arguments = RunArguments {
        file: PathBuf::new(),
        seed: DEFAULT_SEED,
        until: None,
        trace: None,
        wire: None,
        json: false,
        judged,
    };
    while let Some(argument) = parser.next().map_err(wrong)? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return Ok(Call::Print(text::HELP_RUN)),
            Arg::Long("seed") => arguments.seed = seed(parser)?,
            Arg::Long("until") => {
                let value = value_text(parser)?;
                let span = value.parse().map_err(|right| format!("`{value}` after `--until`; it takes {right}"))?;
                arguments.until = Some(SimTime::ZERO + span);
            }
            Arg::Long("trace") => arguments.trace = Some(parser.value().map_err(wrong)?.into()),
            Arg::Long("wire") => arguments.wire = Some(parser.value().map_err(wrong)?.into()),
            Arg::Long("json") => arguments.json = true,
            Arg::Value(value) if file.is_none() => file = Some(PathBuf::from(value)),
            Arg::Value(value) => return Err(format!("`{}` after the script; run takes one", value.to_string_lossy())),
            other => {
                let problem = wrong(other.unexpected());
                return Err(format!("{problem}; run takes --seed, --until, --trace, --wire and --json"));
            }
        }
    }
    arguments.file = file.ok_or("a script is missing; `terrarium run FILE`, where - is the standard input")?;
    Ok(Call::Run(arguments))
}

/// The default of `--listen`: where clients look for Kafka.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9092);
/// The default of `--control`: any free port.
const CONTROL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

fn gateway(parser: &mut Parser) -> Result<Call, String> {
    let mut arguments = GatewayArguments {
        file: None,
        seed: DEFAULT_SEED,
        listen: LISTEN,
        advertised_host: None,
        control: CONTROL,
        wire: None,
        record: None,
        until_eof: false,
        quiet: false,
    };
    while let Some(argument) = parser.next().map_err(wrong)? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return Ok(Call::Print(text::HELP_GATEWAY)),
            Arg::Long("seed") => arguments.seed = seed(parser)?,
            Arg::Long("listen") => arguments.listen = address(parser, "--listen")?,
            Arg::Long("advertised-host") => arguments.advertised_host = Some(value_text(parser)?),
            Arg::Long("control") => arguments.control = address(parser, "--control")?,
            Arg::Long("wire") => arguments.wire = Some(parser.value().map_err(wrong)?.into()),
            Arg::Long("record") => arguments.record = Some(parser.value().map_err(wrong)?.into()),
            Arg::Long("until-eof") => arguments.until_eof = true,
            Arg::Long("quiet") => arguments.quiet = true,
            Arg::Value(value) if arguments.file.is_none() => arguments.file = Some(PathBuf::from(value)),
            Arg::Value(value) => {
                return Err(format!("`{}` after the script; gateway takes one", value.to_string_lossy()));
            }
            other => {
                let problem = wrong(other.unexpected());
                return Err(format!(
                    "{problem}; gateway takes --seed, --listen, --advertised-host, --control, --wire, --record, \
                     --until-eof and --quiet"
                ));
            }
        }
    }
    if arguments.until_eof && arguments.file.as_deref().is_some_and(|file| file.to_str() == Some("-")) {
        return Err("`--until-eof` with a script from the standard input, which ends at once".into());
    }
    Ok(Call::Gateway(arguments))
}

fn seed(parser: &mut Parser) -> Result<u64, String> {
    let value = parser.value().map_err(wrong)?;
    value.parse().map_err(|_| format!("`{}` is no seed; a seed is a whole number from 0 on", value.to_string_lossy()))
}

/// An address to listen on, `localhost` among them.
fn address(parser: &mut Parser, flag: &str) -> Result<SocketAddr, String> {
    let text = value_text(parser)?;
    let numeric = text.strip_prefix("localhost:").map_or(text.clone(), |port| format!("127.0.0.1:{port}"));
    numeric
        .parse()
        .map_err(|_| format!("`{text}` after `{flag}`; it takes an address and a port, such as 127.0.0.1:9092"))
}

fn value_text(parser: &mut Parser) -> Result<String, String> {
    parser.value().and_then(|value| value.string()).map_err(wrong)
}

fn wrong(error: lexopt::Error) -> String {
    error.to_string()
}
