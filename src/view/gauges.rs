//! Metrics under the names that Kafka gives them in JMX, over time. Each is computed from what the scene shows: what a
//! scene does not show has no gauge.

use super::lags::Lags;
use super::scene::{Health, Scene};
use crate::base::SortedMap;

/// The time between two samples, in microseconds of the world.
const EVERY: f64 = 250_000.0;
/// How many samples of anything are kept; then every other one goes.
const MOST: usize = 480;
/// Over how many microseconds a rate is taken.
const RATE_OVER: f64 = 2e6;

/// A metric over time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gauge {
    /// Its MBean, as `kafka.server:type=ReplicaManager,name=LeaderCount`.
    pub bean: String,
    /// Whose it is: `broker 1`, `cluster`.
    pub of: String,
    /// The attribute that is shown.
    pub attribute: &'static str,
    /// Samples: microseconds since the world's start, value.
    pub samples: Vec<(f64, f64)>,
}

impl Gauge {
    /// The value at a moment: that of the last sample before it.
    pub fn at(&self, now: f64) -> Option<f64> {
        let n = self.samples.partition_point(|(at, _)| *at <= now);
        n.checked_sub(1).map(|n| self.samples[n].1)
    }
}

/// All gauges.
#[derive(Clone, Debug, Default)]
pub struct Gauges {
    all: SortedMap<(String, String), Gauge>,
    /// What only counts, by metric: when, and how far it had counted.
    counts: SortedMap<(String, String), Vec<(f64, f64)>>,
    lags: Lags,
    sampled: Option<f64>,
}

impl Gauges {
    /// Looks at a scene at `now`, in microseconds, if it is time. What lies before the last sample has been sampled.
    pub fn look(&mut self, scene: &Scene, now: f64) {
        if self.sampled.is_some_and(|last| now < last + EVERY) {
            return;
        }
        self.sampled = Some(now);
        self.brokers(scene, now);
        self.controllers(scene, now);
        self.clients(scene, now);
        self.lags.look(scene, now);
    }

    /// The lags of groups: Kafka has no metric for them but its consumers' own.
    pub fn lags(&self) -> &Lags {
        &self.lags
    }

    /// Forgets what came after a moment: history goes another way from there.
    pub fn cut(&mut self, now: f64) {
        let samples = self.all.values_mut().map(|gauge| &mut gauge.samples);
        for list in samples.chain(self.counts.values_mut()) {
            list.retain(|(at, _)| *at <= now);
        }
        self.lags.cut(now);
        self.sampled = self.sampled.map(|last| last.min(now));
    }

    /// All of them, by name and owner.
    pub fn all(&self) -> impl Iterator<Item = &Gauge> {
        self.all.values()
    }

    fn brokers(&mut self, scene: &Scene, now: f64) {
        #[derive(Default)]
        struct Held {
            leads: u32,
            holds: u32,
            under_replicated: u32,
            under_min_isr: u32,
            in_total: i64,
        }
        let mut held: SortedMap<i32, Held> = scene.brokers.keys().map(|id| (*id, Held::default())).collect();
        for (tp, view) in &scene.partitions {
            for id in &view.replicas {
                held.entry(*id).or_default().holds += 1;
            }
            let Some(leader) = view.leader.and_then(|id| held.get_mut(&id)) else { continue };
            leader.leads += 1;
            leader.under_replicated += u32::from(view.isr.len() < view.replicas.len());
            leader.under_min_isr += u32::from(scene.health(tp) == Health::BelowMinIsr);
            leader.in_total += scene.leader_replica(tp).map_or(0, |(_, replica)| replica.leo);
        }
        let mut written = 0;
        for (id, held) in &held {
            written += held.in_total;
            // A process that is gone has no metrics.
            if !scene.broker_process(*id).is_up() {
                continue;
            }
            let of = format!("broker {id}");
            let bean = |name: &str| format!("kafka.server:type=ReplicaManager,name={name}");
            self.put(&bean("LeaderCount"), &of, now, f64::from(held.leads));
            self.put(&bean("PartitionCount"), &of, now, f64::from(held.holds));
            self.put(&bean("UnderReplicatedPartitions"), &of, now, f64::from(held.under_replicated));
            self.put(&bean("UnderMinIsrPartitionCount"), &of, now, f64::from(held.under_min_isr));
        }
        self.count("kafka.server:type=BrokerTopicMetrics,name=MessagesInPerSec", "all leaders", now, written as f64);
    }

