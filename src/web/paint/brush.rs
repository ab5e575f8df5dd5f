//! A canvas context with the few strokes that the stage is drawn with.

use super::palette::Palette;
use crate::view::Rect;
use wasm_bindgen::JsValue;
use web_sys::CanvasRenderingContext2d;

/// Which of the page's three typefaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Face {
    /// User interface.
    Ui,
    /// Numbers.
    Mono,
    /// Titles.
    Text,
}

/// A way to write text: face, size in units, weight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Type(pub(crate) Face, pub(crate) f64, pub(crate) u16);

/// Captions.
pub(crate) const SMALL: Type = Type(Face::Ui, 11.0, 400);
/// Captions that matter.
pub(crate) const SMALL_BOLD: Type = Type(Face::Ui, 11.0, 600);
/// Names.
pub(crate) const NAME: Type = Type(Face::Ui, 13.0, 600);
/// Numbers.
pub(crate) const NUMBER: Type = Type(Face::Mono, 11.0, 400);
/// Numbers that matter.
pub(crate) const NUMBER_BOLD: Type = Type(Face::Mono, 11.5, 600);

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

/// A canvas context and the palette to draw with.
pub(crate) struct Brush<'a> {
    pub(crate) ctx: &'a CanvasRenderingContext2d,
    pub(crate) palette: &'a Palette,
}

impl Brush<'_> {
    /// Chooses a line: colour and width. Dashes are off.
    pub(crate) fn pen(&self, color: &str, width: f64) {
        self.ctx.set_stroke_style_str(color);
        self.ctx.set_line_width(width);
        self.dash(&[]);
    }

    /// Makes lines dashed.
    pub(crate) fn dash(&self, pattern: &[f64]) {
        let array: js_sys::Array = pattern.iter().map(|n| JsValue::from_f64(*n)).collect();
        // Refused only for what is no list of numbers.
        let _ = self.ctx.set_line_dash(&array);
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
        self.ctx.set_fill_style_str(color);
        self.ctx.fill();
    }

    /// Begins a path through points.
    pub(crate) fn trace(&self, points: &[(f64, f64)]) {
        self.ctx.begin_path();
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
        self.ctx.set_fill_style_str(color);
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
        self.ctx.set_fill_style_str(fill);
        self.ctx.fill();
        self.pen(line, width);
        self.ctx.stroke();
    }

    /// A disc, filled.
    pub(crate) fn disc(&self, x: f64, y: f64, r: f64, color: &str) {
        self.circle(x, y, r);
        self.ctx.set_fill_style_str(color);
        self.ctx.fill();
    }

    /// A path along a circle.
    pub(crate) fn circle(&self, x: f64, y: f64, r: f64) {
        self.ctx.begin_path();
        // Refused only for a negative radius.
        let _ = self.ctx.arc(x, y, r, 0.0, std::f64::consts::TAU);
    }

    /// Chooses how text is written.
    pub(crate) fn font(&self, Type(face, size, weight): Type) {
        let family = match face {
            Face::Ui => &self.palette.ui,
            Face::Mono => &self.palette.mono,
            Face::Text => &self.palette.text,
        };
        self.ctx.set_font(&format!("{weight} {size}px {family}"));
    }

    /// Writes text on a baseline.
    pub(crate) fn text(&self, text: &str, x: f64, y: f64, kind: Type, color: &str, anchor: Anchor) {
        self.font(kind);
        self.ctx.set_text_align(match anchor {
            Anchor::Left => "left",
            Anchor::Middle => "center",
            Anchor::Right => "right",
        });
        self.ctx.set_fill_style_str(color);
        // Refused only for places that are no numbers.
        let _ = self.ctx.fill_text(text, x, y);
    }

    /// Writes text from the left.
    pub(crate) fn left(&self, text: &str, x: f64, y: f64, kind: Type, color: &str) {
        self.text(text, x, y, kind, color, Anchor::Left);
    }

    /// How wide a text is.
    pub(crate) fn width(&self, text: &str, kind: Type) -> f64 {
        self.font(kind);
        self.ctx.measure_text(text).map_or(0.0, |m| m.width())
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
}
