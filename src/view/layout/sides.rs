//! Producers at the left of the stage, consumers at its right in the brackets of their groups, and the tool that runs.

use super::{Layout, Rect};
use crate::base::SortedMap;
use crate::view::scene::{Role, Scene};
use std::sync::Arc;

/// A client's box.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientBox {
    /// Its host.
    pub host: u32,
    /// Its name.
    pub name: Arc<str>,
    /// What it is.
    pub role: Role,
    /// The box.
    pub card: Rect,
    /// How much there is room for.
    pub density: Density,
}

/// How much of a client there is room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Density {
    /// All.
    Full,
    /// Its name and one line.
    Folded,
    /// One line.
    Row,
    /// A tile with the end of its name, several in a line.
    Tile,
}

/// A group's bracket.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupBox {
    /// The group.
    pub id: Arc<str>,
    /// The bracket, around the consumers that are configured to be in the group.
    pub frame: Rect,
    /// Where its name and state are written, above them.
    pub head: Rect,
}

/// One side's clients: host, name, role.
pub(super) type Side = Vec<(u32, Arc<str>, Role)>;

/// Clients that stand together: a group's consumers, or any that are in no group.
#[derive(Debug, Default)]
pub(super) struct Cluster {
    pub(super) group: Option<Arc<str>>,
    pub(super) clients: Side,
}

/// Left of the gutter: margin and producers.
pub(super) const LEFT: f64 = MARGIN + PRODUCER_W;
/// Right of the gutter: consumers in their bracket, and margin.
pub(super) const RIGHT: f64 = BRACKET + CONSUMER_W + BRACKET + 10.0;
const MARGIN: f64 = 13.0;
const PRODUCER_W: f64 = 92.0;
const CONSUMER_W: f64 = 147.0;
/// From a bracket to the boxes that it holds.
const BRACKET: f64 = 8.0;
/// Above a group's boxes: its name and its state.
const GROUP_HEAD: f64 = 38.0;
/// Between clusters, at least.
const APART: f64 = 14.0;
/// Below the clients of a side that has more than there is room for.
const MORE: f64 = 20.0;

impl Density {
    /// At which so many clients of a side are drawn.
    fn of(count: usize) -> Self {
        match count {
            0..=4 => Self::Full,
            5..=8 => Self::Folded,
            9..=20 => Self::Row,
            _ => Self::Tile,
        }
    }

    /// At most so many lines of boxes stand on a side; what has none is counted.
    fn most(self) -> usize {
        match self {
            Self::Full | Self::Folded => 8,
            Self::Row => 20,
            Self::Tile => 26,
        }
    }

    /// How many boxes of clients like this one stand in a line.
    fn per_line(self, role: Role) -> usize {
        match (self, role) {
            (Self::Tile, Role::Consumer) => 6,
            (Self::Tile, _) => 4,
            _ => 1,
        }
    }

    /// How high a box is.
    fn height(self, grouped: bool) -> f64 {
        match self {
            Self::Full if grouped => 52.0,
            Self::Full => 76.0,
            Self::Folded => 38.0,
            Self::Row => 17.0,
            Self::Tile => 15.0,
        }
    }

    /// From a box to the next within a cluster, at least.
    fn gap(self) -> f64 {
        match self {
            Self::Full => 8.0,
            Self::Folded => 6.0,
            Self::Row | Self::Tile => 3.0,
        }
    }
}

impl Cluster {
    fn per_line(&self, density: Density) -> usize {
        self.clients.first().map_or(1, |(.., role)| density.per_line(*role))
    }

    fn lines(&self, density: Density) -> usize {
        self.clients.len().div_ceil(self.per_line(density))
    }

    /// Lines of tiles that there would be room for in place of its head.
    fn head_lines(&self, density: Density) -> usize {
        if density == Density::Tile && self.group.is_some() { 3 } else { 0 }
    }

    fn height(&self, density: Density) -> f64 {
        let n = self.lines(density) as f64;
        let boxes = (n * (density.height(self.group.is_some()) + density.gap()) - density.gap()).max(0.0);
        if self.group.is_some() { GROUP_HEAD + boxes + if n > 0.0 { BRACKET } else { 0.0 } } else { boxes }
    }
}

/// The gutters' widths at the left and right of the rows.
pub(super) fn gutters(width: f64) -> (f64, f64) {
    let extra = ((width - 1076.0) * 0.08).clamp(-8.0, 40.0);
    (72.0 + extra, 80.0 + extra)
}

/// The clients of one side: as many as have a box, and how many have none.
pub(super) struct Clients {
    pub(super) clusters: Vec<Cluster>,
    pub(super) density: Density,
    more: usize,
}

/// Both sides' clients.
pub(super) struct Sides {
    pub(super) left: Clients,
    pub(super) right: Clients,
}

impl Sides {
    pub(super) fn of(scene: &Scene) -> Self {
        let left = scene.producers.iter().map(|(name, p)| (p.host, name.clone(), Role::Producer));
        let alone = |client| Cluster { group: None, clients: vec![client] };
        Self { left: Clients::of(left.map(alone).collect()), right: Clients::of(consumers(scene)) }
    }

    /// How high the higher side is.
    pub(super) fn height(&self) -> f64 {
        self.left.height().max(self.right.height())
    }

