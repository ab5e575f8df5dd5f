//! A canvas context with the few strokes that the stage is drawn with.
//!
//! Choosing a font and measuring a text are the dear ones, so the brush remembers which font is chosen and how wide
//! texts were.

use super::palette::Palette;
use crate::base::SortedMap;
use crate::view::Rect;
use std::cell::{Cell, RefCell};
use wasm_bindgen::JsValue;
use web_sys::CanvasRenderingContext2d;

/// Which of the page's three typefaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Face {
    /// User interface.
    Ui,
    /// Numbers.
    Mono,
    /// Titles.
    Text,
}

/// A way to write text: face, size in tenths of a unit, weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Type(pub(crate) Face, pub(crate) u16, pub(crate) u16);

/// Captions.
pub(crate) const SMALL: Type = Type(Face::Ui, 110, 400);
/// Captions that matter.
pub(crate) const SMALL_BOLD: Type = Type(Face::Ui, 110, 600);
/// Names of lesser things.
pub(crate) const LABEL: Type = Type(Face::Ui, 120, 600);
/// Names.
pub(crate) const NAME: Type = Type(Face::Ui, 130, 600);
/// Numbers.
pub(crate) const NUMBER: Type = Type(Face::Mono, 110, 400);
/// Numbers that matter.
pub(crate) const NUMBER_BOLD: Type = Type(Face::Mono, 115, 600);
/// The high watermark.
pub(crate) const WATER: Type = Type(Face::Mono, 120, 600);
/// What stands on the smallest marks.
pub(crate) const TINY: Type = Type(Face::Ui, 90, 600);

/// Where a text's anchor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    /// At its left.
    Left,
    /// In its middle.
    Middle,
    /// At its right.
    Right,
}

/// What the brush remembers from one frame to the next.
#[derive(Default)]
pub(crate) struct Memory {
    font: Cell<Option<Type>>,
    anchor: Cell<Option<Anchor>>,
    dashed: Cell<bool>,
    fill: Cell<(usize, usize)>,
    stroke: Cell<(usize, usize)>,
    line_width: Cell<f64>,
    widths: RefCell<SortedMap<Type, SortedMap<String, f64>>>,
    icons: RefCell<SortedMap<&'static str, web_sys::Path2d>>,
}

impl Memory {
    /// Forgets what a canvas forgets when it is given another size.
    pub(crate) fn wipe(&self) {
        self.font.set(None);
        self.anchor.set(None);
        self.dashed.set(true);
        self.fill.set((0, 0));
        self.stroke.set((0, 0));
        self.line_width.set(f64::NAN);
    }

    /// Forgets how wide texts are, because the fonts are others.
    pub(crate) fn forget_fonts(&self) {
        self.wipe();
        self.widths.borrow_mut().clear();
    }
}

/// Which text this is: colours are the palette's, and stay where they are as long as it does.
fn place_of(color: &str) -> (usize, usize) {
    (color.as_ptr() as usize, color.len())
}

/// How many widths are remembered of each type; more are numbers that will not come again.
const WIDTHS: usize = 2_000;

/// A canvas context and the palette to draw with.
pub(crate) struct Brush<'a> {
    pub(crate) ctx: &'a CanvasRenderingContext2d,
    pub(crate) palette: &'a Palette,
    pub(crate) memory: &'a Memory,
}

