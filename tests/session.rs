//! Sessions: in any chunks the same run; saved and loaded the same run; and a save that is not whole never loads.

#![expect(clippy::disallowed_methods, reason = "golden scripts are files")]

use bytes::Bytes;
use kafka_terrarium::base::{ConnId, Rng, SimDuration, SimTime};
use kafka_terrarium::script::{Origin, Reply, Said, Value};
use kafka_terrarium::session::{External, FromOutside, LoadError, Loading, Session, SessionLoader};
use kafka_terrarium::wire::messages::ProduceRequest;
use kafka_terrarium::wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_terrarium::wire::records::{self, Record};
use kafka_terrarium::wire::{ApiKey, Request, RequestKind, StrBytes, TopicName};
use std::fs;
use std::path::Path;

const STORY: &str = "\
> # A story
cluster --brokers 1 --controllers combined --network datacenter
kafka-topics.sh --create --topic orders --partitions 3
producer p1 --topic orders --rate 20/s --keys uniform:10
consumer c1 --topic orders --work 5ms --consumer-property auto.offset.reset=earliest
at 3s kafka-get-offsets.sh --topic orders
at 3s show acked(p1)
run until delivered(c1) >= 20 within 10s
kafka-topics.sh --list
run 4s
expect laws hold
";

fn start(seed: u64) -> Session {
    Session::start(STORY, seed).expect("the story is a script")
}

fn at(seconds: f64) -> SimTime {
    SimTime((seconds * 1e6) as u64)
}

/// All that two equal runs have in common.
fn assert_same(a: &Session, b: &Session) {
    assert_eq!(a.summary(), b.summary());
    assert_eq!(a.world().steps(), b.world().steps());
    assert_eq!(a.outputs(), b.outputs());
    assert_eq!(a.log(), b.log());
    assert_eq!(a.next_line(), b.next_line());
    assert_eq!(a.title(), b.title());
}

/// Goes to `end` in chunks of random length and kind.
fn advance_in_chunks(session: &mut Session, end: SimTime, rng: &mut Rng) {
    while session.world().now() < end {
        match rng.below(4) {
            0 if session.world().next_at().is_some_and(|next| next < end) => {
                let before = session.clone();
                session.step();
                if session.world().now() > end {
                    *session = before;
                    session.advance_to(end);
                }
            }
            1 => {
                session.advance_within(end, rng.below(20) + 1);
            }
            _ => {
                let chunk = SimDuration(rng.below(700_000) + 1);
                session.advance_to((session.world().now() + chunk).min(end));
            }
        }
    }
    session.advance_to(end);
}

#[test]
fn any_chunks_are_the_same_run() {
    let mut rng = Rng::stream(1, "chunks");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let scripts = fs::read_dir(folder).expect("the golden folder").map(|entry| entry.expect("an entry").path());
    let golden = scripts.filter(|path| path.extension().is_some_and(|extension| extension == "terra"));
    let texts = golden.map(|path| fs::read_to_string(path).expect("a golden script"));
    for text in texts.chain([STORY.to_owned()]) {
        let mut whole = Session::start(&text, 5).expect("a golden script is right");
        whole.advance_to(at(10.0));
        for _ in 0..3 {
            let mut chunked = Session::start(&text, 5).expect("a golden script is right");
            advance_in_chunks(&mut chunked, at(10.0), &mut rng);
            assert_same(&whole, &chunked);
        }
    }
}

#[test]
fn a_step_is_one_event_of_the_world() {
    let mut session = start(1);
    for steps in 1..200 {
        assert!(session.step());
        assert_eq!(session.world().steps(), steps);
    }
}

#[test]
fn what_is_typed_answers_now_or_later() {
    let mut session = start(1);
    session.advance_to(at(2.5));
    assert_eq!(session.command("show time()"), Ok(Reply::Said(Said::Value(Value::Duration(SimDuration(2_500_000))))));
    let Ok(Reply::Waits(origin)) = session.command("kafka-topics.sh --list") else { panic!("a tool takes its time") };
    assert_eq!(origin, Origin::Typed(1));
    let answer = |session: &Session| session.outputs().iter().find(|output| output.origin == origin).cloned();
    assert_eq!(answer(&session), None);
    assert_eq!(session.command("run 500ms"), Ok(Reply::Done));
    assert_eq!(session.world().now(), at(3.0));
    let Some(Said::Tool(tool)) = answer(&session).map(|output| output.said) else { panic!("it has its answer") };
    assert_eq!(tool.stdout, "orders\n");
    assert_eq!(session.command("expect output matches \"orders\""), Ok(Reply::Said(Said::Met)));
    assert_eq!(session.command("close p1"), Ok(Reply::Done));
    assert_eq!(session.command("run until state(producer p1) = closed within 2s"), Ok(Reply::Said(Said::Met)));
}

