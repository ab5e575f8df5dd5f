//! `kafka-consumer-groups.sh --reset-offsets`.

use super::super::java::{hash_order, parse_date_time, parse_duration_ms, parse_int, parse_long, split};
use super::super::out::Out;
use super::describe::log_offsets;
use super::table::{row, titles};
use super::{ConsumerGroups, LOGGER, SCENARIOS, print_error, unchecked};
use crate::base::{SortedMap, SortedSet, TopicPartition};
use crate::client::admin::{Admin, Step, Stop, Throwable};
use crate::wire::ErrorCode;

/// New offsets of a group, in the order of a map.
type Plan = Vec<(TopicPartition, i64)>;

pub(super) fn reset(tool: &ConsumerGroups, admin: &mut Admin<'_, '_>, out: &mut Out) -> Step<()> {
    let ids = tool.groups(admin)?;
    let groups = hash_order(admin.describe_consumer_groups(&ids, tool.timeout()?)?.into_iter().collect());
    let mut plans: Vec<(String, Plan)> = Vec::new();
    for (id, group) in groups {
        let state = match group {
            Ok(group) => group.state,
            Err(why) if why.is(ErrorCode::GROUP_ID_NOT_FOUND) => "Dead".to_owned(),
            Err(why) => return unchecked(Err(Stop::Failed(why))),
        };
        let plan = match state.as_str() {
            "Empty" | "Dead" => reset_inactive(tool, &id, admin, out)?,
            _ => {
                let only = format!("Assignments can only be reset if the group '{id}' is inactive");
                print_error(&format!("{only}, but the current state is {state}."), out);
                Plan::new()
            }
        };
        plans.push((id, plan));
    }
    let plans = hash_order(plans);
    match tool.options.has("export") {
        true => out.line(exported(tool, &plans)),
        false => print(&plans, out),
    }
    Ok(())
}

fn print(plans: &[(String, Plan)], out: &mut Out) {
    let widths = [30, 30, 10, 15];
    if !plans.is_empty() {
        row(&widths, &titles(&["GROUP", "TOPIC", "PARTITION", "NEW-OFFSET"]), out);
    }
    for (id, plan) in plans {
        for (tp, offset) in plan {
            let cells = [id.clone(), tp.topic.to_string(), tp.partition.to_string(), offset.to_string()];
            row(&widths, &cells, out);
        }
    }
    out.line("");
}

/// Comma separated values; with the group in front when there are several.
fn exported(tool: &ConsumerGroups, plans: &[(String, Plan)]) -> String {
    let single = tool.options.all("group").count() == 1;
    let mut text = String::new();
    for (id, plan) in plans {
        let id = if single { String::new() } else { format!("{},", quoted(id)) };
        for (tp, offset) in plan {
            text += &format!("{id}{},{},{offset}\n", tp.topic, tp.partition);
        }
    }
    text
}

