//! A canvas of the stage's pile. What is drawn on it stays until something in it changes; the browser lays the pile
//! together, which costs less than to draw one canvas on another.

use super::brush::{Brush, Memory};
use super::palette::Palette;
use crate::view::Layout;
use wasm_bindgen::JsCast;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};

/// See the module.
pub(crate) struct Layer {
    canvas: HtmlCanvasElement,
    ctx: CanvasRenderingContext2d,
    memory: Memory,
    /// The size in CSS pixels that it was given last.
    height: f64,
    fresh: bool,
}

impl Layer {
    /// A layer on a canvas; none when the browser has no 2d context.
    pub(crate) fn new(canvas: HtmlCanvasElement) -> Option<Self> {
        let ctx = canvas.get_context("2d").ok()??.dyn_into().ok()?;
        Some(Self { canvas, ctx, memory: Memory::default(), height: 0.0, fresh: false })
    }

    /// What was drawn is not true any more.
    pub(crate) fn forget(&mut self) {
        self.fresh = false;
        self.memory.forget_fonts();
    }

    /// Whether what was drawn still holds on a stage of this size, where a unit has so many pixels.
    pub(crate) fn fits(&self, layout: &Layout, unit: f64) -> bool {
        self.fresh && (self.canvas.width(), self.canvas.height()) == pixels(layout, unit)
    }

    /// Draws the picture anew.
    pub(crate) fn renew(&mut self, palette: &Palette, layout: &Layout, unit: f64, draw: impl FnOnce(&Brush)) {
        self.fit(layout, unit);
        // Refused only for what is no number.
        let _ = self.ctx.set_transform(unit, 0.0, 0.0, unit, 0.0, 0.0);
        self.ctx.clear_rect(0.0, 0.0, layout.width, layout.height);
        draw(&Brush { ctx: &self.ctx, palette, memory: &self.memory });
        self.fresh = true;
    }

    /// Takes away what was drawn.
    pub(crate) fn clear(&mut self) {
        if std::mem::take(&mut self.fresh) {
            let (w, h) = (f64::from(self.canvas.width()), f64::from(self.canvas.height()));
            // Refused only for what is no number.
            let _ = self.ctx.set_transform(1.0, 0.0, 0.0, 1.0, 0.0, 0.0);
            self.ctx.clear_rect(0.0, 0.0, w, h);
        }
    }

    /// Gives the canvas as many pixels as the screen has for it.
    fn fit(&mut self, layout: &Layout, unit: f64) {
        let (w, h) = pixels(layout, unit);
        if (self.canvas.width(), self.canvas.height()) != (w, h) {
            self.canvas.set_width(w);
            self.canvas.set_height(h);
            self.memory.wipe();
            // Rims of letters have no spikes.
            self.ctx.set_line_join("round");
        }
        let height = layout.height * layout.unit;
        if self.height != height {
            self.height = height;
            // Refused only for a style sheet that is read-only.
            let _ = self.canvas.style().set_property("height", &format!("{height:.2}px"));
        }
    }
}

fn pixels(layout: &Layout, unit: f64) -> (u32, u32) {
    ((layout.width * unit).round() as u32, (layout.height * unit).round() as u32)
}
