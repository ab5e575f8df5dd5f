//! Which brokers hold a new partition's replicas (`StripedReplicaPlacer`).
//!
//! Brokers are grouped by `broker.rack`. Going from partition to partition, the first replica moves on by one rack and,
//! inside the rack, by one broker: stripes. The other replicas come from the racks in turn. A fenced broker is taken
//! only when its rack has no other left and never for a partition's first replica, which will be the preferred leader;
//! but it counts, so a replication factor of 3 can be had from three brokers of which one is dead. After as many
//! partitions as there are live brokers everything is shuffled, so that not always the same brokers share partitions.

use crate::base::{Sort, SortedMap};
use std::sync::Arc;

/// Where the placement's starting points and shuffles come from.
pub trait PlacementRandom {
    /// A whole number from 0 to `bound` - 1.
    fn next_below(&mut self, bound: usize) -> usize;
}

impl PlacementRandom for crate::base::Rng {
    fn next_below(&mut self, bound: usize) -> usize {
        self.below(bound as u64) as usize
    }
}

/// A broker that may hold replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsableBroker {
    /// Its id.
    pub id: i32,
    /// Its `broker.rack`.
    pub rack: Option<Arc<str>>,
    /// Whether it is fenced.
    pub fenced: bool,
}

/// The replicas of `partitions` new partitions, the preferred leader of each first.
///
/// # Errors
/// Kafka's message, when there are not enough brokers.
pub fn place_replicas(
    brokers: impl IntoIterator<Item = UsableBroker>,
    partitions: usize,
    replication_factor: i16,
    random: &mut impl PlacementRandom,
) -> Result<Vec<Vec<i32>>, String> {
    let mut racks = RackList::new(brokers, random);
    if replication_factor <= 0 {
        let what = "the replication factor must be positive";
        return Err(format!("Invalid replication factor {replication_factor}: {what}."));
    }
    if racks.unfenced == 0 {
        return Err("All brokers are currently fenced.".into());
    }
    if replication_factor as usize > racks.total {
        return Err(format!(
            "The target replication factor of {replication_factor} cannot be reached because only {} broker(s) are \
             registered.",
            racks.total
        ));
    }
    Ok((0..partitions).map(|_| racks.place(replication_factor as usize, random)).collect())
}

/// The brokers by rack, and how far the stripes have come.
struct RackList {
    racks: Vec<Rack>,
    /// The racks in the order in which they are gone through, as indices into `racks`.
    order: Vec<usize>,
    total: usize,
    unfenced: usize,
    epoch: usize,
    offset: usize,
}

impl RackList {
    fn new(brokers: impl IntoIterator<Item = UsableBroker>, random: &mut impl PlacementRandom) -> Self {
        let mut by_name: SortedMap<Option<Arc<str>>, Rack> = SortedMap::new();
        let (mut total, mut unfenced) = (0, 0);
        for broker in brokers {
            let rack = by_name.entry(broker.rack).or_default();
            total += 1;
            if broker.fenced {
                rack.fenced.brokers.push(broker.id);
            } else {
                unfenced += 1;
                rack.unfenced.brokers.push(broker.id);
            }
        }
        // The draws are made in the order of a Java hash map, which is where Kafka keeps the racks; they are gone
        // through by name, the brokers without a rack first.
        let capacity = (by_name.len() * 4 / 3 + 1).next_power_of_two().max(16);
        let mut racks: Vec<(Option<Arc<str>>, Rack)> = by_name.into_iter().collect();
        racks.order_by_key(|(name, _)| java_bucket(name.as_deref(), capacity));
        let mut order: Vec<usize> = (0..racks.len()).collect();
        order.order_by_key(|&index| racks[index].0.clone());
        let mut racks: Vec<Rack> = racks.into_iter().map(|(_, rack)| rack).collect();
        for rack in &mut racks {
            rack.fenced.initialize(random);
            rack.unfenced.initialize(random);
        }
        let offset = if order.is_empty() { 0 } else { random.next_below(order.len()) };
        Self { racks, order, total, unfenced, epoch: 0, offset }
    }

    fn place(&mut self, replication_factor: usize, random: &mut impl PlacementRandom) -> Vec<i32> {
        if self.epoch == self.unfenced && self.unfenced > 1 {
            self.shuffle(random);
            self.epoch = 0;
        }
        if self.offset == self.order.len() {
            self.offset = 0;
        }
        let (mut first_rack, leader) = self.leader();
        let mut replicas = vec![leader];
        let mut at = self.offset;
        while replicas.len() < replication_factor {
            // The leader's rack has given a replica: it is passed over once.
            let next = if Some(at) == first_rack {
                first_rack = None;
                None
            } else {
                self.racks[self.order[at]].next(self.epoch)
            };
            replicas.extend(next);
            at = (at + 1) % self.order.len();
        }
        self.epoch += 1;
        self.offset += 1;
        replicas
    }