    fn controllers(&mut self, scene: &Scene, now: f64) {
        let bean = |name: &str| format!("kafka.controller:type=KafkaController,name={name}");
        if let Some(active) = scene.quorum.active.filter(|id| scene.controller_process(*id).is_up()) {
            let of = format!("controller {active}");
            let fenced = scene.brokers.values().filter(|b| b.epoch.is_some() && b.fenced).count();
            let serving = scene.brokers.values().filter(|b| b.epoch.is_some() && !b.fenced).count();
            let offline = scene.partitions.values().filter(|p| p.leader.is_none()).count();
            let preferred = scene.partitions.values().filter(|p| p.leader != p.replicas.first().copied()).count();
            self.put(&bean("ActiveBrokerCount"), &of, now, serving as f64);
            self.put(&bean("FencedBrokerCount"), &of, now, fenced as f64);
            self.put(&bean("GlobalTopicCount"), &of, now, scene.topics.len() as f64);
            self.put(&bean("GlobalPartitionCount"), &of, now, scene.partitions.len() as f64);
            self.put(&bean("OfflinePartitionsCount"), &of, now, offline as f64);
            self.put(&bean("PreferredReplicaImbalanceCount"), &of, now, preferred as f64);
        }
        for (id, view) in &scene.controllers {
            if scene.controller_process(*id).is_up() {
                let of = format!("controller {id}");
                let active = f64::from(u8::from(scene.quorum.active == Some(*id)));
                self.put(&bean("ActiveControllerCount"), &of, now, active);
                self.attribute("kafka.server:type=raft-metrics", &of, "current-epoch", now, f64::from(view.epoch));
                self.attribute("kafka.server:type=raft-metrics", &of, "log-end-offset", now, view.leo as f64);
            }
        }
    }

    fn clients(&mut self, scene: &Scene, now: f64) {
        for (name, producer) in &scene.producers {
            let bean = format!("kafka.producer:type=producer-metrics,client-id={name}");
            self.rate(&bean, name, "record-send-rate", now, producer.acked as f64);
        }
        for (name, consumer) in &scene.consumers {
            let bean = format!("kafka.consumer:type=consumer-fetch-manager-metrics,client-id={name}");
            self.rate(&bean, name, "records-consumed-rate", now, consumer.delivered as f64);
            let lag = |(tp, at): &(_, i64)| scene.leader_replica(tp).map_or(0, |(_, r)| (r.hw - at).max(0));
            let most = consumer.positions.iter().map(lag).max().unwrap_or(0);
            self.attribute(&bean, name, "records-lag-max", now, most as f64);
        }
    }

    fn put(&mut self, bean: &str, of: &str, now: f64, value: f64) {
        self.attribute(bean, of, "Value", now, value);
    }

    fn count(&mut self, bean: &str, of: &str, now: f64, counted: f64) {
        self.rate(bean, of, "Count, per s", now, counted);
    }

    /// A rate, over the last seconds.
    fn rate(&mut self, bean: &str, of: &str, attribute: &'static str, now: f64, counted: f64) {
        let counts = self.counts.entry((format!("{bean} {attribute}"), of.to_owned())).or_default();
        counts.push((now, counted));
        let first = counts.partition_point(|(at, _)| *at < now - RATE_OVER);
        counts.drain(..first);
        let (then, before) = counts[0];
        if now > then {
            let rate = (counted - before).max(0.0) / ((now - then) / 1e6);
            self.attribute(bean, of, attribute, now, rate);
        }
    }

    fn attribute(&mut self, bean: &str, of: &str, attribute: &'static str, now: f64, value: f64) {
        let gauge = self.all.entry((format!("{bean} {attribute}"), of.to_owned())).or_insert_with(|| Gauge {
            bean: bean.to_owned(),
            of: of.to_owned(),
            attribute,
            samples: Vec::new(),
        });
        gauge.samples.push((now, value));
        thin(&mut gauge.samples);
    }
}

/// Lets every other sample go when there are too many.
pub(super) fn thin<T>(samples: &mut Vec<T>) {
    if samples.len() > MOST {
        let mut nth = 0;
        samples.retain(|_| {
            nth += 1;
            nth % 2 == 1
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn gauges_say_what_the_scene_does() {
        let mut scene = fixture::two_faults();
        let mut gauges = Gauges::default();
        gauges.look(&scene, 10e6);
        gauges.look(&scene, 10.1e6);
        for producer in scene.producers.values_mut() {
            producer.acked += 10;
        }
        gauges.look(&scene, 11e6);
        let value = |gauges: &Gauges, name: &str, of: &str| {
            let gauge = gauges.all().find(|g| (g.bean.contains(name) || g.attribute == name) && g.of == of);
            gauge.and_then(|g| g.at(11e6))
        };
        assert_eq!(value(&gauges, "LeaderCount", "broker 1"), Some(1.0));
        assert_eq!(value(&gauges, "UnderMinIsrPartitionCount", "broker 1"), Some(1.0));
        assert_eq!(value(&gauges, "LeaderCount", "broker 2"), None, "a process that is down has none");
        assert_eq!(value(&gauges, "FencedBrokerCount", "controller 102"), Some(1.0));
        assert_eq!(value(&gauges, "record-send-rate", "checkout"), Some(10.0));
        assert!(gauges.all().all(|gauge| gauge.samples.len() <= 2), "too soon is no sample");
        gauges.cut(10e6);
        assert_eq!(value(&gauges, "LeaderCount", "broker 1"), Some(1.0));
        assert!(gauges.all().all(|gauge| gauge.samples.len() <= 1));
    }
}