impl Brush<'_> {
    /// Chooses a line: colour and width. Dashes are off.
    pub(crate) fn pen(&self, color: &str, width: f64) {
        if self.memory.stroke.replace(place_of(color)) != place_of(color) {
            self.ctx.set_stroke_style_str(color);
        }
        if self.memory.line_width.replace(width) != width {
            self.ctx.set_line_width(width);
        }
        if self.memory.dashed.replace(false) {
            self.set_dash(&[]);
        }
    }

    /// Chooses what shapes and texts are filled with.
    pub(crate) fn ink(&self, color: &str) {
        if self.memory.fill.replace(place_of(color)) != place_of(color) {
            self.ctx.set_fill_style_str(color);
        }
    }

    /// Makes lines dashed, until the next pen is chosen.
    pub(crate) fn dash(&self, pattern: &[f64]) {
        self.memory.dashed.set(true);
        self.set_dash(pattern);
    }

    fn set_dash(&self, pattern: &[f64]) {
        let array: js_sys::Array = pattern.iter().map(|n| JsValue::from_f64(*n)).collect();
        // Refused only for what is no list of numbers.
        let _ = self.ctx.set_line_dash(&array);
    }

    /// Draws with these changes to the context only, which end with `draw`.
    pub(crate) fn apart(&self, draw: impl FnOnce()) {
        self.ctx.save();
        draw();
        self.ctx.restore();
        self.memory.wipe();
    }

    /// Draws a line through points.
    pub(crate) fn line(&self, points: &[(f64, f64)]) {
        self.trace(points);
        self.ctx.stroke();
    }

    /// Fills the shape with these corners.
    pub(crate) fn fill(&self, points: &[(f64, f64)], color: &str) {
        self.trace(points);
        self.ctx.close_path();
        self.ink(color);
        self.ctx.fill();
    }

    /// Begins a path through points.
    pub(crate) fn trace(&self, points: &[(f64, f64)]) {
        self.ctx.begin_path();
        self.add(points);
    }

    /// Adds a line through points to the path.
    pub(crate) fn add(&self, points: &[(f64, f64)]) {
        for (n, (x, y)) in points.iter().enumerate() {
            if n == 0 { self.ctx.move_to(*x, *y) } else { self.ctx.line_to(*x, *y) }
        }
    }

    /// Draws a way with rounded corners.
    pub(crate) fn way(&self, points: &[(f64, f64)], radius: f64) {
        self.ctx.begin_path();
        let (Some(first), Some(last)) = (points.first(), points.last()) else { return };
        self.ctx.move_to(first.0, first.1);
        for pair in points.windows(2).skip(1) {
            let r = radius.min((pair[1].0 - pair[0].0).abs().max((pair[1].1 - pair[0].1).abs()) / 2.0);
            // Refused only for a negative radius.
            let _ = self.ctx.arc_to(pair[0].0, pair[0].1, pair[1].0, pair[1].1, r);
        }
        self.ctx.line_to(last.0, last.1);
        self.ctx.stroke();
    }

    /// Fills a rectangle.
    pub(crate) fn rect(&self, r: Rect, color: &str) {
        self.ink(color);
        self.ctx.fill_rect(r.x, r.y, r.w, r.h);
    }

    /// Outlines a rectangle with the pen.
    pub(crate) fn frame(&self, r: Rect) {
        self.ctx.stroke_rect(r.x, r.y, r.w, r.h);
    }

    /// A path along a rectangle with round corners.
    pub(crate) fn round(&self, r: Rect, radius: f64) {
        self.ctx.begin_path();
        // Refused only for a negative radius.
        let _ = self.ctx.round_rect_with_f64(r.x, r.y, r.w, r.h, radius);
    }

    /// A card: a filled rectangle with round corners and a line around it.
    pub(crate) fn card(&self, r: Rect, radius: f64, fill: &str, line: &str, width: f64) {
        self.round(r, radius);
        self.ink(fill);
        self.ctx.fill();
        self.pen(line, width);
        self.ctx.stroke();
    }

    /// A card with a dashed line around it.
    pub(crate) fn dashed_card(&self, r: Rect, radius: f64, fill: &str, line: &str, pattern: &[f64]) {
        self.round(r, radius);
        self.ink(fill);
        self.ctx.fill();
        self.pen(line, 1.4);
        self.dash(pattern);
        self.ctx.stroke();
    }

    /// A disc, filled.
    pub(crate) fn disc(&self, x: f64, y: f64, r: f64, color: &str) {
        self.circle(x, y, r);
        self.ink(color);
        self.ctx.fill();
    }

    /// A path along a circle.
    pub(crate) fn circle(&self, x: f64, y: f64, r: f64) {
        self.ctx.begin_path();
        // Refused only for a negative radius.
        let _ = self.ctx.arc(x, y, r, 0.0, std::f64::consts::TAU);
    }

    /// Hatches a rectangle with lines at 45 degrees, `step` apart.
    pub(crate) fn hatch(&self, r: Rect, step: f64, rising: bool, color: &str, width: f64) {
        self.apart(|| {
            self.ctx.begin_path();
            self.ctx.rect(r.x, r.y, r.w, r.h);
            self.ctx.clip();
            self.ctx.begin_path();
            let mut x = r.x - r.h;
            while x < r.right() {
                let (from, to) = if rising { (r.bottom(), r.y) } else { (r.y, r.bottom()) };
                self.add(&[(x, from), (x + r.h, to)]);
                x += step;
            }
            self.pen(color, width);
            self.ctx.stroke();
        });
    }

    /// Chooses how text is written.
    fn font(&self, kind: Type) {
        if self.memory.font.replace(Some(kind)) == Some(kind) {
            return;
        }
        let Type(face, size, weight) = kind;
        let family = match face {
            Face::Ui => &self.palette.ui,
            Face::Mono => &self.palette.mono,
            Face::Text => &self.palette.text,
        };
        self.ctx.set_font(&format!("{weight} {}px {family}", f64::from(size) / 10.0));
    }

    fn anchor(&self, anchor: Anchor) {
        if self.memory.anchor.replace(Some(anchor)) != Some(anchor) {
            self.ctx.set_text_align(match anchor {
                Anchor::Left => "left",
                Anchor::Middle => "center",
                Anchor::Right => "right",
            });
        }
    }

    /// Writes text on a baseline.
    pub(crate) fn text(&self, text: &str, x: f64, y: f64, kind: Type, color: &str, anchor: Anchor) {
        self.font(kind);
        self.anchor(anchor);
        self.ink(color);
        // Refused only for places that are no numbers.
        let _ = self.ctx.fill_text(text, x, y);
    }

    /// Writes text from the left.
    pub(crate) fn left(&self, text: &str, x: f64, y: f64, kind: Type, color: &str) {
        self.text(text, x, y, kind, color, Anchor::Left);
    }

    /// Writes text with a rim of another colour, so that it can be read over lines.
    pub(crate) fn halo(&self, text: &str, x: f64, y: f64, kind: Type, colors: (&str, &str), anchor: Anchor) {
        self.font(kind);
        self.anchor(anchor);
        self.pen(colors.1, 3.5);
        // Refused only for places that are no numbers.
        let _ = self.ctx.stroke_text(text, x, y);
        self.text(text, x, y, kind, colors.0, anchor);
    }

    /// How wide a text is.
    pub(crate) fn width(&self, text: &str, kind: Type) -> f64 {
        let mut widths = self.memory.widths.borrow_mut();
        let of = widths.entry(kind).or_default();
        if let Some(width) = of.get(text) {
            return *width;
        }
        self.font(kind);
        let width = self.ctx.measure_text(text).map_or(0.0, |m| m.width());
        if of.len() >= WIDTHS {
            of.clear();
        }
        of.insert(text.to_owned(), width);
        width
    }

    /// A text cut to fit a width.
    pub(crate) fn fitted(&self, text: &str, kind: Type, width: f64) -> String {
        if self.width(text, kind) <= width {
            return text.into();
        }
        let chars: Vec<char> = text.chars().collect();
        let fits = |n: &usize| {
            let cut: String = chars[..*n].iter().collect::<String>() + "…";
            self.width(&cut, kind) <= width
        };
        let kept = (1..chars.len()).rev().find(fits).unwrap_or(1);
        chars[..kept.min(chars.len())].iter().collect::<String>() + "…"
    }

    /// Draws an icon of twenty by twenty units into a square.
    pub(crate) fn icon(&self, path: &'static str, x: f64, y: f64, size: f64, color: &str, width: f64) {
        let mut icons = self.memory.icons.borrow_mut();
        if !icons.contains_key(path) {
            let Ok(drawn) = web_sys::Path2d::new_with_path_string(path) else { return };
            icons.insert(path, drawn);
        }
        let scale = size / 20.0;
        self.ctx.save();
        // Refused only for what is no number.
        let _ = self.ctx.translate(x, y);
        let _ = self.ctx.scale(scale, scale);
        self.pen(color, width / scale);
        self.ctx.set_line_cap("round");
        self.ctx.stroke_with_path(&icons[path]);
        self.ctx.restore();
        self.memory.dashed.set(true);
        self.memory.stroke.set((0, 0));
        self.memory.line_width.set(f64::NAN);
    }
}

