//! `kafka-consumer-groups.sh --describe`.

use super::super::java::hash_order;
use super::super::out::Out;
use super::table::{MISSING, or_missing, row, titles, widest};
use super::{ConsumerGroups, future, print_error, unchecked};
use crate::base::{Sort, SortedMap, SortedSet, TopicPartition};
use crate::client::admin::{Admin, CommittedOffset, GroupDescription, GroupMember, Step, Throwable};

pub(super) fn describe(tool: &ConsumerGroups, admin: &mut Admin<'_, '_>, out: &mut Out) -> Step<()> {
    let ids = tool.groups(admin)?;
    let has = |name: &str| tool.options.has(name);
    let groups = described(tool, &ids, admin)?;
    if has("members") {
        for group in groups.values() {
            print_members(group, has("verbose"), out)?;
        }
    } else if has("state") {
        for group in groups.values() {
            print_state(group, has("verbose"), admin, out)?;
        }
    } else {
        // Java asks for the groups' offsets in the order of a map and prints them by id.
        let in_map = hash_order(groups.iter().map(|(id, group)| (id.clone(), group)).collect());
        let mut rows = SortedMap::new();
        for (id, group) in in_map {
            rows.insert(id, partition_rows(tool, group, admin)?);
        }
        for (id, group) in &groups {
            print_offsets(group, &rows[id], has("verbose"), out)?;
        }
    }
    Ok(())
}

/// The groups, by id; the first that cannot be described, in the order of a map, is what is thrown.
fn described(
    tool: &ConsumerGroups,
    ids: &[String],
    admin: &mut Admin<'_, '_>,
) -> Step<SortedMap<String, GroupDescription>> {
    let groups = admin.describe_consumer_groups(ids, tool.timeout()?)?;
    let mut found = SortedMap::new();
    for (id, group) in hash_order(groups.into_iter().collect()) {
        found.insert(id, future(group.map_err(Into::into))?);
    }
    Ok(found)
}

/// Whether a group's rows are to be printed; says what is to be said of its state.
fn is_printed(group: &str, state: &str, rows: usize, out: &mut Out) -> Result<bool, Throwable> {
    match state {
        "Dead" => print_error(&format!("Consumer group '{group}' does not exist."), out),
        "Empty" => out.error_line(format_args!("\nConsumer group '{group}' has no active members.")),
        "PreparingRebalance" | "CompletingRebalance" | "Assigning" | "Reconciling" => {
            out.error_line(format_args!("\nWarning: Consumer group '{group}' is rebalancing."));
        }
        "Stable" => {}
        other => {
            let message = format!("Expected a valid consumer group state, but found '{other}'.");
            return Err(Throwable::new(Throwable::KAFKA, message));
        }
    }
    Ok(state != "Dead" && rows > 0)
}

/// A partition of a group, and whose it is.
struct PartitionRow {
    partition: TopicPartition,
    committed: Option<CommittedOffset>,
    log_end: i64,
    member: Option<GroupMember>,
}

fn partition_rows(
    tool: &ConsumerGroups,
    group: &GroupDescription,
    admin: &mut Admin<'_, '_>,
) -> Step<Vec<PartitionRow>> {
    let committed = unchecked(admin.list_consumer_group_offsets(&group.group_id, tool.timeout()?))?;
    let mut members: Vec<&GroupMember> = group.members.iter().filter(|m| !m.assignment.is_empty()).collect();
    members.order_by_key(|member| std::cmp::Reverse(member.assignment.len()));
    let mut rows = Vec::new();
    for member in &members {
        rows.extend(rows_of(tool, &member.assignment, &committed, Some(member), admin)?);
    }
    let assigned: SortedSet<&TopicPartition> = members.iter().flat_map(|member| &member.assignment).collect();
    let orphans: SortedSet<TopicPartition> = committed.keys().filter(|tp| !assigned.contains(tp)).cloned().collect();
    if !orphans.is_empty() {
        rows.extend(rows_of(tool, &orphans, &committed, None, admin)?);
    }
    Ok(rows)
}

