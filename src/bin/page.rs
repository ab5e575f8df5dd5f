//! The page: the window's half. It draws, plays and asks.

#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

fn main() {
    kafka_terrarium::web::start_page();
}
