//! `cli_arguments`: command lines that Kafka's tools refuse or answer by themselves, as those of 4.1.1 did.

use super::lab::run;
use crate::{int, same, text};
use kafka_terrarium::tools::Invocation;
use serde_json::Value;

/// Entries that are not checked, each with its reason.
pub(crate) const UNCHECKED: [crate::Rule; 3] = [
    ("here the cluster need not be named: `--bootstrap-server` may be left out", |entry| {
        let complains = ["--bootstrap-server must be specified", "[bootstrap-server]", "is required\n", "ApiVersions"];
        let stderr = text(&entry["stderr"]);
        let unnamed = args(entry).iter().all(|arg| arg != "--bootstrap-server" && arg != "-b");
        unnamed && complains.iter().any(|complaint| stderr.contains(complaint))
    }),
    ("help is in words of our own", |entry| args(entry).iter().any(|arg| arg == "--help")),
    ("the order of one of Java's immutable sets, another in every run", |entry| {
        text(&entry["stderr"]).contains("Valid states are: ")
    }),
];

fn args(entry: &Value) -> Vec<String> {
    entry["args"].as_array().expect("arguments").iter().map(|arg| text(arg).to_owned()).collect()
}

pub(crate) fn check(entry: &Value) -> Result<(), String> {
    let stdin = Some(text(&entry["stdin"]).to_owned()).filter(|stdin| !stdin.is_empty());
    let args = args(entry).iter().map(|arg| arg.replace("{bs}", BOOTSTRAP_SERVER)).collect();
    let invocation = Invocation { tool: text(&entry["tool"]).to_owned(), args, stdin };
    let Some((output, _)) = run(invocation, None) else { return Err("it waits for a cluster".into()) };
    same("stdout", normalized(&output.stdout).as_str(), text(&entry["stdout"]))?;
    same("stderr", normalized(&output.stderr).as_str(), text(&entry["stderr"]))?;
    same("exit", i64::from(output.exit), int(&entry["exit"]))
}

/// Where the recorded cluster listens, which the recording writes as `{bs}`.
const BOOTSTRAP_SERVER: &str = "localhost:9092";

/// Output with what differs from run to run, and help, written as the recording writes it.
pub(crate) fn normalized(text: &str) -> String {
    let moment = regex_lite::Regex::new(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\]").expect("an expression");
    let text = moment.replace_all(&text.replace(BOOTSTRAP_SERVER, "{bs}"), "[{time}]").into_owned();
    let usage = regex_lite::Regex::new(r"(?s)(?m:^Option +Description\n).*").expect("an expression");
    usage.replace(&text, "{usage}\n").into_owned()
}