fn rows_of(
    tool: &ConsumerGroups,
    partitions: &SortedSet<TopicPartition>,
    committed: &SortedMap<TopicPartition, Option<CommittedOffset>>,
    member: Option<&GroupMember>,
    admin: &mut Admin<'_, '_>,
) -> Step<Vec<PartitionRow>> {
    let ends = log_offsets(tool, partitions.iter(), -1, admin)?;
    let mut ordered: Vec<(TopicPartition, i64)> = hash_order(ends.into_iter().collect());
    ordered.order_by_key(|(tp, _)| tp.partition);
    let row = |(partition, log_end): (TopicPartition, i64)| PartitionRow {
        committed: committed.get(&partition).copied().flatten(),
        member: member.cloned(),
        partition,
        log_end,
    };
    Ok(hash_order(ordered).into_iter().map(row).collect())
}

/// The offsets of partitions at a timestamp (-1 the latest, -2 the earliest).
pub(super) fn log_offsets<'a>(
    tool: &ConsumerGroups,
    partitions: impl Iterator<Item = &'a TopicPartition>,
    timestamp: i64,
    admin: &mut Admin<'_, '_>,
) -> Step<SortedMap<TopicPartition, i64>> {
    let wanted: SortedMap<TopicPartition, i64> = partitions.map(|tp| (tp.clone(), timestamp)).collect();
    let listed = admin.list_offsets(&wanted, tool.timeout()?)?;
    let mut offsets = SortedMap::new();
    for (tp, listed) in listed {
        offsets.insert(tp, unchecked(listed.map_err(Into::into))?.offset);
    }
    Ok(offsets)
}

const OFFSET_TITLES: [&str; 10] = [
    "GROUP",
    "TOPIC",
    "PARTITION",
    "LEADER-EPOCH",
    "CURRENT-OFFSET",
    "LOG-END-OFFSET",
    "LAG",
    "CONSUMER-ID",
    "HOST",
    "CLIENT-ID",
];
/// The column that `--verbose` adds.
const LEADER_EPOCH: usize = 3;

fn print_offsets(
    group: &GroupDescription,
    rows: &[PartitionRow],
    verbose: bool,
    out: &mut Out,
) -> Result<(), Throwable> {
    if !is_printed(&group.group_id, &group.state, rows.len(), out)? {
        return Ok(());
    }
    let cells: Vec<Vec<String>> = rows.iter().map(|row| offset_cells(&group.group_id, row)).collect();
    let width = |column: usize| widest(15, cells.iter().map(|row| row[column].as_str()));
    let widths = [width(0), width(1), 10, 15, 15, 15, 15, width(7), width(8), 0];
    let shown = |cells: &[String]| -> Vec<String> {
        cells
            .iter()
            .enumerate()
            .filter(|(column, _)| verbose || *column != LEADER_EPOCH)
            .map(|(_, c)| c.clone())
            .collect()
    };
    let widths: Vec<usize> = widths
        .into_iter()
        .enumerate()
        .filter(|(column, _)| verbose || *column != LEADER_EPOCH)
        .map(|(_, w)| w)
        .collect();
    row(&widths, &shown(&titles(&OFFSET_TITLES)), out);
    cells.iter().for_each(|cells| row(&widths, &shown(cells), out));
    out.line("");
    Ok(())
}

fn offset_cells(group: &str, row: &PartitionRow) -> Vec<String> {
    let offset = row.committed.map(|committed| committed.offset);
    let member = |value: fn(&GroupMember) -> &String| or_missing(row.member.as_ref().map(|m| value(m).clone()));
    vec![
        group.to_owned(),
        row.partition.topic.to_string(),
        row.partition.partition.to_string(),
        or_missing(row.committed.and_then(|committed| committed.leader_epoch)),
        or_missing(offset),
        row.log_end.to_string(),
        or_missing(offset.map(|offset| row.log_end - offset)),
        member(|m| &m.member_id),
        member(|m| &m.host),
        member(|m| &m.client_id),
    ]
}