    /// The first live broker from the current rack on, and its rack's place in the order.
    fn leader(&mut self) -> (Option<usize>, i32) {
        let racks = self.order.len();
        for at in (0..racks).map(|step| (self.offset + step) % racks) {
            if let Some(broker) = self.racks[self.order[at]].unfenced.next(self.epoch) {
                return (Some(at), broker);
            }
        }
        unreachable!("some broker is not fenced")
    }

    fn shuffle(&mut self, random: &mut impl PlacementRandom) {
        shuffle(&mut self.order, random);
        for rack in &mut self.racks {
            shuffle(&mut rack.fenced.brokers, random);
            shuffle(&mut rack.unfenced.brokers, random);
        }
    }
}

#[derive(Default)]
struct Rack {
    fenced: BrokerList,
    unfenced: BrokerList,
}

impl Rack {
    fn next(&mut self, epoch: usize) -> Option<i32> {
        self.unfenced.next(epoch).or_else(|| self.fenced.next(epoch))
    }
}

/// Brokers that are handed out in turn; each partition (`epoch`) begins one further on.
#[derive(Default)]
struct BrokerList {
    brokers: Vec<i32>,
    epoch: usize,
    index: usize,
    offset: usize,
}

impl BrokerList {
    fn initialize(&mut self, random: &mut impl PlacementRandom) {
        if !self.brokers.is_empty() {
            self.brokers.order();
            self.offset = random.next_below(self.brokers.len());
        }
    }

    fn next(&mut self, epoch: usize) -> Option<i32> {
        if self.brokers.is_empty() {
            return None;
        }
        if self.epoch != epoch {
            self.epoch = epoch;
            self.index = 0;
            self.offset = (self.offset + 1) % self.brokers.len();
        }
        if self.index >= self.brokers.len() {
            return None;
        }
        let broker = self.brokers[(self.index + self.offset) % self.brokers.len()];
        self.index += 1;
        Some(broker)
    }
}

/// `Collections.shuffle`.
fn shuffle<T>(items: &mut [T], random: &mut impl PlacementRandom) {
    for size in (2..=items.len()).rev() {
        items.swap(size - 1, random.next_below(size));
    }
}

/// Where `java.util.HashMap` keeps an optional string.
fn java_bucket(key: Option<&str>, capacity: usize) -> usize {
    let text = key.unwrap_or_default();
    let hash = text.encode_utf16().fold(0u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)));
    (hash ^ (hash >> 16)) as usize & (capacity - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Rng, SortedSet};

    fn brokers(racks: &[Option<&str>], fenced: &[i32]) -> Vec<UsableBroker> {
        let broker = |(id, rack): (usize, &Option<&str>)| UsableBroker {
            id: id as i32,
            rack: rack.map(Arc::from),
            fenced: fenced.contains(&(id as i32)),
        };
        racks.iter().enumerate().map(broker).collect()
    }

    #[test]
    fn each_partition_has_every_rack_and_its_brokers_once() {
        let racks = [Some("a"), Some("a"), Some("b"), Some("b"), Some("c"), Some("c")];
        let mut rng = Rng::stream(1, "placement");
        for replicas in place_replicas(brokers(&racks, &[]), 50, 3, &mut rng).unwrap() {
            let used: SortedSet<_> = replicas.iter().map(|id| racks[*id as usize]).collect();
            assert_eq!((used.len(), replicas.len()), (3, 3), "{replicas:?}");
        }
    }

    #[test]
    fn a_fenced_broker_comes_last_and_counts() {
        let mut rng = Rng::stream(2, "placement");
        for replicas in place_replicas(brokers(&[None; 3], &[1]), 20, 3, &mut rng).unwrap() {
            assert_eq!(replicas[2], 1, "{replicas:?}");
        }
        let refused =
            |count, factor| place_replicas(brokers(&[None; 3], &[0, 1, 2][..count]), 1, factor, &mut rng.clone());
        assert_eq!(refused(3, 1), Err("All brokers are currently fenced.".into()));
        assert!(refused(0, 4).unwrap_err().starts_with("The target replication factor of 4 cannot be reached"));
        assert!(refused(0, 0).unwrap_err().starts_with("Invalid replication factor 0"));
    }

    #[test]
    fn leaders_are_spread() {
        let mut rng = Rng::stream(3, "placement");
        let placed = place_replicas(brokers(&[None; 4], &[]), 400, 2, &mut rng).unwrap();
        for id in 0..4 {
            let led = placed.iter().filter(|replicas| replicas[0] == id).count();
            assert_eq!(led, 100);
        }
    }
}
