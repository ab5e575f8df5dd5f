//! `kafka-consumer-groups.sh` (`ConsumerGroupCommand`).

mod delete;
mod describe;
mod list;
mod regex;
mod reset;
mod table;

use super::files::{Files, command_config, set_up};
use super::options::{
    BOOTSTRAP_SERVER, COMMAND_CONFIG, HELP, Options, Spec, Unreadable, VERSION, optional, switch, valued,
};
use super::out::{Out, ToolOutput};
use super::topics::unreadable;
use super::{Program, Refusal, future};
use crate::base::SimDuration;
use crate::client::admin::{Admin, AdminConfig, Step, Stop, Throwable};
use std::sync::Arc;

const OPTIONS: &[Spec] = &[
    switch("all-groups", "All consumer groups."),
    switch("all-topics", "With --reset-offsets: every partition that the group has committed."),
    BOOTSTRAP_SERVER,
    valued("by-duration", "<String: PnDTnHnMnS>", "With --reset-offsets: to where that span of time ago was."),
    COMMAND_CONFIG,
    switch("delete", "Delete groups."),
    switch("delete-offsets", "Delete a group's committed offsets."),
    switch("describe", "Show groups: their offsets and lag, or members, or state."),
    switch("dry-run", "With --reset-offsets: only show what would be done."),
    switch("execute", "With --reset-offsets: do it."),
    switch("export", "With --reset-offsets: print as comma separated values."),
    valued(
        "from-file",
        "<String: CSV file>",
        "With --reset-offsets: to what a file says; /dev/stdin is what `<<END` brings.",
    ),
    valued("group", "<String: consumer group>", "The group; may be repeated."),
    HELP,
    switch("list", "List consumer groups."),
    switch("members", "With --describe: the members.").available_if(&["describe"]),
    switch("offsets", "With --describe: offsets and lag, which is what it shows by itself.")
        .available_if(&["describe"]),
    switch("reset-offsets", "Set a group's committed offsets; the group has to be inactive."),
    valued("shift-by", "<Long: number-of-offsets>", "With --reset-offsets: by so many, forward or back."),
    optional("state", "With --describe: the state. With --list: the states, or only these.")
        .available_if(&["describe", "list"]),
    valued("timeout", "<Long: ms>", "How long a request may take with its tries; 30000 unless given."),
    switch("to-current", "With --reset-offsets: to what is committed."),
    valued("to-datetime", "<String: YYYY-MM-DDThh:mm:ss.sss>", "With --reset-offsets: to where that moment was."),
    switch("to-earliest", "With --reset-offsets: to the earliest offset."),
    switch("to-latest", "With --reset-offsets: to the latest offset."),
    valued("to-offset", "<Long: offset>", "With --reset-offsets: to this offset."),
    valued("topic", "<String: topic>", "A topic, or topic:0,1,2 for some of its partitions; may be repeated."),
    optional("type", "With --list: the types, or only these.").available_if(&["list"]),
    valued("validate-regex", "<String: regex>", "Say whether a regular expression is valid."),
    switch("verbose", "With --describe: more columns.").available_if(&["describe"]),
    VERSION,
];

const ABOUT: &str = "This tool helps to list all consumer groups, describe a consumer group, delete consumer group \
                     info, or reset consumer group offsets.";
const ACTIONS: [&str; 6] = ["list", "describe", "delete", "reset-offsets", "delete-offsets", "validate-regex"];
/// What `--reset-offsets` can be told, in the order of Java's set of these options.
const SCENARIOS: [&str; 8] =
    ["to-offset", "to-current", "to-datetime", "from-file", "by-duration", "to-earliest", "to-latest", "shift-by"];
/// The order in which the tool looks for scenarios that exclude each other.
const SCENARIOS_CHECKED: [&str; 8] =
    ["to-offset", "to-datetime", "by-duration", "to-earliest", "to-latest", "to-current", "shift-by", "from-file"];
const NO_ACTION: &str = "WARN: No action will be performed as the --execute option is missing. In a future major \
                         release, the default behavior of this command will be to prompt the user before executing \
                         the reset rather than doing a dry run. You should add the --dry-run option explicitly if you \
                         are scripting this command and want to keep the current default behavior without prompting.";
const LOGGER: &str = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";

#[derive(Debug)]
struct ConsumerGroups {
    options: Options,
    files: Files,
}

/// Reads the tool's arguments.
pub(super) fn read(args: &[String], files: &Files) -> Result<Arc<dyn Program>, Refusal> {
    let options = Options::read(OPTIONS, args).map_err(|why| match why {
        // Nothing catches it: Java's own words for that.
        Unreadable::Refused(thrown) => {
            let stderr = format!("Exception in thread \"main\" {}", thrown.stack_trace());
            Refusal::Ends(ToolOutput { stdout: String::new(), stderr, exit: 1 })
        }
        unbuilt => unreadable(unbuilt),
    })?;
    let tool = ConsumerGroups { options, files: files.clone() };
    if let Err(mut ends) = tool.check() {
        ends.stderr.insert_str(0, &tool.warning());
        return Err(ends.into());
    }
    if let Some(pattern) = tool.options.all("validate-regex").next() {
        return Err(ToolOutput { stdout: regex::verdict(pattern), ..ToolOutput::default() }.into());
    }
    Ok(Arc::new(tool))
}

