//! The page: the window's half. It draws, plays and asks.

fn main() {
    kafka_terrarium::web::start_page();
}
