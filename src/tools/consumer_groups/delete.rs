//! `kafka-consumer-groups.sh --delete` and `--delete-offsets`.

use super::super::java::hash_order;
use super::super::out::Out;
use super::reset::partitions_of_argument;
use super::table::{MISSING, row, titles, widest};
use super::{ConsumerGroups, print_error};
use crate::base::{Sort, SortedMap, SortedSet, TopicPartition};
use crate::client::admin::{Admin, Step, Throwable, caught};
use crate::wire::ErrorCode;

pub(super) fn delete_groups(tool: &ConsumerGroups, admin: &mut Admin<'_, '_>, out: &mut Out) -> Step<()> {
    let ids = tool.groups(admin)?;
    let results = hash_order(admin.delete_consumer_groups(&ids, tool.timeout()?)?.into_iter().collect());
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for (id, result) in results {
        match result {
            Ok(()) => done.push(format!("'{id}'")),
            Err(why) => failed.push((id, why)),
        }
    }
    let done = done.join(", ");
    if failed.is_empty() {
        out.line(format_args!("Deletion of requested consumer groups ({done}) was successful."));
        return Ok(());
    }
    print_error("Deletion of some consumer groups failed:", out);
    for (id, why) in failed {
        out.line(format_args!("* Group '{id}' could not be deleted due to: {why}"));
    }
    if !done.is_empty() {
        out.line(format_args!("\nThese consumer groups were deleted successfully: {done}"));
    }
    Ok(())
}

/// What became of a partition's offset: nothing wrong, or what was thrown.
type Outcomes = SortedMap<TopicPartition, Option<Throwable>>;

pub(super) fn delete_offsets(tool: &ConsumerGroups, admin: &mut Admin<'_, '_>, out: &mut Out) -> Step<()> {
    let group = tool.options.one("group")?.unwrap_or_default();
    let (error, outcomes) = delete(tool, group, admin)?;
    match error {
        ErrorCode::NONE => out.line(format_args!("Request succeeded for deleting offsets from group {group}.")),
        ErrorCode::INVALID_GROUP_ID
        | ErrorCode::GROUP_ID_NOT_FOUND
        | ErrorCode::GROUP_AUTHORIZATION_FAILED
        | ErrorCode::NON_EMPTY_GROUP => print_error(error.message(), out),
        ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC
        | ErrorCode::TOPIC_AUTHORIZATION_FAILED
        | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => {
            print_error("Encountered some partition-level error, see the follow-up details.", out);
        }
        other => print_error(&format!("Encountered some unknown error: {other}"), out),
    }
    let widths = [widest(15, outcomes.keys().map(|tp| &*tp.topic)), 10, 15];
    row(&widths, &titles(&["TOPIC", "PARTITION", "STATUS"]), out);
    let mut rows: Vec<(&TopicPartition, &Option<Throwable>)> = outcomes.iter().collect();
    rows.order_by_key(|(tp, _)| format!("{}{}", tp.topic, tp.partition));
    for (tp, outcome) in rows {
        let partition = if tp.partition >= 0 { tp.partition.to_string() } else { MISSING.to_owned() };
        // What was thrown came out of a future, whose exception has the other's text as its message.
        let status = outcome.as_ref().map_or("Successful".to_owned(), |why| format!("Error: {why}"));
        row(&widths, &[tp.topic.to_string(), partition, status], out);
    }
    out.line("");
    Ok(())
}

fn delete(tool: &ConsumerGroups, group: &str, admin: &mut Admin<'_, '_>) -> Step<(ErrorCode, Outcomes)> {
    let mut outcomes = Outcomes::new();
    let mut partitions = SortedSet::new();
    let mut whole = SortedSet::new();
    for argument in tool.options.all("topic") {
        match argument.contains(':') {
            true => partitions.extend(partitions_of_argument(argument)?),
            false => drop(whole.insert(argument.to_owned())),
        }
    }
    for (name, topic) in admin.describe_topics(&whole, super::super::topics::PARTITION_LIMIT)? {
        match topic {
            Ok(topic) => {
                partitions.extend(topic.partitions.iter().map(|p| TopicPartition::new(name.as_str(), p.partition)))
            }
            Err(why) => drop(outcomes.insert(TopicPartition::new(name, -1), Some(why))),
        }
    }
    let deleted = caught(admin.delete_consumer_group_offsets(group, &partitions, tool.timeout()?))?;
    let mut first = ErrorCode::NONE;
    for (tp, ()) in hash_order(partitions.into_iter().map(|tp| (tp, ())).collect()) {
        let why = match &deleted {
            Err(why) => Some(why.clone()),
            Ok(errors) => match errors.get(&tp) {
                Some(error) => (!error.is_ok()).then(|| Throwable::of(*error, None)),
                None => {
                    let what =
                        format!("Offset deletion result for partition \"{tp}\" was not included in the response");
                    Some(Throwable::new(Throwable::ILLEGAL_ARGUMENT, what))
                }
            },
        };
        if first.is_ok()
            && let Some(why) = &why
        {
            first = why.error().unwrap_or(ErrorCode::UNKNOWN_SERVER_ERROR);
        }
        outcomes.insert(tp, why);
    }
    if let Err(why) = &deleted {
        first = why.error().unwrap_or(ErrorCode::UNKNOWN_SERVER_ERROR);
    }
    Ok((first, outcomes))
}
