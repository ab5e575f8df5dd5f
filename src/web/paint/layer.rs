//! A picture of its own that is kept until something in it changes, and then drawn anew.

use super::brush::{Brush, Memory};
use super::palette::Palette;
use crate::view::Layout;
use wasm_bindgen::JsCast;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};

/// See the module.
#[derive(Default)]
pub(crate) struct Layer {
    canvas: Option<(HtmlCanvasElement, CanvasRenderingContext2d)>,
    memory: Memory,
    fresh: bool,
}

impl Layer {
    /// What was drawn is not true any more.
    pub(crate) fn forget(&mut self) {
        self.fresh = false;
        self.memory.forget_fonts();
    }

    /// Whether the picture may be put on a stage of this size, where a unit has so many pixels.
    pub(crate) fn fits(&self, layout: &Layout, unit: f64) -> bool {
        let size = pixels(layout, unit);
        self.fresh && self.canvas.as_ref().is_some_and(|(canvas, _)| (canvas.width(), canvas.height()) == size)
    }

    /// Draws the picture anew.
    pub(crate) fn renew(&mut self, palette: &Palette, layout: &Layout, unit: f64, draw: impl FnOnce(&Brush)) {
        if self.canvas.is_none() {
            self.canvas = new_canvas();
        }
        let Some((canvas, ctx)) = &self.canvas else { return };
        let (w, h) = pixels(layout, unit);
        if (canvas.width(), canvas.height()) != (w, h) {
            canvas.set_width(w);
            canvas.set_height(h);
            self.memory.wipe();
        }
        // Refused only for what is no number.
        let _ = ctx.set_transform(unit, 0.0, 0.0, unit, 0.0, 0.0);
        ctx.clear_rect(0.0, 0.0, layout.width, layout.height);
        // Rims of letters have no spikes.
        ctx.set_line_join("round");
        draw(&Brush { ctx, palette, memory: &self.memory });
        self.fresh = true;
    }

    /// Puts the picture on a stage.
    pub(crate) fn put(&self, b: &Brush, layout: &Layout) {
        if let Some((canvas, _)) = &self.canvas {
            // Refused only for a canvas without pixels.
            let _ =
                b.ctx.draw_image_with_html_canvas_element_and_dw_and_dh(canvas, 0.0, 0.0, layout.width, layout.height);
        }
    }

    /// Puts the picture on a stage, drawn anew if it has to be.
    pub(crate) fn put_or_renew(
        &mut self,
        b: &Brush,
        palette: &Palette,
        layout: &Layout,
        unit: f64,
        draw: impl FnOnce(&Brush),
    ) {
        if layout.field.is_none() {
            return;
        }
        if !self.fits(layout, unit) {
            self.renew(palette, layout, unit, draw);
        }
        self.put(b, layout);
    }
}

fn pixels(layout: &Layout, unit: f64) -> (u32, u32) {
    ((layout.width * unit).round() as u32, (layout.height * unit).round() as u32)
}

fn new_canvas() -> Option<(HtmlCanvasElement, CanvasRenderingContext2d)> {
    let canvas: HtmlCanvasElement = gloo::utils::document().create_element("canvas").ok()?.dyn_into().ok()?;
    let ctx = canvas.get_context("2d").ok()??.dyn_into().ok()?;
    Some((canvas, ctx))
}
