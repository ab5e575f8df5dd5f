//! The stage on its canvas. What is drawn is a function of the player's scene, its time and the layout; only
//! [`motion`] remembers anything, and only how far a tape has slid and which ways were used.

mod brush;
mod clients;
mod column;
mod field;
mod groups;
mod hosts;
mod layer;
mod marks;
mod motion;
mod palette;
mod tape;
mod texts;
mod traffic;

use crate::view::{Layout, Player, Rect, Room, Scene, Selection, Standing, layout};
use brush::Brush;
use column::Drawn;
use layer::Layer;
use motion::Motion;
pub(crate) use palette::Palette;
use tape::Tape;
use traffic::{Spot, Traffic};
use web_sys::HtmlCanvasElement;

/// Width of a shelf's left part.
const INFO: f64 = crate::view::INFO;

/// What the stage shows besides the world.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Look {
    /// How much room the stage has.
    pub(crate) room: Room,
    /// What is selected.
    pub(crate) selected: Option<Selection>,
    /// Whether motion is to be avoided.
    pub(crate) still: bool,
}

/// Draws the stage.
pub(crate) struct Painter {
    palette: Palette,
    motion: Motion,
    layout: Layout,
    /// What the layout was made for.
    made_for: Option<Made>,
    spots: Vec<Spot>,
    /// The ways of messages, which lie below the figure.
    below: Layer,
    /// The figure, without messages and clients.
    figure: Layer,
    /// What the figure was drawn for: the scene's version, tenths of seconds where these are shown, whether anybody is
    /// just elected.
    figure_of: Option<(u64, u64, bool)>,
    /// Clients and groups.
    sides: Layer,
    /// The scene's version that they were drawn for.
    sides_of: Option<u64>,
    /// Whether the figure was drawn when one of the two was last.
    figure_last: bool,
    /// The field: thousands of tiles that change seldom.
    field: Layer,
    /// The messages, and the ring around what is selected.
    above: Layer,
}

/// How many canvases the stage has below the one that is pressed.
pub(crate) const BELOW: usize = 4;

/// What a layout depends on.
#[derive(Clone, Debug, PartialEq)]
struct Made {
    shape: u64,
    room: Room,
    selected: Option<crate::base::TopicPartition>,
}

impl Painter {
    /// A painter on a pile of canvases, the uppermost last; none when the browser has no 2d context.
    pub(crate) fn new(pile: [HtmlCanvasElement; BELOW + 1]) -> Option<Self> {
        let [below, figure, field, sides, above] = pile.map(Layer::new);
        Some(Self {
            palette: Palette::read(),
            motion: Motion::default(),
            layout: Layout::default(),
            made_for: None,
            spots: Vec::new(),
            below: below?,
            figure: figure?,
            figure_of: None,
            sides: sides?,
            sides_of: None,
            figure_last: false,
            field: field?,
            above: above?,
        })
    }

    /// Reads the colours again, after the theme changed.
    pub(crate) fn repaint(&mut self) {
        self.palette = Palette::read();
        for layer in [&mut self.below, &mut self.figure, &mut self.field, &mut self.sides, &mut self.above] {
            layer.forget();
        }
    }

    /// Another session: what was remembered of the last one is forgotten.
    pub(crate) fn forget(&mut self) {
        self.motion = Motion::default();
        self.made_for = None;
        self.figure.forget();
        self.sides.forget();
        self.field.forget();
    }

    /// Where things stand.
    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// What is at a place of the canvas, in CSS pixels.
    pub(crate) fn hit(&self, scene: &Scene, x: f64, y: f64) -> Option<Selection> {
        let unit = self.layout.unit.max(0.01);
        let (x, y) = (x / unit, y / unit);
        let near = |s: &&Spot| (s.x - x).abs() < 14.0 && (s.y - y).abs() < 11.0;
        let packet = self.spots.iter().rev().find(near).map(|s| Selection::Packet(s.id));
        packet.or_else(|| self.layout.hit(scene, x, y))
    }

