//! DescribeGroups, ListGroups, DeleteGroups.

use super::*;

impl Lab {
    fn delete(&mut self, groups: &[&str]) -> Vec<ErrorCode> {
        let context = self.context(&Client::new("admin"), 2);
        let groups: Vec<GroupId> = groups.iter().map(|group| GroupId(text(group))).collect();
        self.turn(|shard, turn| shard.delete_groups(turn, &context, &groups));
        let GroupResponse::DeleteGroups(results) = self.answer(context.token.0) else {
            panic!("not a delete's answer")
        };
        results.iter().map(|result| ErrorCode(result.error_code)).collect()
    }

    fn list(&self, states: &[&str], types: &[&str]) -> Vec<String> {
        let texts = |names: &[&str]| names.iter().map(|name| text(name)).collect();
        let request = ListGroupsRequest::default().with_states_filter(texts(states)).with_types_filter(texts(types));
        self.shard.list_groups(&request).iter().map(|group| group.group_id.to_string()).collect()
    }
}

#[test]
fn a_stable_group_is_described_with_what_its_members_said_and_were_given() {
    let mut lab = Lab::new();
    let mut clients = [Client::new("c1"), Client::new("c2").with_instance("i2")];
    lab.stable(&mut clients);
    let groups = lab.shard.describe_groups(5, &[GroupId(text("g"))]);
    let group = &groups[0];
    assert_eq!((group.error_code, &*group.group_state, &*group.protocol_data), (0, "Stable", "range"));
    let member = group.members.iter().find(|member| member.member_id == clients[1].member_id).unwrap();
    assert_eq!((&*member.client_id, &*member.client_host), ("c2", "/127.0.0.1"));
    assert_eq!(member.group_instance_id, Some(text("i2")));
    assert_eq!((&member.member_metadata, &member.member_assignment[..]), (&clients[1].metadata, &[1][..]));
    // While it rebalances, only who its members are.
    lab.join_with_id(&mut Client::new("c3"));
    let group = &lab.shard.describe_groups(5, &[GroupId(text("g"))])[0];
    assert_eq!((&*group.group_state, &*group.protocol_data, group.members.len()), ("PreparingRebalance", "", 3));
    assert!(group.members.iter().all(|member| member.member_metadata.is_empty()));
}

/// KIP-1043: since version 6 a group that is not there is an error; before it was called dead.
#[test]
fn a_group_that_is_not_there() {
    let lab = Lab::new();
    let group = |version| lab.shard.describe_groups(version, &[GroupId(text("x"))]).remove(0);
    assert_eq!((group(5).error_code, &*group(5).group_state, group(5).error_message), (0, "Dead", None));
    let error = (ErrorCode(group(6).error_code), group(6).error_message.unwrap().to_string());
    assert_eq!(error, (ErrorCode::GROUP_ID_NOT_FOUND, "Group x not found.".to_string()));
}

#[test]
fn groups_are_listed_by_state_and_type() {
    let mut lab = Lab::new();
    lab.stable(&mut [Client::new("c1").of_group("a")]);
    lab.commit_offset(&Client::new("tool").of_group("b"), "t", 1);
    assert_eq!(lab.list(&[], &[]), ["a", "b"]);
    assert_eq!(lab.list(&["stable"], &[]), ["a"]);
    assert_eq!(lab.list(&["EMPTY ", "nonsense"], &["classic"]), ["b"]);
    assert_eq!(lab.list(&[], &["consumer"]), [""; 0]);
    assert_eq!(lab.list(&["nonsense"], &[]), [""; 0]);
}

#[test]
fn only_a_group_without_members_can_be_deleted_and_its_offsets_go_with_it() {
    let mut lab = Lab::new();
    let mut clients = [Client::new("c1")];
    lab.stable(&mut clients);
    lab.commit_offset(&clients[0], "t", 5);
    let errors = lab.delete(&["g", "no such group"]);
    assert_eq!(errors, [ErrorCode::NON_EMPTY_GROUP, ErrorCode::GROUP_ID_NOT_FOUND]);
    lab.leave(&clients[0]);
    assert_eq!(lab.delete(&["g"]), [ErrorCode::NONE]);
    assert_eq!((lab.fetch_offset("g", "t"), lab.list(&[], &[])), (-1, vec![]));
    // What comes after is another group.
    lab.stable(&mut [Client::new("c1")]);
    assert_eq!(lab.group("g").generation(), 1);
}
