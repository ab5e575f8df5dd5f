use super::super::fixture;
use super::*;
use crate::base::{SimTime, Sort};
use crate::view::scene::{Process, Role};

const SIZES: [(f64, f64); 6] =
    [(1076.0, 618.0), (1516.0, 798.0), (390.0, 500.0), (768.0, 500.0), (1002.0, 486.0), (360.0, 400.0)];

fn room((width, height): (f64, f64)) -> Room {
    Room { width, height, large: false }
}

/// Everything that takes a place of its own.
fn places(layout: &Layout) -> Vec<(String, Rect)> {
    let mut out = Vec::new();
    out.extend(layout.quorum.iter().map(|q| ("quorum".into(), q.card)));
    out.extend(layout.shelves.iter().map(|s| (format!("shelf {}", s.broker), s.card)));
    out.extend(layout.bands.iter().map(|b| (format!("band {:?}", b.rack), b.card)));
    out.extend(layout.columns.iter().filter_map(|c| Some((format!("panel {}", c.tp), c.panel?))));
    out.extend(layout.columns.iter().filter(|c| c.panel.is_none()).map(|c| (format!("head {}", c.tp), c.head)));
    out.extend(layout.clients.iter().map(|c| (format!("client {}", c.name), c.card)));
    out.extend(layout.groups.iter().map(|g| (format!("head of {}", g.id), g.head)));
    out.extend(layout.more_clients.iter().filter(|(_, n)| *n > 0).map(|(r, _)| ("more".into(), *r)));
    out
}

/// What stands within a row or panel.
fn inner(layout: &Layout) -> Vec<(String, Rect)> {
    let mut out = Vec::new();
    for column in &layout.columns {
        out.extend(column.tapes.iter().map(|(b, r)| (format!("{} on {b}", column.tp), *r)));
    }
    out.extend(layout.bands.iter().flat_map(|b| &b.ticks).map(|(id, r)| (format!("tick {id}"), *r)));
    if let Some(field) = &layout.field {
        for row in 0..field.areas.len() {
            let cell = |n| Some((format!("item {n} of row {row}"), field.place(row, n)?));
            out.extend((0..field.items.len()).filter_map(cell));
        }
    }
    out
}

fn apart(of: &[(String, Rect)]) {
    let mut sorted: Vec<_> = of.iter().collect();
    sorted.order_by(|a, b| a.1.y.total_cmp(&b.1.y));
    for (n, (name, a)) in sorted.iter().enumerate() {
        for (other, b) in sorted[n + 1..].iter().take_while(|(_, b)| b.y < a.bottom()) {
            assert!(!a.overlaps(b), "{name} {a:?} and {other} {b:?}");
        }
    }
}

fn check(layout: &Layout) {
    let (outer, inner) = (places(layout), inner(layout));
    apart(&outer);
    apart(&inner);
    let stage = Rect::new(0.0, 0.0, layout.width, layout.height);
    for (name, r) in outer.iter().chain(&inner) {
        let inside = r.x >= 0.0 && r.y >= 0.0 && r.right() <= stage.w + 0.01 && r.bottom() <= stage.h + 0.01;
        assert!(inside && r.w > 0.0, "{name} {r:?} in {stage:?}");
    }
    let cards: Vec<Rect> = layout.shelves.iter().map(|s| s.card).chain(layout.bands.iter().map(|b| b.card)).collect();
    let panels: Vec<Rect> = layout.columns.iter().filter_map(|c| c.panel).collect();
    for (name, r) in &inner {
        let within = |card: &Rect| {
            let c = card.grown(0.01);
            r.x >= c.x && r.y >= c.y && r.right() <= c.right() && r.bottom() <= c.bottom()
        };
        assert!(cards.iter().chain(&panels).any(within), "{name} {r:?} is in no card");
    }
}

fn clients(n: usize) -> Vec<String> {
    (0..n).map(|n| format!("client-{n}")).collect()
}