fn print_members(group: &GroupDescription, verbose: bool, out: &mut Out) -> Result<(), Throwable> {
    let members = &group.members;
    // The titles are printed even when there is nothing below.
    let printed = is_printed(&group.group_id, &group.state, members.len(), out)?;
    let with_instance = printed && members.iter().any(|m| m.instance_id.as_deref().is_some_and(|id| !id.is_empty()));
    let upgraded = |which: bool| members.iter().any(|m| m.is_upgraded == Some(which));
    let with_upgrade = printed && verbose && upgraded(true) && upgraded(false);
    let all: Vec<Vec<String>> = members.iter().map(|member| member_cells(group, member)).collect();
    let width = |least: usize, column: usize| match printed {
        true => widest(least, all.iter().map(|row| row[column].as_str())),
        false => least,
    };
    let widths = [
        width(15, 0),
        width(15, 1),
        width(17, 2),
        width(15, 3),
        width(15, 4),
        15,
        15,
        width(20, 7),
        15,
        width(20, 9),
        0,
    ];
    let is_shown = |column: usize| match column {
        2 => with_instance,
        6..=9 => verbose,
        10 => with_upgrade,
        _ => true,
    };
    let mut print = |cells: &[String]| {
        let shown = (0..cells.len()).filter(|column| is_shown(*column));
        let line: Vec<String> =
            shown.map(|column| super::super::java::padded(&cells[column], widths[column])).collect();
        // Behind the counts a blank; it is where the further columns begin.
        let end = if verbose { "" } else { " " };
        out.line(format_args!("{}{end}", line.join(" ")));
    };
    let title = titles(&[
        "GROUP",
        "CONSUMER-ID",
        "GROUP-INSTANCE-ID",
        "HOST",
        "CLIENT-ID",
        "#PARTITIONS",
        "CURRENT-EPOCH",
        "CURRENT-ASSIGNMENT",
        "TARGET-EPOCH",
        "TARGET-ASSIGNMENT",
        "UPGRADED",
    ]);
    let mut first = title.clone();
    first[0] = format!("\n{:<width$}", title[0], width = widths[0]);
    print(&first);
    all.iter().for_each(|cells| print(cells));
    Ok(())
}

fn member_cells(group: &GroupDescription, member: &GroupMember) -> Vec<String> {
    let target = member.target_assignment.clone().unwrap_or_default();
    vec![
        group.group_id.clone(),
        member.member_id.clone(),
        member.instance_id.clone().unwrap_or_default(),
        member.host.clone(),
        member.client_id.clone(),
        member.assignment.len().to_string(),
        or_missing(member.epoch),
        assignment(&member.assignment),
        or_missing(group.assignment_epoch),
        assignment(&target),
        or_missing(member.is_upgraded),
    ]
}

/// `orders:0,1;payments:2`.
fn assignment(partitions: &SortedSet<TopicPartition>) -> String {
    let mut topics: SortedMap<&str, Vec<String>> = SortedMap::new();
    for tp in partitions {
        topics.entry(&tp.topic).or_default().push(tp.partition.to_string());
    }
    if topics.is_empty() {
        return MISSING.to_owned();
    }
    let mut texts: Vec<String> =
        topics.into_iter().map(|(topic, partitions)| format!("{topic}:{}", partitions.join(","))).collect();
    texts.order();
    texts.join(";")
}

fn print_state(group: &GroupDescription, verbose: bool, admin: &Admin<'_, '_>, out: &mut Out) -> Result<(), Throwable> {
    if !is_printed(&group.group_id, &group.state, 1, out)? {
        return Ok(());
    }
    let address = admin.address(group.coordinator).map_or(":-1".to_owned(), |address| address.to_string());
    let coordinator = format!("{address}  ({})", group.coordinator);
    let assignor = if group.assignor.is_empty() { MISSING.to_owned() } else { group.assignor.clone() };
    let widths = [group.group_id.len().max(15), coordinator.len().max(25), 20, 20];
    let mut heads = titles(&["GROUP", "COORDINATOR (ID)", "ASSIGNMENT-STRATEGY", "STATE"]);
    let mut cells = vec![group.group_id.clone(), coordinator, assignor, group.state.clone()];
    let mut widths = widths.to_vec();
    if verbose {
        heads.extend(titles(&["GROUP-EPOCH", "TARGET-ASSIGNMENT-EPOCH"]));
        cells.extend([or_missing(group.group_epoch), or_missing(group.assignment_epoch)]);
        widths.extend([15, 25]);
    }
    heads.push("#MEMBERS".into());
    cells.push(group.members.len().to_string());
    widths.push(0);
    row(&widths, &heads, out);
    row(&widths, &cells, out);
    out.line("");
    Ok(())
}
