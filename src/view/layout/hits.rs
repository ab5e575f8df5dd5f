//! What stands at a place of the stage, and where something stands.

use super::{Field, Item, Layout, Rect, Station};
use crate::base::{Sort, TopicPartition};
use crate::view::route::Route;
use crate::view::scene::{Role, Scene};
use crate::view::select::Selection;

/// How near to a line a press must be to mean it.
const NEAR: f64 = 5.0;

impl Layout {
    /// What stands at a place, the smallest first.
    pub fn hit(&self, scene: &Scene, x: f64, y: f64) -> Option<Selection> {
        let quorum = self.quorum.iter().flat_map(|q| &q.nodes).find(|(_, r)| r.grown(2.0).holds(x, y));
        quorum
            .map(|(id, _)| Selection::Controller(*id))
            .or_else(|| self.clients.iter().find(|c| c.card.holds(x, y)).map(|c| Selection::Client(c.host)))
            .or_else(|| self.groups.iter().find(|g| g.frame.holds(x, y)).map(|g| Selection::Group(g.id.clone())))
            .or_else(|| self.on_a_column(scene, x, y))
            .or_else(|| self.field.as_ref().and_then(|f| self.in_a_field(f, scene, x, y)))
            .or_else(|| self.on_a_way(x, y, scene))
            .or_else(|| self.on_a_broker(x, y))
    }

    fn on_a_column(&self, scene: &Scene, x: f64, y: f64) -> Option<Selection> {
        for column in &self.columns {
            for (broker, r) in &column.tapes {
                // The tape with its captions: cells are small.
                let (above, below) = if r.h >= 30.0 { (20.0, 26.0) } else { (3.0, 4.0) };
                let area = Rect::new(r.x - 2.0, r.y - above, r.w + 8.0, r.h + above + below);
                if area.holds(x, y) {
                    return Some(Selection::Replica(column.tp.clone(), *broker));
                }
            }
            if column.head.grown(2.0).holds(x, y) || column.panel.is_some_and(|p| p.holds(x, y)) {
                return Some(Selection::Partition(column.tp.clone()));
            }
            if let Some(link) = self.on_a_spine(column, scene, x, y) {
                return Some(link);
            }
        }
        None
    }

    fn on_a_spine(&self, column: &super::Column, scene: &Scene, x: f64, y: f64) -> Option<Selection> {
        if (column.spine_x() - x).abs() > NEAR {
            return None;
        }
        let leader = scene.partitions.get(&column.tp)?.leader?;
        let from = column.tape(leader)?.middle();
        let mut ends: Vec<(i32, f64)> = column.tapes.iter().map(|(id, r)| (*id, r.middle())).collect();
        ends.order_by(|a, b| (a.1 - from).abs().total_cmp(&(b.1 - from).abs()));
        // Between leader and follower; where several spines lie over one another, the nearest follower's.
        let within = |(id, end): &&(i32, f64)| *id != leader && (from.min(*end)..=from.max(*end)).contains(&y);
        let (id, _) = ends.iter().find(within)?;
        Some(Selection::link(scene.brokers.get(&leader)?.host, scene.brokers.get(id)?.host))
    }

    fn in_a_field(&self, field: &Field, scene: &Scene, x: f64, y: f64) -> Option<Selection> {
        let (row, item) = field.at(x, y)?;
        match item {
            Item::Tile(tp) => {
                let replicas = &scene.partitions.get(tp)?.replicas;
                let here = replicas.iter().find(|id| self.rows.get(id) == Some(&row));
                Some(here.map_or_else(|| Selection::Partition(tp.clone()), |id| Selection::Replica(tp.clone(), *id)))
            }
            // A topic opens at the partition of it that needs looking at most.
            Item::Strip(topic, _) => {
                let of_topic = |tp: &&TopicPartition| tp.topic == *topic;
                let worst = |tp: &&TopicPartition| (scene.health(tp), std::cmp::Reverse((*tp).clone()));
                let tp = scene.partitions.keys().filter(of_topic).max_by_key(worst)?;
                Some(Selection::Partition(tp.clone()))
            }
        }
    }