#[test]
fn nothing_overlaps_at_any_size() {
    for (brokers, controllers, topics, clients_a_side) in [
        (1, 0, vec![], 0),
        (1, 0, vec![("orders", 3, 1)], 2),
        (3, 3, vec![("orders", 3, 3)], 3),
        (3, 1, vec![("orders", 3, 3), ("payments", 3, 3)], 5),
        (5, 5, vec![("orders", 6, 3)], 2),
        (10, 3, vec![("orders", 12, 3)], 3),
        (12, 3, vec![("orders", 700, 3)], 3),
        (100, 3, vec![("orders", 3, 3)], 20),
        (3, 3, vec![("orders", 3, 3)], 70),
        (3, 3, vec![("orders", 3, 3)], 400),
        (100, 5, vec![("orders", 400, 3), ("payments", 600, 3)], 3),
    ] {
        let (producers, consumers) = (clients(clients_a_side), clients(clients_a_side + 1));
        let names = [&producers, &consumers].map(|all| all.iter().map(String::as_str).collect::<Vec<_>>());
        let alone = fixture::cluster(brokers, controllers, &["a", "b", "c"], &topics, [&names[0], &names[1]]);
        let mut grouped = alone.clone();
        fixture::group(&mut grouped, "one", &names[1][..names[1].len() / 2]);
        fixture::group(&mut grouped, "two", &names[1][names[1].len() / 2..]);
        fixture::group(&mut grouped, "empty", &[]);
        for (scene, size) in [&alone, &grouped].into_iter().flat_map(|scene| SIZES.map(|size| (scene, size))) {
            let layout = layout(scene, room(size), None);
            check(&layout);
            brackets_hold_their_consumers(scene, &layout);
            assert!(layout.height * layout.unit < 1_800.0, "{brokers} brokers at {size:?}: {}", layout.height);
        }
    }
}

/// Each bracket is around the consumers of its group and nobody else's, and brackets lie apart.
fn brackets_hold_their_consumers(scene: &Scene, layout: &Layout) {
    for (n, group) in layout.groups.iter().enumerate() {
        let (x, y, w) = (layout.width, layout.height, &group.frame);
        assert!(w.x >= 0.0 && w.right() <= x && w.bottom() <= y, "{group:?} in {x} by {y}");
        assert!(layout.groups[n + 1..].iter().all(|other| !other.frame.overlaps(&group.frame)), "{group:?}");
        for client in layout.clients.iter().filter(|c| c.role == Role::Consumer) {
            let of = scene.consumers[&client.name].group.as_ref();
            assert_eq!(group.frame.overlaps(&client.card), of == Some(&group.id), "{client:?} and {group:?}");
        }
    }
}

/// Many clients are tiles; only what there is no line for is counted.
#[test]
fn a_hundred_clients_a_side_are_drawn() {
    let names = clients(100);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut scene = fixture::cluster(3, 3, &[], &[("orders", 3, 3)], [&names, &names]);
    fixture::group(&mut scene, "one", &names[..60]);
    let layout = layout(&scene, room(SIZES[0]), None);
    let shown = |role| layout.clients.iter().filter(|c| c.role == role && c.density == Density::Tile).count();
    assert_eq!((shown(Role::Producer), shown(Role::Consumer)), (100, 100));
    assert!(layout.more_clients.iter().all(|(_, more)| *more == 0));
    for client in &layout.clients {
        let card = client.card;
        let hit = layout.hit(&scene, card.center(), card.middle());
        assert_eq!(hit, Some(crate::view::Selection::Client(client.host)), "{client:?}");
    }
}

#[test]
fn three_brokers_stand_as_they_were_drawn() {
    let scene = fixture::two_faults();
    let layout = layout(&scene, Room { width: 1076.0, height: 618.0, large: false }, None);
    assert_eq!((layout.unit, layout.width, layout.height), (1.0, 1076.0, 520.0));
    let cards: Vec<Rect> = layout.shelves.iter().map(|s| s.card).collect();
    assert_eq!(cards, [110.0, 245.0, 380.0].map(|y| Rect::new(177.0, y, 646.0, 126.0)));
    let columns: Vec<(f64, usize, f64)> = layout.columns.iter().map(|c| (c.head.x, c.cells, c.cell)).collect();
    assert_eq!(columns, [265.0, 455.0, 645.0].map(|x| (x, 8, 18.0)));
    assert_eq!(layout.columns[1].tape(2), Some(Rect::new(455.0, 284.0, 170.0, 38.0)));
    assert_eq!(layout.quorum.map(|q| q.card), Some(Rect::new(177.0, 14.0, 646.0, 44.0)));
}

