//! The frame loop: lets time pass at the desk, has the stage drawn, and refreshes each part of the rest of the page ten
//! times a second while something changes, one part after the other.

use super::desk::{Desk, Event};
use super::held::PARTS;
use super::paint::{Look, Painter};
use gloo::render::{AnimationFrame, request_animation_frame};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use yew::Callback;

/// The time between two refreshes of parts that are not on the canvas.
const REFRESH_MS: f64 = 100.0 / PARTS as f64;
/// How many frames the stage is drawn on after the last change: what slides comes to rest.
const COMING_TO_REST: u32 = 40;

struct Inner {
    desk: Rc<Desk>,
    painter: Rc<RefCell<Option<Painter>>>,
    look: Rc<RefCell<Look>>,
    refresh: Callback<()>,
    /// How many parts have yet to show the last change.
    behind: Cell<usize>,
    resting: Cell<u32>,
    last: Cell<f64>,
    refreshed: Cell<f64>,
    drawn: RefCell<Look>,
    next: RefCell<Option<AnimationFrame>>,
}

/// The frame loop; it ends when this is dropped.
pub(super) struct FrameLoop(Rc<Inner>);

impl Drop for FrameLoop {
    fn drop(&mut self) {
        self.0.next.replace(None);
    }
}

impl FrameLoop {
    /// Starts the loop.
    pub(super) fn start(
        desk: Rc<Desk>,
        painter: Rc<RefCell<Option<Painter>>>,
        look: Rc<RefCell<Look>>,
        refresh: Callback<()>,
    ) -> Self {
        let inner = Rc::new(Inner {
            desk: desk.clone(),
            painter,
            look,
            refresh,
            behind: Cell::new(PARTS),
            resting: Cell::new(COMING_TO_REST),
            last: Cell::new(0.0),
            refreshed: Cell::new(0.0),
            drawn: RefCell::default(),
            next: RefCell::new(None),
        });
        let weak = Rc::downgrade(&inner);
        desk.listen(move |event| {
            if let (Event::Changed, Some(inner)) = (event, weak.upgrade()) {
                inner.behind.set(PARTS);
                inner.resting.set(COMING_TO_REST);
            }
        });
        inner.clone().again();
        Self(inner)
    }
}

impl Inner {
    fn again(self: Rc<Self>) {
        let inner = self.clone();
        let frame = request_animation_frame(move |now| inner.frame(now));
        self.next.replace(Some(frame));
    }

    fn frame(self: Rc<Self>, now: f64) {
        let ms = (now - self.last.replace(now)).clamp(0.0, 1_000.0);
        self.desk.tick(ms);
        let playing = self.desk.playing();
        let look = self.look.borrow().clone();
        if *self.drawn.borrow() != look {
            self.drawn.replace(look.clone());
            self.resting.set(COMING_TO_REST);
        }
        if playing || self.resting.get() > 0 {
            self.resting.set(self.resting.get().saturating_sub(1));
            if let Some(painter) = self.painter.borrow_mut().as_mut() {
                self.desk.with(|player| painter.paint(player, &look, ms));
            }
        }
        let behind = self.behind.get();
        if (playing || behind > 0) && now - self.refreshed.get() >= REFRESH_MS {
            self.refreshed.set(now);
            self.behind.set(behind.saturating_sub(1));
            self.refresh.emit(());
        }
        self.again();
    }
}