#[test]
fn what_is_typed_wrongly_changes_nothing() {
    let mut session = start(1);
    session.advance_to(at(2.5));
    let before = session.clone();
    for (line, error) in [
        ("shwo time()", "1:1: unknown command `shwo`; did you mean `show`?"),
        ("", "1:1: nothing to do; a command such as `status` belongs here"),
        ("status\nstatus", "2:1: a second command; one at a time"),
        ("cluster --brokers 1", "1:1: `cluster` while the world runs; a cluster is set up by a script's first line"),
        ("broker two", "1:8: `two` where a whole number from 0 to 2147483647 belongs"),
        ("crash broker 1 2", "1:16: `2` after `crash` and what it takes; nothing more belongs there"),
    ] {
        assert_eq!(session.command(line).map_err(|error| error.to_string()), Err(error.to_owned()));
        assert_same(&session, &before);
    }
    let refused = session.command("send nobody value=x").map_err(|error| error.to_string());
    assert_eq!(refused, Err("1:1: no producer nobody is running".to_owned()));
    assert_eq!(session.summary(), before.summary(), "the world is as it was");
}

/// A client outside connects, asks, writes, sends nonsense or closes.
fn act_outside(session: &mut Session, conns: &mut Vec<ConnId>, rng: &mut Rng) {
    let conn = match conns.len() as u64 {
        0 => None,
        n => Some(conns[rng.below(n) as usize]),
    };
    match (rng.below(12), conn) {
        (0, _) => conns.push(session.external_connect(1).expect("broker 1 is there")),
        (1, Some(conn)) => session.external_close(conn),
        (2, Some(conn)) => session.external_send(conn, Bytes::from_static(b"no request")),
        (3..6, Some(conn)) => session.external_send(conn, produce("outside").frame().slice(4..)),
        (6, Some(conn)) => {
            session.external_news();
            session.external_take(conn);
        }
        _ => {}
    }
}

/// A request to write a record with this value to `orders-0`.
fn produce(value: &'static str) -> Request {
    let record = Record { timestamp_ms: 5, value: Some(value.into()), ..Record::default() };
    let data = PartitionProduceData::default().with_records(Some(records::build(&[record])));
    let name = TopicName(StrBytes::from_static_str("orders"));
    let topic = TopicProduceData::default().with_name(name).with_partition_data(vec![data]);
    let body = ProduceRequest::default().with_acks(-1).with_timeout_ms(1_000).with_topic_data(vec![topic]);
    let client_id = StrBytes::from_static_str("outside");
    Request { api: ApiKey::Produce, version: 9, correlation_id: 7, client_id, body: RequestKind::Produce(body) }
}

/// A session in which much was typed and sent from outside, some of it between two events of one moment.
fn eventful(seed: u64) -> Session {
    let mut session = start(seed);
    let mut rng = Rng::stream(seed, "typing");
    session.rename(Some("A session with ü in its title".into()));
    let lines = [
        "send p1 key=k value=typed",
        "kafka-get-offsets.sh",
        "show acked(p1)",
        "at 9s send p1 value=late",
        "send nobody value=x",
        "expect acked(p1) > 100000",
        "run 120ms",
        "run until acked(p1) > 30 within 1s",
        "producer p2 --topic orders --rate 3/s",
        "status",
        "kafka-topics.sh --create --topic orders",
        "expect error \"already exists\"",
    ];
    let mut conns = Vec::new();
    for line in lines.iter().cycle().take(40) {
        for _ in 0..rng.below(9) {
            session.step();
            act_outside(&mut session, &mut conns, &mut rng);
        }
        if rng.below(3) == 0 {
            session.advance_to(session.world().now() + SimDuration(rng.below(300_000)));
        }
        // Some are refused: that is part of the run too.
        let _ = session.command(line);
    }
    session
}

#[test]
fn a_loaded_session_goes_on_like_the_one_that_was_saved() {
    for seed in 1..6 {
        let mut session = eventful(seed);
        let mut loaded = Session::from_save(&session.to_save()).expect("a save loads");
        assert_same(&session, &loaded);
        for session in [&mut session, &mut loaded] {
            session.step();
            session.command("send p1 key=k value=after").expect("p1 is there");
            session.advance_to(at(20.0));
            assert!(session.is_done());
        }
        assert_same(&session, &loaded);
        assert_eq!(session.to_save(), loaded.to_save());
        let written = |came: &FromOutside| matches!(&came.what, External::Send { frame, .. } if frame.len() > 80);
        assert!(session.outside().filter(|came| written(came)).count() > 3, "clients outside wrote");
    }
}

