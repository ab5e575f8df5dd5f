//! `terrarium gateway`.

use super::arguments::GatewayArguments;
use super::lines::JsonLines;
use super::narrator::Narrator;
use super::run::{json, name_of, read};
use super::{Console, Status};
use crate::gateway::{Commander, Gateway, GatewayError, GatewaySpec, Stopped, answer_line};
use crate::script::goes_on;
use serde_json::json;
use std::io::{BufRead as _, Write as _};
use std::path::Path;

pub(super) fn gateway(arguments: &GatewayArguments, console: &mut Console<'_>) -> Status {
    match attempt(arguments, console) {
        Ok(status) => status,
        Err(message) => {
            console.err(&format!("{message}\n"));
            Status::Wrong
        }
    }
}

fn attempt(arguments: &GatewayArguments, console: &mut Console<'_>) -> Result<Status, String> {
    let name = arguments.file.as_deref().map_or("script".into(), name_of);
    let script = arguments.file.as_deref().map(read).transpose()?.unwrap_or_default();
    let wire = arguments.wire.as_deref().map(JsonLines::create).transpose()?;
    let spec = GatewaySpec {
        script,
        seed: arguments.seed,
        listen: arguments.listen,
        advertised_host: arguments.advertised_host.clone(),
        control: Some(arguments.control),
        record: arguments.record.is_some(),
        watcher: Some(Box::new(Narrator::new(name.clone(), !arguments.quiet, wire))),
    };
    let gateway = Gateway::start(spec).map_err(|error| told(&name, &error))?;
    for (what, address) in [("Kafka clients", arguments.listen), ("commands", arguments.control)] {
        if !address.ip().is_loopback() {
            console.err(&format!(
                "WARNING: {what} are taken on {}, not only from this machine: whoever reaches it can use it, without \
                 any password.\n",
                address.ip()
            ));
        }
    }
    // Whoever reads that it is ready may end it at once.
    take_signals(gateway.commander())?;
    let ready = serde_json::to_string(gateway.ready()).expect("addresses can be written as JSON");
    console.out(&format!("{{\"ready\":{ready}}}\n"));
    let reads_stdin = arguments.file.as_deref().and_then(Path::to_str) != Some("-");
    if reads_stdin {
        take_stdin(gateway.commander(), arguments.until_eof);
    }
    let stopped = gateway.wait().map_err(|error| told(&name, &error))?;
    end(arguments, console, &stopped)
}

fn end(arguments: &GatewayArguments, console: &mut Console<'_>, stopped: &Stopped) -> Result<Status, String> {
    if let (Some(file), Some(save)) = (&arguments.record, &stopped.save) {
        write(file, save)?;
    }
    console.out(&format!("{}\n", json!({ "stopped": json(&stopped.summary) })));
    if !arguments.quiet {
        console.err(&format!("{}\n", stopped.summary));
    }
    Ok(if stopped.summary.is_good() { Status::Good } else { Status::Failed })
}

fn told(name: &str, error: &GatewayError) -> String {
    match error {
        GatewayError::Script(error) => error.in_file(name),
        GatewayError::Address(message) | GatewayError::Failed(message) => format!("terrarium: {message}"),
    }
}

#[expect(clippy::disallowed_methods, reason = "the command line writes the run to a file")]
fn write(file: &Path, save: &[u8]) -> Result<(), String> {
    std::fs::write(file, save).map_err(|error| format!("terrarium: {} cannot be written: {error}", file.display()))
}

/// Ends the gateway in good order when somebody asks the process to end.
#[cfg(unix)]
#[expect(clippy::disallowed_methods, reason = "a thread waits for signals")]
fn take_signals(commander: Commander) -> Result<(), String> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM]);
    let mut signals = signals.map_err(|error| format!("terrarium: signals cannot be taken: {error}"))?;
    std::thread::spawn(move || {
        for _ in signals.forever() {
            commander.stop();
        }
    });
    Ok(())
}

#[cfg(not(unix))]
fn take_signals(_commander: Commander) -> Result<(), String> {
    Ok(())
}

/// Takes commands from the standard input, as on the control port.
#[expect(clippy::disallowed_methods, reason = "a thread waits for the standard input")]
fn take_stdin(commander: Commander, until_eof: bool) {
    std::thread::spawn(move || {
        let mut command = String::new();
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            command.push_str(&line);
            if goes_on(&command) {
                command.push('\n');
                continue;
            }
            let text = std::mem::take(&mut command);
            let start = text.trim_start();
            if !start.is_empty() && !start.starts_with('#') {
                let answer = answer_line(&commander.command(&text));
                // Nobody need read the answers.
                let _ = std::io::stdout().write_all(answer.as_bytes());
            }
        }
        if until_eof {
            commander.stop();
        }
    });
}