    /// Draws the stage as it is now, `ms` after it was last drawn.
    pub(crate) fn paint(&mut self, player: &Player, look: &Look, ms: f64) {
        let (scene, now) = (player.scene(), player.now());
        self.lay_out(player, look);
        let ratio = gloo::utils::window().device_pixel_ratio().max(1.0);
        let unit = self.layout.unit * ratio;
        self.draw_figure(player, look, unit, ms);
        let layout = &self.layout;
        self.motion.used.values_mut().for_each(|idle| *idle += ms);
        let traffic = Traffic::new(scene, layout, player.flights(), now, look.still, &mut self.motion);
        for key in traffic.client_ways(scene, layout) {
            self.motion.used.insert(key, 0.0);
        }
        self.motion.used.retain(|_, idle| *idle < 30_000.0);
        self.spots.clear();
        let (motion, spots) = (&self.motion, &mut self.spots);
        self.below.renew(&self.palette, layout, unit, |b| traffic::ways(b, scene, layout, motion));
        self.above.renew(&self.palette, layout, unit, |b| {
            traffic::ports(b, layout, motion);
            traffic.draw(b, false, now, layout, spots);
            traffic.draw(b, true, now, layout, spots);
            ring(b, scene, layout, look, spots);
        });
    }

    /// Draws the figure anew, everything but the messages and their ways, if anything in it is different; in one frame its
    /// middle or its sides.
    fn draw_figure(&mut self, player: &Player, look: &Look, unit: f64, ms: f64) {
        let (scene, now, layout) = (player.scene(), player.now(), &self.layout);
        let drawn = columns(scene, layout, &mut self.motion, now, look, ms);
        let moving = std::mem::take(&mut self.motion.moving);
        // Ages are shown to a tenth of a second, where something is down, elected or cut.
        let down = scene.brokers.keys().any(|id| !scene.broker_process(*id).is_up());
        let ages = down || scene.cuts.values().any(|cut| column::is_seen(cut, now));
        let gold = drawn.iter().flat_map(|c| &c.tapes).any(|(_, tape)| tape.gold);
        let tick = if ages || gold { (now / 1e5) as u64 } else { 0 };
        let state = Some((player.version(), tick, gold));
        let (figure_fits, sides_fit) = (self.figure.fits(layout, unit), self.sides.fits(layout, unit));
        let figure_due = moving || self.figure_of != state || !figure_fits;
        let sides_due = self.sides_of != Some(player.version()) || !sides_fit;
        // Where both have something new, a frame pays for one of them.
        let in_turns = figure_due && sides_due && figure_fits && sides_fit;
        let turn_of_sides = in_turns && self.figure_last;
        self.figure_last = in_turns && !self.figure_last;
        if sides_due && (!in_turns || turn_of_sides) {
            self.sides_of = Some(player.version());
            self.sides.renew(&self.palette, layout, unit, |b| sides(b, scene, layout));
        }
        if !figure_due || turn_of_sides {
            return;
        }
        self.figure_of = state;
        self.figure.renew(&self.palette, layout, unit, |b| figure(b, scene, layout, &drawn, now));
        match &layout.field {
            None => self.field.clear(),
            Some(_) if self.field.fits(layout, unit) => {}
            Some(field) => self.field.renew(&self.palette, layout, unit, |b| field::draw(b, scene, layout, field)),
        }
    }

    /// Makes the layout anew if anything that it depends on is different.
    fn lay_out(&mut self, player: &Player, look: &Look) {
        let room =
            Room { width: look.room.width.max(300.0), height: look.room.height.max(240.0), large: look.room.large };
        let selected = look.selected.as_ref().and_then(Selection::partition).cloned();
        let made = Made { shape: player.shape(), room, selected };
        if self.made_for.as_ref() != Some(&made) {
            self.layout = layout(player.scene(), room, made.selected.as_ref());
            self.motion.keep_only(&self.layout.columns);
            self.figure.forget();
            self.sides.forget();
            self.field.forget();
            self.made_for = Some(made);
        }
    }
}

/// Draws the figure: everything but the clients, the messages and their ways.
fn figure(b: &Brush, scene: &Scene, layout: &Layout, drawn: &[Drawn], now: f64) {
    if !layout.narrow {
        texts::title(b, scene, layout);
        texts::legend(b, scene, layout);
    }
    texts::more(b, layout);
    traffic::rails(b, scene, layout);
    if let Some(quorum) = &layout.quorum {
        hosts::quorum(b, scene, quorum, layout.narrow);
    }
    rows(b, scene, layout, drawn, now);
    let mut told = Vec::new();
    for column in drawn {
        column.spine(b, scene, &mut told);
        column.water_line(b);
        column.head(b, scene, now);
    }
    texts::topics(b, scene, layout);
    // Words stand on top of lines.
    for column in drawn {
        for (broker, tape) in &column.tapes {
            let down = matches!(tape.standing, Standing::Offline { .. }) && column.column.panel.is_none();
            let backing = if down { &b.palette.panel2 } else { &b.palette.shelf };
            column.captions(b, scene, *broker, now, backing);
        }
    }
}