#[test]
fn every_partition_has_a_place_or_is_counted() {
    for topics in [vec![("orders", 3, 3)], vec![("orders", 90, 3)], vec![("orders", 9_000, 3), ("pay", 40, 3)]] {
        for brokers in [3, 10, 100] {
            let scene = fixture::cluster(brokers, 3, &["a", "b"], &topics, [&[], &[]]);
            let layout = layout(&scene, Room { width: 1076.0, height: 618.0, large: false }, None);
            let in_field = layout.field.as_ref().map_or(0, |f| f.partitions);
            assert_eq!(layout.columns.len() + in_field, scene.partitions.len(), "{brokers} brokers");
            assert!(layout.columns.len() <= 12);
        }
    }
}

#[test]
fn the_selected_and_the_ill_are_drawn_richest() {
    let mut scene = fixture::cluster(3, 3, &[], &[("orders", 200, 3)], [&[], &[]]);
    let room = Room { width: 1076.0, height: 618.0, large: false };
    let ill = TopicPartition::new("orders", 150);
    scene.partitions.get_mut(&ill).expect("it is there").leader = None;
    let selected = TopicPartition::new("orders", 77);
    let layout = layout(&scene, room, Some(&selected));
    assert!(layout.column(&ill).is_some());
    assert_eq!(layout.column(&selected).map(|c| c.level), Some(Level::Records));
    check(&layout);
}

#[test]
fn kafkas_own_topics_stay_out_of_the_way_until_selected() {
    let scene = fixture::cluster(3, 3, &[], &[("__consumer_offsets", 50, 3), ("orders", 3, 3)], [&[], &[]]);
    let room = Room { width: 1076.0, height: 618.0, large: false };
    let quiet = layout(&scene, room, None);
    assert_eq!((quiet.hidden, quiet.columns.len(), quiet.field.is_none()), (50, 3, true));
    let selected = TopicPartition::new("__consumer_offsets", 7);
    assert!(layout(&scene, room, Some(&selected)).column(&selected).is_some());
}

/// Neither what is written nor what breaks moves anything.
#[test]
fn data_does_not_move_the_layout() {
    for size in SIZES {
        let mut scene = fixture::cluster(3, 3, &["a"], &[("orders", 3, 3)], [&["a"], &["c"]]);
        let before = layout(&scene, room(size), None);
        for replica in scene.replicas.values_mut() {
            *replica = fixture::replica(123_456, 123_000);
        }
        fixture::down(&mut scene, 2, Process::Crashed, SimTime(5));
        assert_eq!(layout(&scene, room(size), None), before);
    }
}

#[test]
fn a_press_on_a_bracket_means_its_group() {
    let scene = fixture::two_faults();
    for size in [(1076.0, 618.0), (390.0, 844.0)] {
        let layout = layout(&scene, room(size), None);
        for group in &layout.groups {
            let (x, y) = (group.head.center(), group.head.middle());
            let selected = layout.hit(&scene, x, y).expect("something is there");
            assert_eq!(selected, crate::view::Selection::Group(group.id.clone()));
            assert_eq!(layout.place_of(&scene, &selected), Some(group.frame));
        }
        assert_eq!(layout.groups.len(), 2);
    }
}

#[test]
fn messages_find_their_way() {
    let scene = fixture::two_faults();
    let layout = layout(&scene, Room { width: 1076.0, height: 618.0, large: false }, None);
    let orders = TopicPartition::new("orders", 1);
    let spine = layout.way(Station::Broker(1), Station::Broker(3), Some(&orders)).expect("both hold it");
    assert_eq!(spine.route.points(), [(455.0, 168.0), (448.5, 168.0), (448.5, 438.0), (455.0, 438.0)]);
    for broker in 1..=3 {
        assert!(layout.way(Station::Broker(broker), Station::Controller(102), None).is_some());
    }
    let way = layout.way(Station::Controller(101), Station::Controller(103), None).expect("both are there");
    assert!(way.above);
    let client = layout.clients[0].host;
    assert!(layout.way(Station::Client(client), Station::Broker(2), None).is_some_and(|w| w.forward && !w.above));
    assert!(layout.way(Station::Broker(1), Station::Broker(1), None).is_none());
}

#[test]
fn a_field_knows_what_is_where() {
    let scene = fixture::cluster(3, 3, &[], &[("orders", 100, 3)], [&[], &[]]);
    let layout = layout(&scene, Room { width: 1076.0, height: 618.0, large: false }, None);
    let field = layout.field.expect("a hundred do not fit");
    for n in 0..field.items.len() {
        let r = field.place(1, n).expect("it has a place");
        assert_eq!(field.at(r.center(), r.middle()), Some((1, &field.items[n])));
    }
    assert_eq!(field.at(0.0, 0.0), None);
}
