//! The fields of every message that a machine of the world speaks, in the order of `schema.txt`, under the crate's names.

use super::codec::{Item, Structure};
use bytes::Bytes;
use kafka_protocol::messages;
use std::collections::BTreeMap;

/// A structure's fields by number.
macro_rules! fields {
    ($($field:ident),*) => {
        fn field(&self, n: usize) -> Option<&dyn Item> {
            let mut at = n;
            $(if at == 0 {
                return Some(&self.$field);
            }
            at = at.wrapping_sub(1);)*
            let _ = at;
            None
        }

        fn field_mut(&mut self, n: usize) -> Option<&mut dyn Item> {
            let mut at = n;
            $(if at == 0 {
                return Some(&mut self.$field);
            }
            at = at.wrapping_sub(1);)*
            let _ = at;
            None
        }
    };
}

macro_rules! structures {
    ($($module:ident { $($name:ident { $($field:ident),* })* })*) => {
        $($(impl Structure for messages::$module::$name {
            fields! { $($field),* }

            fn unknown(&self) -> Option<&BTreeMap<i32, Bytes>> {
                Some(&self.unknown_tagged_fields)
            }

            fn unknown_mut(&mut self) -> Option<&mut BTreeMap<i32, Bytes>> {
                Some(&mut self.unknown_tagged_fields)
            }
        })*)*
    };
}

/// Those of no version in the flexible encoding.
macro_rules! without_tags {
    ($($module:ident { $($name:ident { $($field:ident),* })* })*) => {
        $($(impl Structure for messages::$module::$name {
            fields! { $($field),* }
        })*)*
    };
}

