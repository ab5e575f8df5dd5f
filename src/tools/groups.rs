//! `kafka-groups.sh` (`GroupsCommand`).

use super::files::{Files, command_config, set_up};
use super::java::{hash_order, padded};
use super::options::{BOOTSTRAP_SERVER, COMMAND_CONFIG, HELP, Options, Spec, Unreadable, VERSION, switch, valued};
use super::out::{Out, ToolOutput};
use super::topics::unreadable;
use super::{Program, Refusal};
use crate::base::SimDuration;
use crate::client::admin::{Admin, AdminConfig, GroupFilter, GroupListing, Step, Throwable};
use std::sync::Arc;

const OPTIONS: &[Spec] = &[
    BOOTSTRAP_SERVER,
    COMMAND_CONFIG,
    switch("consumer", "Only consumer groups: of type consumer, or classic ones of that protocol or none."),
    valued("group-type", "<String: type>", "Only groups of this type: classic, consumer, share or streams."),
    HELP,
    switch("list", "List groups."),
    valued("protocol", "<String: protocol>", "Only groups with this protocol type."),
    switch("share", "Only share groups."),
    switch("streams", "Only streams groups."),
    VERSION,
];

const ABOUT: &str = "This tool helps to list groups of all types.";

/// The types that groups have (`GroupType`).
const TYPES: [&str; 4] = ["consumer", "classic", "share", "streams"];

#[derive(Debug)]
struct Groups {
    options: Options,
    files: Files,
}

/// Reads the tool's arguments.
pub(super) fn read(args: &[String], files: &Files) -> Result<Arc<dyn Program>, Refusal> {
    let options = Options::read(OPTIONS, args).map_err(|why| match why {
        Unreadable::Refused(thrown) => Refusal::Ends(super::options::usage(OPTIONS, thrown.message())),
        unbuilt => unreadable(unbuilt),
    })?;
    check(&options)?;
    Ok(Arc::new(Groups { options, files: files.clone() }))
}

fn check(options: &Options) -> Result<(), ToolOutput> {
    options.help_or_version(ABOUT).map_or(Ok(()), Err)?;
    if !options.has("list") {
        return Err(options.usage("Command must include exactly one action: --list."));
    }
    if let Some(kind) = options.all("group-type").next()
        && !TYPES.iter().any(|known| known.eq_ignore_ascii_case(kind))
    {
        let thrown = Throwable::new(Throwable::ILLEGAL_ARGUMENT, "--group-type must be a valid group type.");
        let stderr = format!("{}\n{}\n", thrown.message(), thrown.stack_trace());
        return Err(ToolOutput { stdout: String::new(), stderr, exit: 1 });
    }
    options.invalid("consumer", &["group-type", "protocol", "share", "streams"])?;
    options.invalid("share", &["consumer", "group-type", "protocol", "streams"])?;
    options.invalid("streams", &["consumer", "group-type", "protocol", "share"])
}

impl Program for Groups {
    fn configure(&self, config: &mut AdminConfig) -> Result<(), Throwable> {
        set_up(config, &command_config(&self.options, "command-config", &self.files)?)
    }

    fn run(&self, admin: &mut Admin<'_, '_>, out: &mut Out) -> Step<i32> {
        let (started, _) = admin.clock();
        let groups = admin.list_groups(&GroupFilter::default(), None)?;
        // The tool waits half a minute for a call that takes up to a whole one.
        if started + SimDuration::from_secs(30) < admin.clock().0 {
            return Err(Throwable::bare("java.util.concurrent.TimeoutException").into());
        }
        let listed: Vec<GroupListing> =
            hash_order(groups.into_iter().map(|group| (group.group_id.clone(), group)).collect())
                .into_iter()
                .map(|(_, group)| group)
                .filter(|group| self.is_wanted(group))
                .collect();
        print(&listed, out);
        Ok(0)
    }

    fn failed(&self, thrown: &Throwable, wall_clock_ms: i64, out: &mut Out) -> i32 {
        out.line(format_args!("Error while executing groups command : {}", thrown.message()));
        out.log(wall_clock_ms, "ERROR", thrown.stack_trace(), "org.apache.kafka.tools.GroupsCommand");
        1
    }
}

impl Groups {
    fn is_wanted(&self, group: &GroupListing) -> bool {
        let options = &self.options;
        let is_type = |kind: &str| group.kind.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(kind));
        let protocol = options.all("protocol").next();
        match options.all("group-type").next() {
            Some(kind) => is_type(kind) && protocol.is_none_or(|protocol| protocol == group.protocol_type),
            None => match protocol {
                Some(protocol) => protocol == group.protocol_type,
                None if options.has("consumer") => {
                    matches!(group.protocol_type.as_str(), "consumer" | "") || is_type("consumer")
                }
                None if options.has("share") => is_type("share"),
                None if options.has("streams") => is_type("streams"),
                None => true,
            },
        }
    }
}

fn print(groups: &[GroupListing], out: &mut Out) {
    let cells = |group: &GroupListing| {
        [group.group_id.clone(), group.kind.clone().unwrap_or_default(), group.protocol_type.clone()]
    };
    let rows: Vec<[String; 3]> = groups.iter().map(cells).collect();
    let width = rows.iter().flatten().map(String::len).fold(20, usize::max);
    out.line(["GROUP", "TYPE", "PROTOCOL"].map(|title| padded(title, width)).join(" "));
    for row in rows {
        // Behind every cell a blank, the last one too.
        out.line(row.map(|cell| padded(cell, width) + " ").concat());
    }
}