#[test]
#[should_panic(expected = "keeps what comes from outside")]
fn a_run_that_forgot_what_came_from_outside_is_not_saved() {
    let mut session = start(1);
    session.forget_outside();
    session.to_save();
}

#[test]
fn a_long_session_keeps_few_checkpoints() {
    let script = "cluster --brokers 1 --controllers combined\nkafka-topics.sh --create --topic t\nproducer p --topic t \
                  --rate 2000/s\nconsumer c --topic t\n";
    let mut session = Session::start(script, 1).expect("a script");
    session.advance_to(at(62.0));
    assert!(session.world().steps() > 128 * 1_024, "{} steps are not long enough", session.world().steps());
    let save = session.to_save();
    assert!(save.len() < 60_000, "{} bytes", save.len());
    assert_same(&session, &Session::from_save(&save).expect("it loads"));
}

#[test]
fn a_session_loads_in_slices() {
    let session = eventful(3);
    let mut loader = SessionLoader::new(&session.to_save()).expect("a save");
    let mut last = 0.0;
    for polls in 0.. {
        match loader.poll(50).expect("it is the same history") {
            Loading::Fraction(fraction) => assert!((last..=1.0).contains(&fraction), "{fraction} after {last}"),
            Loading::Ready(loaded) => {
                assert!(polls > 3, "{polls} polls");
                return assert_same(&session, &loaded);
            }
        }
        last = match loader.poll(0).expect("nothing happens") {
            Loading::Fraction(fraction) => fraction,
            Loading::Ready(_) => panic!("nothing happens"),
        };
    }
}

#[test]
fn a_save_that_is_cut_off_anywhere_is_refused() {
    let save = eventful(1).to_save();
    for length in 0..save.len() {
        let error = Session::from_save(&save[..length]).expect_err("it is not whole");
        let right = if length == 0 { LoadError::NotASave } else { LoadError::Truncated };
        assert_eq!(error, right, "{length} bytes");
    }
    let longer = [&save[..], &[0]].concat();
    assert_eq!(Session::from_save(&longer).err(), Some(LoadError::Corrupted));
}

#[test]
fn a_save_with_any_bit_changed_is_refused() {
    let save = eventful(2).to_save();
    for index in 0..save.len() {
        for bit in 0..8 {
            let mut changed = save.clone();
            changed[index] ^= 1 << bit;
            let error = Session::from_save(&changed).expect_err("it is not what was saved");
            let fits = match index {
                0..8 => error == LoadError::NotASave,
                8..10 => matches!(error, LoadError::NewerFormat { .. } | LoadError::Corrupted),
                10..18 => matches!(error, LoadError::Truncated | LoadError::Corrupted),
                _ => error == LoadError::Corrupted,
            };
            assert!(fits, "byte {index}, bit {bit}: {error}");
        }
    }
}

#[test]
fn bytes_that_are_no_save_are_refused() {
    let mut rng = Rng::stream(4, "bytes");
    for _ in 0..2_000 {
        let bytes: Vec<u8> = (0..rng.below(200)).map(|_| rng.below(256) as u8).collect();
        assert_eq!(Session::from_save(&bytes).err(), Some(LoadError::NotASave));
    }
}

#[test]
fn refusals_are_plain_sentences() {
    for (error, sentence) in [
        (LoadError::NotASave, "this is not a saved session of Kafka Terrarium"),
        (
            LoadError::NewerFormat { version: 3 },
            "this session was saved by a newer version (format 3); this one reads up to format 2",
        ),
        (LoadError::Truncated, "this saved session is incomplete: its end is missing"),
        (LoadError::Corrupted, "this saved session is damaged: its checksum does not match its content"),
    ] {
        assert_eq!(error.to_string(), sentence);
    }
    let differs = LoadError::DifferentHistory { engine: "0.0.9".into(), agrees_until: at(12.5) };
    assert!(differs.to_string().starts_with("this session was made by engine 0.0.9; this is engine "));
    assert!(differs.to_string().ends_with("whose history is another from some moment after 12.500 s on"));
}

#[test]
fn a_script_that_cannot_go_on_leaves_the_world_to_whoever_looks() {
    let script = "at 4s send nobody value=x\nat 5s status\nrun 10s\nstatus\n";
    let mut session = Session::start(script, 1).expect("a script");
    session.command("at 6s show time()").expect("it is put off");
    session.advance_to(at(20.0));
    let error = session.stopped().map(ToString::to_string);
    assert_eq!(error.as_deref(), Some("1:7: no producer nobody is running"));
    let origins: Vec<_> = session.outputs().iter().map(|output| output.origin).collect();
    assert_eq!(origins, [Origin::Typed(0)], "what the script had put off is gone, what was typed is not");
    assert_eq!(session.world().now(), at(20.0));
}