    /// Places everything beside the rows' `body`.
    pub(super) fn place(&self, out: &mut Layout, scene: &Scene, body: Rect) {
        let left = Rect::new(MARGIN, body.y, PRODUCER_W, body.h);
        let right = Rect::new(out.width - RIGHT + BRACKET, body.y, CONSUMER_W, body.h);
        for (n, (side, area)) in [(&self.left, left), (&self.right, right)].into_iter().enumerate() {
            out.more_clients[n] = (side.place(out, area), side.more);
        }
        // Tools run one after another: the newest that runs has the place above the producers.
        if let Some((host, view)) = scene.tools().last() {
            let card = Rect::new(left.x, left.y - 34.0, left.w, 28.0);
            let (name, density) = (view.name.clone(), Density::Folded);
            out.clients.push(ClientBox { host, name, role: Role::Tool, card, density });
        }
    }
}

/// Groups with their consumers, then those that read alone. A group without consumers of this world has its bracket, too:
/// somebody outside may be in it, and it has committed offsets.
fn consumers(scene: &Scene) -> Vec<Cluster> {
    let mut groups: SortedMap<&Arc<str>, Side> = scene.groups.keys().map(|id| (id, Side::new())).collect();
    let mut alone = Vec::new();
    for (name, view) in &scene.consumers {
        let client = (view.host, name.clone(), Role::Consumer);
        match &view.group {
            Some(id) => groups.entry(id).or_default().push(client),
            None => alone.push(Cluster { group: None, clients: vec![client] }),
        }
    }
    let cluster = |(id, clients): (&Arc<str>, Side)| Cluster { group: Some(id.clone()), clients };
    groups.into_iter().map(cluster).chain(alone).collect()
}

impl Clients {
    fn of(mut clusters: Vec<Cluster>) -> Self {
        let count = |clusters: &[Cluster]| clusters.iter().map(|cluster| cluster.clients.len().max(1)).sum::<usize>();
        let all = count(&clusters);
        let density = Density::of(all);
        if density == Density::Tile {
            // Those in no group share their lines.
            let (grouped, alone): (Vec<_>, Vec<_>) = clusters.into_iter().partition(|cluster| cluster.group.is_some());
            let clients: Side = alone.into_iter().flat_map(|cluster| cluster.clients).collect();
            let alone = Some(Cluster { group: None, clients }).filter(|cluster| !cluster.clients.is_empty());
            clusters = grouped.into_iter().chain(alone).collect();
        }
        // The bracket of a group that lost all of its consumers to the count is gone with them.
        let mut room = density.most();
        clusters.retain_mut(|cluster| {
            let lines = room.saturating_sub(cluster.head_lines(density));
            cluster.clients.truncate(lines * cluster.per_line(density));
            room = lines.saturating_sub(cluster.lines(density).max(1));
            lines > 0
        });
        let more = all - count(&clusters);
        Self { clusters, density, more }
    }

    /// All of them, one after another.
    pub(super) fn iter(&self) -> impl Iterator<Item = &(u32, Arc<str>, Role)> {
        self.clusters.iter().flat_map(|cluster| &cluster.clients)
    }

    fn spare(&self) -> f64 {
        if self.more > 0 { MORE } else { 0.0 }
    }

    /// The heights of its clusters, without what is between them.
    fn heights(&self) -> f64 {
        self.clusters.iter().map(|cluster| cluster.height(self.density)).sum()
    }

    fn least_gap(&self) -> f64 {
        let grouped = self.clusters.iter().any(|cluster| cluster.group.is_some());
        if grouped { APART } else { self.density.gap().max(3.0) + 2.0 }
    }

    fn height(&self) -> f64 {
        let gaps = self.clusters.len().saturating_sub(1) as f64;
        self.heights() + gaps * self.least_gap() + self.spare()
    }

    /// Spreads its clusters over the area and gives the place below them.
    fn place(&self, out: &mut Layout, area: Rect) -> Rect {
        let n = self.clusters.len() as f64;
        let free = area.h - self.spare() - self.heights();
        let gap = (free / (n + 0.8)).clamp(self.least_gap(), 59.0);
        let total = self.heights() + (n - 1.0).max(0.0) * gap;
        let mut y = area.y + ((area.h - self.spare() - total) / 2.0).max(0.0);
        for cluster in &self.clusters {
            self.cluster(out, cluster, Rect::new(area.x, y, area.w, cluster.height(self.density)));
            y += cluster.height(self.density) + gap;
        }
        Rect::new(area.x, y - gap + 4.0, area.w, 14.0)
    }

    fn cluster(&self, out: &mut Layout, cluster: &Cluster, area: Rect) {
        let grouped = cluster.group.is_some();
        let (h, pitch) = (self.density.height(grouped), self.density.height(grouped) + self.density.gap());
        let first = area.y + if grouped { GROUP_HEAD } else { 0.0 };
        let per_line = cluster.per_line(self.density);
        let across = (area.w + self.density.gap()) / per_line as f64;
        for (n, (host, name, role)) in cluster.clients.iter().enumerate() {
            let (line, place) = ((n / per_line) as f64, (n % per_line) as f64);
            let w = across - self.density.gap();
            let card = Rect::new(area.x + place * across, first + line * pitch, w, h);
            let (name, density) = (name.clone(), self.density);
            out.clients.push(ClientBox { host: *host, name, role: *role, card, density });
        }
        if let Some(id) = &cluster.group {
            let frame = Rect::new(area.x - BRACKET, area.y, area.w + 2.0 * BRACKET, area.h);
            let head = Rect::new(area.x, area.y, area.w, GROUP_HEAD - 4.0);
            out.groups.push(GroupBox { id: id.clone(), frame, head });
        }
    }
}