/// Draws the clients in the brackets of their groups.
fn sides(b: &Brush, scene: &Scene, layout: &Layout) {
    layout.groups.iter().for_each(|group| groups::bracket(b, scene, group, layout.narrow));
    for client in &layout.clients {
        clients::client(b, scene, client);
    }
}

/// The columns with their tapes, as far as they have slid.
fn columns<'a>(
    scene: &'a Scene,
    layout: &'a Layout,
    motion: &mut Motion,
    now: f64,
    look: &Look,
    ms: f64,
) -> Vec<Drawn<'a>> {
    let mut out = Vec::new();
    for column in &layout.columns {
        let first = motion.window(column, scene, ms, look.still);
        let gold = scene.partitions.get(&column.tp).is_some_and(|p| p.just_elected(now));
        let mut tapes = Vec::new();
        for (broker, rect) in &column.tapes {
            let key = (column.tp.clone(), *broker);
            let Some(replica) = scene.replicas.get(&key) else { continue };
            let standing = scene.standing(&column.tp, *broker);
            let shown = motion.follow(key, replica, first, ms, look.still);
            let gold = gold && standing == Standing::Leads;
            tapes.push((*broker, Tape { column, rect: *rect, replica, standing, gold, shown }));
        }
        out.push(Drawn { column, tapes, below: below(layout, column) });
    }
    out
}

/// How much room there is below a column's tapes: to the row's edge, or to the next tape of a panel.
fn below(layout: &Layout, column: &crate::view::Column) -> f64 {
    let Some((broker, tape)) = column.tapes.first() else { return 0.0 };
    let shelf = layout.shelves.iter().find(|s| s.broker == *broker).filter(|_| column.panel.is_none());
    shelf.map_or(24.0, |s| s.card.bottom() - tape.bottom())
}

/// Shelves, bands and panels with the tapes on them; a dead broker's tapes lie under its shroud.
fn rows(b: &Brush, scene: &Scene, layout: &Layout, drawn: &[Drawn], now: f64) {
    layout.columns.iter().for_each(|c| column::panel(b, c));
    layout.bands.iter().for_each(|band| hosts::band(b, scene, band));
    let faded = |tape: &Tape| {
        if matches!(tape.standing, Standing::Offline { .. }) {
            b.apart(|| {
                b.ctx.set_global_alpha(0.62);
                tape.draw(b);
            });
        } else {
            tape.draw(b);
        }
    };
    for shelf in &layout.shelves {
        hosts::shelf(b, scene, shelf);
        drawn.iter().flat_map(|c| &c.tapes).filter(|(id, _)| *id == shelf.broker).for_each(|(_, tape)| faded(tape));
        hosts::shroud(b, scene, shelf);
        hosts::about(b, scene, shelf, now, layout.narrow);
    }
    drawn.iter().filter(|c| c.column.panel.is_some()).flat_map(|c| &c.tapes).for_each(|(_, tape)| faded(tape));
}

/// The ring around what is selected.
fn ring(b: &Brush, scene: &Scene, layout: &Layout, look: &Look, spots: &[Spot]) {
    let Some(selected) = &look.selected else { return };
    let rect = match selected {
        Selection::Packet(id) => {
            spots.iter().find(|s| s.id == *id).map(|s| Rect::new(s.x - 24.0, s.y - 24.0, 48.0, 40.0))
        }
        Selection::Partition(tp) => match layout.column(tp) {
            Some(c) if c.panel.is_some() => c.panel,
            Some(c) => {
                let leader = scene.partitions.get(tp).and_then(|p| p.leader).and_then(|id| c.tape(id));
                leader.map(|r| r.grown(5.0)).or(Some(c.head.grown(3.0)))
            }
            None => layout.place_of(scene, selected),
        },
        _ => layout.place_of(scene, selected),
    };
    if let Some(r) = rect.filter(|_| !layout.narrow || !matches!(selected, Selection::Partition(_))) {
        b.round(r, 5.0);
        b.pen(&b.palette.select, 2.0);
        b.ctx.stroke();
    } else if let Selection::Link(x, y) = selected
        && let Some(route) = layout.link_route(scene, *x, *y)
    {
        b.pen(&b.palette.select, 3.0);
        b.way(route.points(), 5.0);
    }
}