fn quoted(text: &str) -> String {
    match text.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

fn reset_inactive(tool: &ConsumerGroups, group: &str, admin: &mut Admin<'_, '_>, out: &mut Out) -> Step<Plan> {
    let partitions = partitions(tool, group, admin, out)?;
    let plan = hash_order(planned(tool, group, &partitions, admin, out)?);
    if tool.options.has("execute") && !tool.options.has("dry-run") {
        let offsets: SortedMap<TopicPartition, i64> = plan.iter().cloned().collect();
        admin.alter_consumer_group_offsets(group, &offsets, tool.timeout()?)?;
    }
    Ok(plan)
}

/// The partitions to reset, in the order in which Java comes to them.
fn partitions(
    tool: &ConsumerGroups,
    group: &str,
    admin: &mut Admin<'_, '_>,
    out: &mut Out,
) -> Step<Vec<TopicPartition>> {
    let options = &tool.options;
    if options.has("all-topics") {
        let committed = committed(tool, group, admin)?;
        return Ok(hash_order(committed.into_iter().collect()).into_iter().map(|(tp, _)| tp).collect());
    }
    if !options.has("topic") {
        if options.has("from-file") {
            return Ok(Vec::new());
        }
        let message = "One of the reset scopes should be defined: --all-topics, --topic.";
        return Err(tool.exit_with_usage(message, out));
    }
    let mut found = Vec::new();
    let mut whole = SortedSet::new();
    for argument in options.all("topic") {
        match argument.contains(':') {
            true => found.extend(partitions_of_argument(argument)?),
            false => drop(whole.insert(argument.to_owned())),
        }
    }
    for topic in admin.describe_all_topics(&whole, super::super::topics::PARTITION_LIMIT)? {
        found.extend(topic.partitions.iter().map(|p| TopicPartition::new(topic.name.as_str(), p.partition)));
    }
    Ok(found)
}

/// The partitions of an argument such as `orders:0,1,2`.
pub(super) fn partitions_of_argument(argument: &str) -> Result<Vec<TopicPartition>, Throwable> {
    let parts = split(argument, ':');
    let [topic, partitions] = parts[..] else {
        let message = format!("Invalid topic arg '{argument}', expected topic name and partitions");
        return Err(Throwable::new(Throwable::ILLEGAL_ARGUMENT, message));
    };
    let partition = |text: &str| {
        let index = parse_int(text).map_err(|_| {
            let message = format!("Invalid partition '{text}' specified in topic arg '{argument}''");
            Throwable::new(Throwable::ILLEGAL_ARGUMENT, message)
        })?;
        Ok(TopicPartition::new(topic, index))
    };
    split(partitions, ',').into_iter().map(partition).collect()
}

/// Where each partition shall be (`prepareOffsetsToReset`).
fn planned(
    tool: &ConsumerGroups,
    group: &str,
    partitions: &[TopicPartition],
    admin: &mut Admin<'_, '_>,
    out: &mut Out,
) -> Step<Plan> {
    let options = &tool.options;
    let has = |name: &str| options.has(name);
    match () {
        () if has("to-offset") => {
            let offset = options.long("to-offset")?.unwrap_or_default();
            let wanted = partitions.iter().map(|tp| (tp.clone(), offset)).collect();
            in_range(tool, wanted, admin, out)
        }
        () if has("to-earliest") => Ok(log_offsets(tool, partitions.iter(), -2, admin)?.into_iter().collect()),
        () if has("to-latest") => Ok(log_offsets(tool, partitions.iter(), -1, admin)?.into_iter().collect()),
        () if has("shift-by") => shifted(tool, group, partitions, admin, out),
        () if has("to-datetime") => {
            let text = options.one("to-datetime")?.unwrap_or_default();
            let timestamp = parse_date_time(text).map_err(|why| Throwable::around(Throwable::RUNTIME, why))?;
            at_timestamp(tool, partitions, timestamp, admin, out)
        }
        () if has("by-duration") => {
            let span_ms = parse_duration_ms(options.one("by-duration")?.unwrap_or_default())?;
            let (_, now_ms) = admin.clock();
            at_timestamp(tool, partitions, now_ms - span_ms, admin, out)
        }
        () if has("from-file") => from_file(tool, group, admin, out),
        () if has("to-current") => to_current(tool, group, partitions, admin),
        () => {
            let scenarios = SCENARIOS.map(|scenario| format!("[{scenario}]")).join(", ");
            let message = format!("Option '[reset-offsets]' requires one of the following scenarios: [{scenarios}]");
            Err(tool.exit_with_usage(&message, out))
        }
    }
}

fn committed(tool: &ConsumerGroups, group: &str, admin: &mut Admin<'_, '_>) -> Step<SortedMap<TopicPartition, i64>> {
    let committed = unchecked(admin.list_consumer_group_offsets(group, tool.timeout()?))?;
    Ok(committed.into_iter().filter_map(|(tp, committed)| Some((tp, committed?.offset))).collect())
}

fn shifted(
    tool: &ConsumerGroups,
    group: &str,
    partitions: &[TopicPartition],
    admin: &mut Admin<'_, '_>,
    out: &mut Out,
) -> Step<Plan> {
    let committed = committed(tool, group, admin)?;
    let mut wanted = Plan::new();
    for tp in partitions {
        let by = tool.options.long("shift-by")?.unwrap_or_default();
        let Some(offset) = committed.get(tp) else {
            let message = format!("Cannot shift offset for partition {tp} since there is no current committed offset");
            return Err(Throwable::new(Throwable::ILLEGAL_ARGUMENT, message).into());
        };
        wanted.push((tp.clone(), offset.wrapping_add(by)));
    }
    in_range(tool, wanted, admin, out)
}

/// The offsets at a moment; where a partition has no record from then on, its latest.
fn at_timestamp(
    tool: &ConsumerGroups,
    partitions: &[TopicPartition],
    timestamp: i64,
    admin: &mut Admin<'_, '_>,
    out: &mut Out,
) -> Step<Plan> {
    let found = log_offsets(tool, partitions.iter(), timestamp, admin)?;
    let (mut plan, empty): (Plan, Plan) = found.into_iter().partition(|(_, offset)| *offset >= 0);
    for (tp, _) in hash_order(empty.clone()) {
        let which = format!("Partition {} from topic {}", tp.partition, tp.topic);
        out.line(format_args!("\nWarn: {which} is empty. Falling back to latest known offset."));
    }
    plan.extend(log_offsets(tool, empty.iter().map(|(tp, _)| tp), -1, admin)?);
    Ok(plan)
}

fn to_current(
    tool: &ConsumerGroups,
    group: &str,
    partitions: &[TopicPartition],
    admin: &mut Admin<'_, '_>,
) -> Step<Plan> {
    let committed = committed(tool, group, admin)?;
    let without: Vec<&TopicPartition> = partitions.iter().filter(|tp| !committed.contains_key(tp)).collect();
    let mut plan: Plan = partitions.iter().filter_map(|tp| Some((tp.clone(), *committed.get(tp)?))).collect();
    plan.extend(log_offsets(tool, without.into_iter(), -1, admin)?);
    Ok(plan)
}

/// Offsets as a file has them: `topic,partition,offset` lines, or with the group in front.
fn from_file(tool: &ConsumerGroups, group: &str, admin: &mut Admin<'_, '_>, out: &mut Out) -> Step<Plan> {
    let path = tool.options.one("from-file")?.unwrap_or_default();
    let unreadable = |cause: Throwable| {
        let why = Throwable::new("java.io.IOException", format!("Unable to read file {path}")).caused_by(cause);
        Throwable::around(Throwable::RUNTIME, why)
    };
    let lines = split(tool.files.read(path).map_err(unreadable)?, '\n');
    let mut plans: Vec<(String, TopicPartition, i64)> = Vec::new();
    let single = tool.options.all("group").count() == 1;
    for line in lines.iter().map(|line| line.trim_end_matches('\r')).filter(|line| !line.is_empty()) {
        let fields = split(line, ',');
        let (id, rest) = match fields[..] {
            ref rest if single && rest.len() == 3 => (group, rest),
            [id, ref rest @ ..] if rest.len() == 3 => (id, rest),
            _ => return Err(unparsable(line).into()),
        };
        let (partition, offset) = (parse_int(rest[1]), parse_long(rest[2]));
        let (Ok(partition), Ok(offset)) = (partition, offset) else { return Err(unparsable(line).into()) };
        let tp = TopicPartition::new(rest[0], partition);
        plans.retain(|(known, other, _)| !(known == id && *other == tp));
        plans.push((id.to_owned(), tp, offset));
    }
    let plan: Plan = plans.into_iter().filter(|(id, ..)| id == group).map(|(_, tp, offset)| (tp, offset)).collect();
    if plan.is_empty() {
        print_error(&format!("No reset plan for group {group} found"), out);
        return Ok(plan);
    }
    in_range(tool, plan, admin, out)
}

fn unparsable(line: &str) -> Throwable {
    let why = format!("Cannot read `{line}` as topic,partition,offset");
    Throwable::around(Throwable::RUNTIME, Throwable::new("java.io.IOException", why))
}

/// Offsets moved into what the log has, with a warning for each (`checkOffsetsRange`).
fn in_range(tool: &ConsumerGroups, wanted: Plan, admin: &mut Admin<'_, '_>, out: &mut Out) -> Step<Plan> {
    let starts = log_offsets(tool, wanted.iter().map(|(tp, _)| tp), -2, admin)?;
    let ends = log_offsets(tool, wanted.iter().map(|(tp, _)| tp), -1, admin)?;
    let (_, now_ms) = admin.clock();
    let mut plan = Plan::new();
    for (tp, offset) in hash_order(wanted) {
        let (start, end) = (starts[&tp], ends[&tp]);
        let (moved, why) = match offset {
            offset if offset > end => (end, "higher than latest offset"),
            offset if offset < start => (start, "lower than earliest offset"),
            offset => (offset, ""),
        };
        if moved != offset {
            let text = format!("New offset ({offset}) is {why} for topic partition {tp}. Value will be set to {moved}");
            out.log(now_ms, "WARN", text, LOGGER);
        }
        plan.push((tp, moved));
    }
    Ok(plan)
}