impl ConsumerGroups {
    /// What `--reset-offsets` warns of when it will do nothing; not when it stops before it comes to that.
    fn warning(&self) -> String {
        let has = |name: &str| self.options.has(name);
        let warns = has("reset-offsets") && !has("dry-run") && !has("execute") && self.check_before_reset().is_ok();
        if warns { format!("{NO_ACTION}\n") } else { String::new() }
    }

    /// `ConsumerGroupCommandOptions.checkArgs`, then that there is one action.
    fn check(&self) -> Result<(), ToolOutput> {
        let options = &self.options;
        self.check_before_reset()?;
        if options.has("reset-offsets") {
            self.check_reset()?;
        }
        options.invalid("group", &["all-groups"])?;
        options.invalid("group", &["list"])?;
        options.invalid("topic", &["list", "describe"])?;
        if ACTIONS.iter().filter(|action| options.has(action)).count() == 1 {
            return Ok(());
        }
        let actions = ACTIONS.map(|action| format!("--{action}")).join(", ");
        Err(options.usage(&format!("Command must include exactly one action: {actions}")))
    }

    fn check_before_reset(&self) -> Result<(), ToolOutput> {
        let options = &self.options;
        let has = |name: &str| options.has(name);
        options.help_or_version(ABOUT).map_or(Ok(()), Err)?;
        let scoped = has("group") || has("all-groups");
        if has("describe") {
            if !scoped {
                return Err(options.usage("Option [describe] takes one of these options: [all-groups], [group]"));
            }
            if ["members", "offsets", "state"].iter().filter(|option| has(option)).count() > 1 {
                let one = "Option [describe] takes at most one of these options: [members], [offsets], [state]";
                return Err(options.usage(one));
            }
            if options.all("state").next().is_some() {
                return Err(options.usage("Option [describe] does not take a value for [state]"));
            }
        }
        if has("delete") && !scoped {
            return Err(options.usage("Option [delete] takes one of these options: [all-groups], [group]"));
        }
        if has("delete") && has("topic") {
            let what = "The consumer does not support topic-specific offset deletion from a consumer group.";
            return Err(options.usage(what));
        }
        if has("delete-offsets") && !(has("group") && has("topic")) {
            return Err(options.usage("Option [delete-offsets] takes the following options: [topic], [group]"));
        }
        if has("reset-offsets") && has("dry-run") && has("execute") {
            return Err(options.usage("Option [reset-offsets] only accepts one of [execute] and [dry-run]"));
        }
        Ok(())
    }

    fn check_reset(&self) -> Result<(), ToolOutput> {
        let options = &self.options;
        if !options.has("group") && !options.has("all-groups") {
            return Err(options.usage("Option [reset-offsets] takes one of these options: [all-groups], [group]"));
        }
        for scenario in SCENARIOS_CHECKED {
            let others: Vec<&str> = SCENARIOS.into_iter().filter(|other| *other != scenario).collect();
            options.invalid(scenario, &others)?;
        }
        Ok(())
    }

    /// `--timeout`.
    fn timeout(&self) -> Result<Option<SimDuration>, Throwable> {
        let ms = self.options.long("timeout")?.unwrap_or(30_000);
        Ok(Some(SimDuration::from_millis(ms.max(0) as u64)))
    }

    /// The groups that the options name, or all consumer groups.
    fn groups(&self, admin: &mut Admin<'_, '_>) -> Step<Vec<String>> {
        match self.options.has("all-groups") {
            true => list::group_ids(self, admin),
            false => Ok(self.options.all("group").map(str::to_owned).collect()),
        }
    }

    /// Ends with a message and the options below (`printUsageAndExit`).
    fn exit_with_usage(&self, message: &str, out: &mut Out) -> Stop {
        out.error(self.options.usage(message).stderr);
        Stop::Exit(1)
    }
}

impl Program for ConsumerGroups {
    fn configure(&self, config: &mut AdminConfig) -> Result<(), Throwable> {
        set_up(config, &command_config(&self.options, "command-config", &self.files)?)
    }

    fn run(&self, admin: &mut Admin<'_, '_>, out: &mut Out) -> Step<i32> {
        out.error(self.warning());
        let has = |name: &str| self.options.has(name);
        match () {
            () if has("list") => list::list(self, admin, out)?,
            () if has("describe") => describe::describe(self, admin, out)?,
            () if has("delete") => delete::delete_groups(self, admin, out)?,
            () if has("reset-offsets") => reset::reset(self, admin, out)?,
            () => delete::delete_offsets(self, admin, out)?,
        }
        Ok(0)
    }

    fn failed(&self, thrown: &Throwable, _: i64, out: &mut Out) -> i32 {
        let is_argument = [Throwable::ILLEGAL_ARGUMENT, "java.lang.NumberFormatException"].contains(&thrown.class());
        if is_argument {
            out.error(self.options.usage(thrown.message()).stderr);
            return 1;
        }
        print_error(&format!("Executing consumer group command failed due to {}", thrown.message()), out);
        out.error(thrown.stack_trace());
        // The tool says so and ends as if all were well.
        0
    }
}

fn print_error(message: &str, out: &mut Out) {
    out.line(format_args!("\nError: {message}"));
}

/// What a future throws inside a method that cannot throw it: a RuntimeException around it.
fn unchecked<T>(step: Step<T>) -> Step<T> {
    future(step).map_err(|stop| match stop {
        Stop::Failed(thrown) => Stop::Failed(Throwable::around(Throwable::RUNTIME, thrown)),
        stop => stop,
    })
}