/// A heartbeat.
pub(crate) const PULSE: &str = "M2 10.5h4l2-5 3.5 9.5 2-4.5H18";
/// No heartbeat.
pub(crate) const FLAT: &str = "M2 10.5h3M7 10.5h3M12 10.5h3M17 10.5h1";
/// A padlock.
pub(crate) const LOCK: &str = "M4.5 9h11v8h-11zM7 9V6.5a3 3 0 0 1 6 0V9";
/// A flag of an election.
pub(crate) const ELECTED: &str = "M5.5 17.5V3M5.5 3.5h9.5l-2.8 3.6L15 10.7H5.5";
/// An hourglass.
pub(crate) const HOURGLASS: &str =
    "M5.5 3h9M5.5 17h9M6.5 3c0 4 3.5 4.5 3.5 7s-3.5 3-3.5 7M13.5 3c0 4-3.5 4.5-3.5 7s3.5 3 3.5 7";
/// Two bars.
pub(crate) const PAUSE: &str = "M7 5v10M13 5v10";
/// A fence.
pub(crate) const FENCE: &str = "M5 17V6l1.6-2.5L8.2 6v11M11.8 17V6l1.6-2.5L15 6v11M2.5 9h15M2.5 13.5h15";
/// There and back: a rebalance.
pub(crate) const SWAP: &str = "M3 7h13M12.5 3.5 16 7M17 13H4M7.5 16.5 4 13";
/// A way out.
pub(crate) const LEAVING: &str = "M9 4H4v12h5M8 10h9M14 7l3 3-3 3";
