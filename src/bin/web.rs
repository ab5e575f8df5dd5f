//! What the browser loads: in a window it is the page, which draws, plays and asks; in a worker it owns the world. Under
//! Node.js, and in any worker, it is a library that runs scripts.
//!
//! One program for both: half of what the page needs, the worker needs too, and the browser compiles it once.

use kafka_terrarium::base::SimTime;
use kafka_terrarium::script::{Runner, Script};
use kafka_terrarium::web;
use wasm_bindgen::prelude::*;

#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

/// Turns between two times that the trace is dropped, as in `terrarium run`.
const SLICE: u64 = 128;

/// Runs a script with a seed and gives the trace hash in 16 hexadecimal digits.
///
/// # Errors
/// What is wrong with the script, and where.
#[wasm_bindgen]
pub fn run_script(text: &str, seed: u64) -> Result<String, JsError> {
    let mut runner = Runner::new(Script::parse(text)?, seed);
    let mut turns: u64 = 0;
    while !runner.is_done() {
        if turns.is_multiple_of(SLICE) {
            runner.world_mut().take_trace();
        }
        runner.turn(SimTime(u64::MAX));
        turns += 1;
    }
    Ok(format!("{:016x}", runner.world().trace_hash()))
}

fn main() {
    web::start();
}