    fn on_a_way(&self, x: f64, y: f64, scene: &Scene) -> Option<Selection> {
        let near = |route: &Route| route.points().windows(2).any(|pair| distance(pair[0], pair[1], (x, y)) < NEAR);
        let way = self.client_ways.iter().find(|(_, route)| near(route));
        let ((host, row), _) = way?;
        let broker = self.shelves.get(*row)?.broker;
        Some(Selection::link(*host, scene.brokers.get(&broker)?.host))
    }

    fn on_a_broker(&self, x: f64, y: f64) -> Option<Selection> {
        let tick = self.bands.iter().flat_map(|b| &b.ticks).find(|(_, r)| r.grown(2.0).holds(x, y));
        let shelf = || self.shelves.iter().find(|s| s.card.holds(x, y)).map(|s| s.broker);
        tick.map(|(id, _)| *id).or_else(shelf).map(Selection::Broker)
    }

    /// Where something stands; none for what has no place of its own.
    pub fn place_of(&self, scene: &Scene, what: &Selection) -> Option<Rect> {
        match what {
            Selection::Replica(tp, broker) => match self.column(tp).and_then(|c| c.tape(*broker)) {
                Some(tape) => Some(tape.grown(if tape.h >= 30.0 { 5.0 } else { 3.0 })),
                None => self.tile(tp, *self.rows.get(broker)?),
            },
            Selection::Partition(tp) => match self.column(tp) {
                Some(column) => Some(column.panel.unwrap_or(column.head)),
                None => self.tile(tp, *self.rows.get(&scene.partitions.get(tp)?.leader?)?),
            },
            Selection::Broker(id) => {
                let tick = self.bands.iter().flat_map(|b| &b.ticks).find(|(of, _)| of == id).map(|(_, r)| r.grown(2.0));
                tick.or_else(|| self.shelves.iter().find(|s| s.broker == *id).map(|s| s.card))
            }
            Selection::Controller(id) => {
                self.quorum.iter().flat_map(|q| &q.nodes).find(|(of, _)| of == id).map(|(_, r)| r.grown(2.0))
            }
            Selection::Client(host) => self.clients.iter().find(|c| c.host == *host).map(|c| c.card),
            Selection::Group(id) => self.groups.iter().find(|g| g.id == *id).map(|g| g.frame),
            Selection::Link(..) | Selection::Packet(_) => None,
        }
    }

    fn tile(&self, tp: &TopicPartition, row: usize) -> Option<Rect> {
        let field = self.field.as_ref()?;
        let is_it = |item: &Item| match item {
            Item::Tile(of) => of == tp,
            Item::Strip(topic, _) => *topic == tp.topic,
        };
        Some(field.place(row, field.items.iter().position(is_it)?)?.grown(2.0))
    }

    /// The way between two hosts.
    pub fn link_route(&self, scene: &Scene, a: u32, b: u32) -> Option<Route> {
        let station = |host: u32| {
            Some(match scene.hosts.get(&host)?.role {
                Role::Broker(id) => Station::Broker(id),
                Role::Controller(id) => Station::Controller(id),
                _ => Station::Client(host),
            })
        };
        // A column where one of the two leads tells the link best.
        let leads = |c: &&super::Column| {
            let leader = scene.partitions.get(&c.tp).and_then(|p| p.leader).and_then(|id| scene.brokers.get(&id));
            leader.is_some_and(|l| l.host == a || l.host == b)
        };
        let about = self.columns.iter().find(leads).map(|c| &c.tp);
        let way = self.way(station(a)?, station(b)?, about).or_else(|| self.way(station(b)?, station(a)?, about))?;
        Some(way.route.into_owned())
    }
}

fn distance((ax, ay): (f64, f64), (bx, by): (f64, f64), (x, y): (f64, f64)) -> f64 {
    let (dx, dy) = (bx - ax, by - ay);
    let length = dx * dx + dy * dy;
    let t = if length > 0.0 { (((x - ax) * dx + (y - ay) * dy) / length).clamp(0.0, 1.0) } else { 0.0 };
    let (px, py) = (ax + dx * t - x, ay + dy * t - y);
    (px * px + py * py).sqrt()
}