structures! {
    allocate_producer_ids_request {
        AllocateProducerIdsRequest { broker_id, broker_epoch }
    }
    allocate_producer_ids_response {
        AllocateProducerIdsResponse { throttle_time_ms, error_code, producer_id_start, producer_id_len }
    }
    alter_configs_request {
        AlterableConfig { name, value }
        AlterConfigsResource { resource_type, resource_name, configs }
        AlterConfigsRequest { resources, validate_only }
    }
    alter_configs_response {
        AlterConfigsResourceResponse { error_code, error_message, resource_type, resource_name }
        AlterConfigsResponse { throttle_time_ms, responses }
    }
    alter_partition_request {
        BrokerState { broker_id, broker_epoch }
        PartitionData { partition_index, leader_epoch, new_isr, new_isr_with_epochs, leader_recovery_state, partition_epoch }
        TopicData { topic_id, partitions }
        AlterPartitionRequest { broker_id, broker_epoch, topics }
    }
    alter_partition_response {
        PartitionData { partition_index, error_code, leader_id, leader_epoch, isr, leader_recovery_state, partition_epoch }
        TopicData { topic_id, partitions }
        AlterPartitionResponse { throttle_time_ms, error_code, topics }
    }
    api_versions_request {
        ApiVersionsRequest { client_software_name, client_software_version }
    }
    api_versions_response {
        ApiVersion { api_key, min_version, max_version }
        SupportedFeatureKey { name, min_version, max_version }
        FinalizedFeatureKey { name, max_version_level, min_version_level }
        ApiVersionsResponse { error_code, api_keys, throttle_time_ms, supported_features, finalized_features_epoch, finalized_features, zk_migration_ready }
    }
    begin_quorum_epoch_request {
        PartitionData { partition_index, voter_directory_id, leader_id, leader_epoch }
        TopicData { topic_name, partitions }
        LeaderEndpoint { name, host, port }
        BeginQuorumEpochRequest { cluster_id, voter_id, topics, leader_endpoints }
    }
    begin_quorum_epoch_response {
        PartitionData { partition_index, error_code, leader_id, leader_epoch }
        TopicData { topic_name, partitions }
        NodeEndpoint { node_id, host, port }
        BeginQuorumEpochResponse { error_code, topics, node_endpoints }
    }
    broker_heartbeat_request {
        BrokerHeartbeatRequest { broker_id, broker_epoch, current_metadata_offset, want_fence, want_shut_down, offline_log_dirs }
    }
    broker_heartbeat_response {
        BrokerHeartbeatResponse { throttle_time_ms, error_code, is_caught_up, is_fenced, should_shut_down }
    }
    broker_registration_request {
        Listener { name, host, port, security_protocol }
        Feature { name, min_supported_version, max_supported_version }
        BrokerRegistrationRequest { broker_id, cluster_id, incarnation_id, listeners, features, rack, is_migrating_zk_broker, log_dirs, previous_broker_epoch }
    }
    broker_registration_response {
        BrokerRegistrationResponse { throttle_time_ms, error_code, broker_epoch }
    }
    consumer_group_describe_request {
        ConsumerGroupDescribeRequest { group_ids, include_authorized_operations }
    }
    consumer_group_describe_response {
        TopicPartitions { topic_id, topic_name, partitions }
        Assignment { topic_partitions }
        Member { member_id, instance_id, rack_id, member_epoch, client_id, client_host, subscribed_topic_names, subscribed_topic_regex, assignment, target_assignment, member_type }
        DescribedGroup { error_code, error_message, group_id, group_state, group_epoch, assignment_epoch, assignor_name, members, authorized_operations }
        ConsumerGroupDescribeResponse { throttle_time_ms, groups }
    }
    controller_registration_request {
        Listener { name, host, port, security_protocol }
        Feature { name, min_supported_version, max_supported_version }
        ControllerRegistrationRequest { controller_id, incarnation_id, zk_migration_ready, listeners, features }
    }
    controller_registration_response {
        ControllerRegistrationResponse { throttle_time_ms, error_code, error_message }
    }
    create_partitions_request {
        CreatePartitionsAssignment { broker_ids }
        CreatePartitionsTopic { name, count, assignments }
        CreatePartitionsRequest { topics, timeout_ms, validate_only }
    }
    create_partitions_response {
        CreatePartitionsTopicResult { name, error_code, error_message }
        CreatePartitionsResponse { throttle_time_ms, results }
    }
    create_topics_request {
        CreatableReplicaAssignment { partition_index, broker_ids }
        CreatableTopicConfig { name, value }
        CreatableTopic { name, num_partitions, replication_factor, assignments, configs }
        CreateTopicsRequest { topics, timeout_ms, validate_only }
    }
    create_topics_response {
        CreatableTopicConfigs { name, value, read_only, config_source, is_sensitive }
        CreatableTopicResult { name, topic_id, error_code, error_message, topic_config_error_code, num_partitions, replication_factor, configs }
        CreateTopicsResponse { throttle_time_ms, topics }
    }
    delete_groups_request {
        DeleteGroupsRequest { groups_names }
    }
    delete_groups_response {
        DeletableGroupResult { group_id, error_code }
        DeleteGroupsResponse { throttle_time_ms, results }
    }
    delete_topics_request {
        DeleteTopicState { name, topic_id }
        DeleteTopicsRequest { topics, topic_names, timeout_ms }
    }
    delete_topics_response {
        DeletableTopicResult { name, topic_id, error_code, error_message }
        DeleteTopicsResponse { throttle_time_ms, responses }
    }
    describe_cluster_request {
        DescribeClusterRequest { include_cluster_authorized_operations, endpoint_type, include_fenced_brokers }
    }
    describe_cluster_response {
        DescribeClusterBroker { broker_id, host, port, rack, is_fenced }
        DescribeClusterResponse { throttle_time_ms, error_code, error_message, endpoint_type, cluster_id, controller_id, brokers, cluster_authorized_operations }
    }
    describe_configs_request {
        DescribeConfigsResource { resource_type, resource_name, configuration_keys }
        DescribeConfigsRequest { resources, include_synonyms, include_documentation }
    }
    describe_configs_response {
        DescribeConfigsSynonym { name, value, source }
        DescribeConfigsResourceResult { name, value, read_only, config_source, is_sensitive, synonyms, config_type, documentation }
        DescribeConfigsResult { error_code, error_message, resource_type, resource_name, configs }
        DescribeConfigsResponse { throttle_time_ms, results }
    }
    describe_groups_request {
        DescribeGroupsRequest { groups, include_authorized_operations }
    }
    describe_groups_response {
        DescribedGroupMember { member_id, group_instance_id, client_id, client_host, member_metadata, member_assignment }
        DescribedGroup { error_code, error_message, group_id, group_state, protocol_type, protocol_data, members, authorized_operations }
        DescribeGroupsResponse { throttle_time_ms, groups }
    }
    describe_log_dirs_request {
        DescribableLogDirTopic { topic, partitions }
        DescribeLogDirsRequest { topics }
    }
    describe_log_dirs_response {
        DescribeLogDirsPartition { partition_index, partition_size, offset_lag, is_future_key }
        DescribeLogDirsTopic { name, partitions }
        DescribeLogDirsResult { error_code, log_dir, topics, total_bytes, usable_bytes }
        DescribeLogDirsResponse { throttle_time_ms, error_code, results }
    }
    describe_quorum_request {
        PartitionData { partition_index }
        TopicData { topic_name, partitions }
        DescribeQuorumRequest { topics }
    }
    describe_quorum_response {
        ReplicaState { replica_id, replica_directory_id, log_end_offset, last_fetch_timestamp, last_caught_up_timestamp }
        PartitionData { partition_index, error_code, error_message, leader_id, leader_epoch, high_watermark, current_voters, observers }
        TopicData { topic_name, partitions }
        Listener { name, host, port }
        Node { node_id, listeners }
        DescribeQuorumResponse { error_code, error_message, topics, nodes }
    }
    describe_topic_partitions_request {
        TopicRequest { name }
        Cursor { topic_name, partition_index }
        DescribeTopicPartitionsRequest { topics, response_partition_limit, cursor }
    }
    describe_topic_partitions_response {
        DescribeTopicPartitionsResponsePartition { error_code, partition_index, leader_id, leader_epoch, replica_nodes, isr_nodes, eligible_leader_replicas, last_known_elr, offline_replicas }
        DescribeTopicPartitionsResponseTopic { error_code, name, topic_id, is_internal, partitions, topic_authorized_operations }
        Cursor { topic_name, partition_index }
        DescribeTopicPartitionsResponse { throttle_time_ms, topics, next_cursor }
    }
    elect_leaders_request {
        TopicPartitions { topic, partitions }
        ElectLeadersRequest { election_type, topic_partitions, timeout_ms }
    }
    elect_leaders_response {
        PartitionResult { partition_id, error_code, error_message }
        ReplicaElectionResult { topic, partition_result }
        ElectLeadersResponse { throttle_time_ms, error_code, replica_election_results }
    }
    end_quorum_epoch_request {
        ReplicaInfo { candidate_id, candidate_directory_id }
        PartitionData { partition_index, leader_id, leader_epoch, preferred_successors, preferred_candidates }
        TopicData { topic_name, partitions }
        LeaderEndpoint { name, host, port }
        EndQuorumEpochRequest { cluster_id, topics, leader_endpoints }
    }
    end_quorum_epoch_response {
        PartitionData { partition_index, error_code, leader_id, leader_epoch }
        TopicData { topic_name, partitions }
        NodeEndpoint { node_id, host, port }
        EndQuorumEpochResponse { error_code, topics, node_endpoints }
    }
    envelope_request {
        EnvelopeRequest { request_data, request_principal, client_host_address }
    }
    envelope_response {
        EnvelopeResponse { response_data, error_code }
    }
    fetch_request {
        ReplicaState { replica_id, replica_epoch }
        FetchPartition { partition, current_leader_epoch, fetch_offset, last_fetched_epoch, log_start_offset, partition_max_bytes, replica_directory_id, high_watermark }
        FetchTopic { topic, topic_id, partitions }
        ForgottenTopic { topic, topic_id, partitions }
        FetchRequest { cluster_id, replica_id, replica_state, max_wait_ms, min_bytes, max_bytes, isolation_level, session_id, session_epoch, topics, forgotten_topics_data, rack_id }
    }
    fetch_response {
        EpochEndOffset { epoch, end_offset }
        LeaderIdAndEpoch { leader_id, leader_epoch }
        SnapshotId { end_offset, epoch }
        AbortedTransaction { producer_id, first_offset }
        PartitionData { partition_index, error_code, high_watermark, last_stable_offset, log_start_offset, diverging_epoch, current_leader, snapshot_id, aborted_transactions, preferred_read_replica, records }
        FetchableTopicResponse { topic, topic_id, partitions }
        NodeEndpoint { node_id, host, port, rack }
        FetchResponse { throttle_time_ms, error_code, session_id, responses, node_endpoints }
    }
    fetch_snapshot_request {
        SnapshotId { end_offset, epoch }
        PartitionSnapshot { partition, current_leader_epoch, snapshot_id, position, replica_directory_id }
        TopicSnapshot { name, partitions }
        FetchSnapshotRequest { cluster_id, replica_id, max_bytes, topics }
    }
    fetch_snapshot_response {
        SnapshotId { end_offset, epoch }
        LeaderIdAndEpoch { leader_id, leader_epoch }
        PartitionSnapshot { index, error_code, snapshot_id, current_leader, size, position, unaligned_records }
        TopicSnapshot { name, partitions }
        NodeEndpoint { node_id, host, port }
        FetchSnapshotResponse { throttle_time_ms, error_code, topics, node_endpoints }
    }
    find_coordinator_request {
        FindCoordinatorRequest { key, key_type, coordinator_keys }
    }
    find_coordinator_response {
        Coordinator { key, node_id, host, port, error_code, error_message }
        FindCoordinatorResponse { throttle_time_ms, error_code, error_message, node_id, host, port, coordinators }
    }
    heartbeat_request {
        HeartbeatRequest { group_id, generation_id, member_id, group_instance_id }
    }
    heartbeat_response {
        HeartbeatResponse { throttle_time_ms, error_code }
    }
    incremental_alter_configs_request {
        AlterableConfig { name, config_operation, value }
        AlterConfigsResource { resource_type, resource_name, configs }
        IncrementalAlterConfigsRequest { resources, validate_only }
    }
    incremental_alter_configs_response {
        AlterConfigsResourceResponse { error_code, error_message, resource_type, resource_name }
        IncrementalAlterConfigsResponse { throttle_time_ms, responses }
    }
    init_producer_id_request {
        InitProducerIdRequest { transactional_id, transaction_timeout_ms, producer_id, producer_epoch, enable_2_pc, keep_prepared_txn }
    }
    init_producer_id_response {
        InitProducerIdResponse { throttle_time_ms, error_code, producer_id, producer_epoch, ongoing_txn_producer_id, ongoing_txn_producer_epoch }
    }
    join_group_request {
        JoinGroupRequestProtocol { name, metadata }
        JoinGroupRequest { group_id, session_timeout_ms, rebalance_timeout_ms, member_id, group_instance_id, protocol_type, protocols, reason }
    }
    join_group_response {
        JoinGroupResponseMember { member_id, group_instance_id, metadata }
        JoinGroupResponse { throttle_time_ms, error_code, generation_id, protocol_type, protocol_name, leader, skip_assignment, member_id, members }
    }
    leave_group_request {
        MemberIdentity { member_id, group_instance_id, reason }
        LeaveGroupRequest { group_id, member_id, members }
    }
    leave_group_response {
        MemberResponse { member_id, group_instance_id, error_code }
        LeaveGroupResponse { throttle_time_ms, error_code, members }
    }
    list_config_resources_request {
        ListConfigResourcesRequest { resource_types }
    }
    list_config_resources_response {
        ConfigResource { resource_name, resource_type }
        ListConfigResourcesResponse { throttle_time_ms, error_code, config_resources }
    }
    list_groups_request {
        ListGroupsRequest { states_filter, types_filter }
    }
    list_groups_response {
        ListedGroup { group_id, protocol_type, group_state, group_type }
        ListGroupsResponse { throttle_time_ms, error_code, groups }
    }
    list_offsets_request {
        ListOffsetsPartition { partition_index, current_leader_epoch, timestamp }
        ListOffsetsTopic { name, partitions }
        ListOffsetsRequest { replica_id, isolation_level, topics, timeout_ms }
    }
    list_offsets_response {
        ListOffsetsPartitionResponse { partition_index, error_code, timestamp, offset, leader_epoch }
        ListOffsetsTopicResponse { name, partitions }
        ListOffsetsResponse { throttle_time_ms, topics }
    }
    list_partition_reassignments_request {
        ListPartitionReassignmentsTopics { name, partition_indexes }
        ListPartitionReassignmentsRequest { timeout_ms, topics }
    }
    list_partition_reassignments_response {
        OngoingPartitionReassignment { partition_index, replicas, adding_replicas, removing_replicas }
        OngoingTopicReassignment { name, partitions }
        ListPartitionReassignmentsResponse { throttle_time_ms, error_code, error_message, topics }
    }
    metadata_request {
        MetadataRequestTopic { topic_id, name }
        MetadataRequest { topics, allow_auto_topic_creation, include_cluster_authorized_operations, include_topic_authorized_operations }
    }
    metadata_response {
        MetadataResponseBroker { node_id, host, port, rack }
        MetadataResponsePartition { error_code, partition_index, leader_id, leader_epoch, replica_nodes, isr_nodes, offline_replicas }
        MetadataResponseTopic { error_code, name, topic_id, is_internal, partitions, topic_authorized_operations }
        MetadataResponse { throttle_time_ms, brokers, cluster_id, controller_id, topics, cluster_authorized_operations, error_code }
    }
    offset_commit_request {
        OffsetCommitRequestPartition { partition_index, committed_offset, committed_leader_epoch, committed_metadata }
        OffsetCommitRequestTopic { name, topic_id, partitions }
        OffsetCommitRequest { group_id, generation_id_or_member_epoch, member_id, group_instance_id, retention_time_ms, topics }
    }
    offset_commit_response {
        OffsetCommitResponsePartition { partition_index, error_code }
        OffsetCommitResponseTopic { name, topic_id, partitions }
        OffsetCommitResponse { throttle_time_ms, topics }
    }
    offset_fetch_request {
        OffsetFetchRequestTopic { name, partition_indexes }
        OffsetFetchRequestTopics { name, topic_id, partition_indexes }
        OffsetFetchRequestGroup { group_id, member_id, member_epoch, topics }
        OffsetFetchRequest { group_id, topics, groups, require_stable }
    }
    offset_fetch_response {
        OffsetFetchResponsePartition { partition_index, committed_offset, committed_leader_epoch, metadata, error_code }
        OffsetFetchResponseTopic { name, partitions }
        OffsetFetchResponsePartitions { partition_index, committed_offset, committed_leader_epoch, metadata, error_code }
        OffsetFetchResponseTopics { name, topic_id, partitions }
        OffsetFetchResponseGroup { group_id, topics, error_code }
        OffsetFetchResponse { throttle_time_ms, topics, error_code, groups }
    }
    offset_for_leader_epoch_request {
        OffsetForLeaderPartition { partition, current_leader_epoch, leader_epoch }
        OffsetForLeaderTopic { topic, partitions }
        OffsetForLeaderEpochRequest { replica_id, topics }
    }
    offset_for_leader_epoch_response {
        EpochEndOffset { error_code, partition, leader_epoch, end_offset }
        OffsetForLeaderTopicResult { topic, partitions }
        OffsetForLeaderEpochResponse { throttle_time_ms, topics }
    }
    produce_request {
        PartitionProduceData { index, records }
        TopicProduceData { name, topic_id, partition_data }
        ProduceRequest { transactional_id, acks, timeout_ms, topic_data }
    }
    produce_response {
        BatchIndexAndErrorMessage { batch_index, batch_index_error_message }
        LeaderIdAndEpoch { leader_id, leader_epoch }
        PartitionProduceResponse { index, error_code, base_offset, log_append_time_ms, log_start_offset, record_errors, error_message, current_leader }
        TopicProduceResponse { name, topic_id, partition_responses }
        NodeEndpoint { node_id, host, port, rack }
        ProduceResponse { responses, throttle_time_ms, node_endpoints }
    }
    request_header {
        RequestHeader { request_api_key, request_api_version, correlation_id, client_id }
    }
    response_header {
        ResponseHeader { correlation_id }
    }
    sync_group_request {
        SyncGroupRequestAssignment { member_id, assignment }
        SyncGroupRequest { group_id, generation_id, member_id, group_instance_id, protocol_type, protocol_name, assignments }
    }
    sync_group_response {
        SyncGroupResponse { throttle_time_ms, error_code, protocol_type, protocol_name, assignment }
    }
    unregister_broker_request {
        UnregisterBrokerRequest { broker_id }
    }
    unregister_broker_response {
        UnregisterBrokerResponse { throttle_time_ms, error_code, error_message }
    }
    update_features_request {
        FeatureUpdateKey { feature, max_version_level, allow_downgrade, upgrade_type }
        UpdateFeaturesRequest { timeout_ms, feature_updates, validate_only }
    }
    update_features_response {
        UpdatableFeatureResult { feature, error_code, error_message }
        UpdateFeaturesResponse { throttle_time_ms, error_code, error_message, results }
    }
    update_raft_voter_request {
        Listener { name, host, port }
        KRaftVersionFeature { min_supported_version, max_supported_version }
        UpdateRaftVoterRequest { cluster_id, current_leader_epoch, voter_id, voter_directory_id, listeners, k_raft_version_feature }
    }
    update_raft_voter_response {
        CurrentLeader { leader_id, leader_epoch, host, port }
        UpdateRaftVoterResponse { throttle_time_ms, error_code, current_leader }
    }
    vote_request {
        PartitionData { partition_index, replica_epoch, replica_id, replica_directory_id, voter_directory_id, last_offset_epoch, last_offset, pre_vote }
        TopicData { topic_name, partitions }
        VoteRequest { cluster_id, voter_id, topics }
    }
    vote_response {
        PartitionData { partition_index, error_code, leader_id, leader_epoch, vote_granted }
        TopicData { topic_name, partitions }
        NodeEndpoint { node_id, host, port }
        VoteResponse { error_code, topics, node_endpoints }
    }
}

without_tags! {
    offset_delete_request {
        OffsetDeleteRequestPartition { partition_index }
        OffsetDeleteRequestTopic { name, partitions }
        OffsetDeleteRequest { group_id, topics }
    }
    offset_delete_response {
        OffsetDeleteResponsePartition { partition_index, error_code }
        OffsetDeleteResponseTopic { name, partitions }
        OffsetDeleteResponse { error_code, throttle_time_ms, topics }
    }
}
