//! The worker: owns the world. Under Node.js it is a library that runs scripts.

use kafka_terrarium::script::{Runner, Script};
use wasm_bindgen::prelude::*;

/// Runs a script with a seed and gives the trace hash in 16 hexadecimal digits.
///
/// # Errors
/// What is wrong with the script, and where.
#[wasm_bindgen]
pub fn run_script(text: &str, seed: u64) -> Result<String, JsError> {
    let mut runner = Runner::new(Script::parse(text)?, seed);
    runner.finish();
    Ok(format!("{:016x}", runner.world().trace_hash()))
}

fn main() {
    kafka_terrarium::web::worker::start();
}
