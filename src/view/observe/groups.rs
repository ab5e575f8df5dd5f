//! Looking at groups of consumers.

use super::Observer;
use crate::base::SortedMap;
use crate::machine::Fact;
use crate::sim::{GroupInfo, TraceEvent, TraceKind, World};
use crate::view::delta::Delta;
use crate::view::scene::{GroupState, GroupView};
use std::sync::Arc;

impl Observer {
    /// Whether an event may have changed a group: what a coordinator tells, what arrives at one, and all that changes who
    /// coordinates.
    pub(super) fn concerns_groups(&self, event: &TraceEvent) -> bool {
        match &event.kind {
            TraceKind::Exited | TraceKind::Commanded { .. } => true,
            TraceKind::Received { .. } => {
                let broker = event.host.and_then(|host| self.broker_id(host));
                broker.is_some() && self.scene.groups.values().any(|group| group.coordinator == broker)
            }
            TraceKind::Fact(Fact::PartitionChanged { partition, .. }) => {
                crate::view::layout::is_internal(&partition.topic)
            }
            TraceKind::Fact(fact) => matches!(
                fact,
                Fact::CoordinatorLoaded { .. }
                    | Fact::CoordinatorUnloaded { .. }
                    | Fact::CoordinatorFailed { .. }
                    | Fact::MemberJoined { .. }
                    | Fact::MemberReplaced { .. }
                    | Fact::MemberRemoved { .. }
                    | Fact::GroupRebalancing { .. }
                    | Fact::GroupGeneration { .. }
                    | Fact::GroupAssigned { .. }
                    | Fact::GroupEmpty { .. }
                    | Fact::OffsetsCommitted { .. }
            ),
            _ => false,
        }
    }

    /// Looks at every group. One that a consumer is configured to be in and that no broker has loaded is there, too.
    pub(super) fn groups(&mut self, world: &World, delta: &mut Delta) {
        let known = world.groups().into_iter().map(|info| (info.id.clone(), group(world, info)));
        let mut there: SortedMap<Arc<str>, GroupView> = known.collect();
        for id in self.scene.consumers.values().filter_map(|consumer| consumer.group.as_ref()) {
            if !there.contains_key(id) {
                there.insert(id.clone(), GroupView::unknown(world.coordinator(id)));
            }
        }
        let gone: Vec<Arc<str>> = self.scene.groups.keys().filter(|id| !there.contains_key(*id)).cloned().collect();
        for id in gone {
            delta.groups.remove(&mut self.scene.groups, &id);
        }
        for (id, view) in there {
            delta.groups.put(&mut self.scene.groups, id, view);
        }
    }
}

fn group(world: &World, info: GroupInfo) -> GroupView {
    GroupView {
        coordinator: world.coordinator(&info.id),
        state: GroupState::named(info.state),
        generation: info.generation,
        protocol: info.protocol,
        leader: info.leader,
        members: info.members,
        committed: info.committed,
    }
}
