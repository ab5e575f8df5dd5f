//! `window.terrarium`: the page for teachers, embedding pages and tests.
//!
//! Plain JavaScript values in and out; nothing here can do more than the page's own buttons.
//!
//! | call | does |
//! |---|---|
//! | `state()` | a picture of the moment: see below; `null` until the session stands |
//! | `play()`, `pause()` | as the buttons do |
//! | `step()` | one event of the world; a promise, kept when it is shown |
//! | `advance(seconds)` | computes and shows that much at once; a promise, kept when it is shown |
//! | `stepBack()` | one event back; a promise, kept when it is shown |
//! | `seek(seconds)` | the moment so many seconds after the world's start, at most the end of its history; a promise |
//! | `seekMark(next)` | the next event worth stopping at, or with `false` the one before; a promise |
//! | `undo()`, `redo()` | takes the last command back, or does it again; a promise |
//! | `speed(factor)` | one of 1/16, ¼, ½, 1, 4, 16, 64; anything else throws |
//! | `autoTempo(on)` | whether the picture runs ahead where nothing happens and slows down before what matters |
//! | `command(line, anew)` | a line of the script language; a promise of what it printed, or an error with the column. In the past it is refused unless `anew` is true: then it replaces what came after |
//! | `save()` | a promise of whether the session is stored in the browser |
//! | `restart(script, seed)` | begins anew: with the first scenario, or with a script of one's own; without a seed, with a fresh one. A script that is wrong is told of in a notice, and the session goes on |
//! | `on(event, listener)` | calls `listener` on `"opened"`, `"advanced"`, `"notice"`; gives nothing |
//!
//! `state()`: `{ time, end, playing, speed, autoTempo, seed, steps, events, traceHash, marks, inFlight, scene }`: `time` in seconds
//! since the world's start, `end` where its history ends, `marks` how many events worth stopping at that has, `inFlight` how many messages are under way, `seed` and `traceHash` as text, `scene` with `brokers`, `controllers`, `topics`, `partitions`, `producers`,
//! `consumers`, `groups`, `laws` as lists. A broker: `{ id, rack, process, fenced, leads }`, `process` being `running`, `paused`,
//! `down` or `stopped`; a controller: `{ id, process, role, active, epoch }`; a partition: `{ name, leader, leaderEpoch,
//! highWatermark, logEndOffset, logStartOffset, replicas, isr, elr }`; a consumer: `{ name, delivered, group,
//! assigned }`; a group: `{ name, state, coordinator, generation, members, committed: [{ partition, offset }], lag }`,
//! `state` by Kafka's names, `Unknown` while no broker has it loaded.

use super::desk::{Desk, Event};
use crate::base::{SimTime, TopicPartition};
use crate::view::{ConsumerView, Goal, GroupView, Player, ProducerView, Scene, Speed, process_word};
use js_sys::{Error, Function, Object, Promise, Reflect};
use serde::Serialize;
use std::rc::Rc;
use std::sync::Arc;
use wasm_bindgen::prelude::*;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct State {
    time: f64,
    end: f64,
    playing: bool,
    speed: f64,
    auto_tempo: bool,
    marks: usize,
    in_flight: usize,
    seed: String,
    steps: u64,
    events: u64,
    trace_hash: String,
    scene: SceneState,
}

#[derive(Serialize)]
struct SceneState {
    brokers: Vec<BrokerState>,
    controllers: Vec<ControllerState>,
    topics: Vec<String>,
    partitions: Vec<PartitionState>,
    producers: Vec<ProducerState>,
    consumers: Vec<ConsumerState>,
    groups: Vec<GroupInfo>,
    laws: Vec<LawState>,
}

#[derive(Serialize)]
struct BrokerState {
    id: i32,
    rack: Option<String>,
    process: &'static str,
    fenced: bool,
    leads: u32,
}

#[derive(Serialize)]
struct ControllerState {
    id: i32,
    process: &'static str,
    role: String,
    active: bool,
    epoch: i32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PartitionState {
    name: String,
    leader: Option<i32>,
    leader_epoch: i32,
    high_watermark: i64,
    log_end_offset: i64,
    log_start_offset: i64,
    replicas: Vec<i32>,
    isr: Vec<i32>,
    elr: Vec<i32>,
}

#[derive(Serialize)]
struct ProducerState {
    name: String,
    acks: &'static str,
    acked: u64,
    pending: u64,
    failed: u64,
}

#[derive(Serialize)]
struct ConsumerState {
    name: String,
    delivered: u64,
    group: Option<String>,
    assigned: Vec<String>,
}

#[derive(Serialize)]
struct GroupInfo {
    name: String,
    state: &'static str,
    coordinator: Option<i32>,
    generation: i32,
    members: Vec<String>,
    committed: Vec<CommittedState>,
    lag: i64,
}

#[derive(Serialize)]
struct CommittedState {
    partition: String,
    offset: i64,
}

#[derive(Serialize)]
struct LawState {
    name: String,
    holds: bool,
}

fn state(desk: &Desk, player: &Player) -> State {
    let position = player.position();
    State {
        time: player.now() / 1e6,
        end: player.end() / 1e6,
        playing: player.playing(),
        speed: player.speed().factor(),
        auto_tempo: player.auto_tempo(),
        marks: player.chronicle().marks().len(),
        in_flight: player.flights().len(),
        seed: desk.seed().to_string(),
        steps: position.steps,
        events: position.events,
        trace_hash: format!("{:016x}", position.hash),
        scene: scene_state(player.scene()),
    }
}

fn scene_state(scene: &Scene) -> SceneState {
    let producer = |(name, p): (&Arc<str>, &ProducerView)| ProducerState {
        name: name.to_string(),
        acks: p.acks_label(),
        acked: p.acked,
        pending: p.pending,
        failed: p.failed,
    };
    let consumer = |(name, c): (&Arc<str>, &ConsumerView)| ConsumerState {
        name: name.to_string(),
        delivered: c.delivered,
        group: c.group.as_deref().map(Into::into),
        assigned: c.assigned.iter().map(TopicPartition::to_string).collect(),
    };
    SceneState {
        brokers: scene.brokers.keys().map(|id| broker(scene, *id)).collect(),
        controllers: scene.controllers.keys().map(|id| controller(scene, *id)).collect(),
        topics: scene.topics.keys().map(|t| t.to_string()).collect(),
        partitions: scene.partitions.keys().map(|tp| partition(scene, tp)).collect(),
        producers: scene.producers.iter().map(producer).collect(),
        consumers: scene.consumers.iter().map(consumer).collect(),
        groups: scene.groups.iter().map(|(id, view)| group(scene, id, view)).collect(),
        laws: scene.laws.iter().map(|l| LawState { name: l.name.clone(), holds: l.holds }).collect(),
    }
}

fn group(scene: &Scene, id: &str, view: &GroupView) -> GroupInfo {
    let committed =
        |(tp, offset): &(TopicPartition, i64)| CommittedState { partition: tp.to_string(), offset: *offset };
    GroupInfo {
        name: id.to_owned(),
        state: view.state.name(),
        coordinator: view.coordinator,
        generation: view.generation,
        members: view.members.iter().map(|member| member.client.to_string()).collect(),
        committed: view.committed.iter().map(committed).collect(),
        lag: scene.group_lag(view),
    }
}

fn broker(scene: &Scene, id: i32) -> BrokerState {
    let view = &scene.brokers[&id];
    BrokerState {
        id,
        rack: view.rack.as_deref().map(str::to_owned),
        process: process_word(scene.broker_process(id)).unwrap_or("running"),
        fenced: view.fenced,
        leads: view.leads,
    }
}

fn controller(scene: &Scene, id: i32) -> ControllerState {
    let view = &scene.controllers[&id];
    ControllerState {
        id,
        process: process_word(scene.controller_process(id)).unwrap_or("running"),
        role: view.role.to_string(),
        active: scene.quorum.active == Some(id),
        epoch: view.epoch,
    }
}

fn partition(scene: &Scene, tp: &TopicPartition) -> PartitionState {
    let view = &scene.partitions[tp];
    let replica = scene.leader_replica(tp).map(|(_, r)| r.clone()).unwrap_or_default();
    PartitionState {
        name: tp.to_string(),
        leader: view.leader,
        leader_epoch: view.leader_epoch,
        high_watermark: replica.hw,
        log_end_offset: replica.leo,
        log_start_offset: replica.start,
        replicas: view.replicas.clone(),
        isr: view.isr.clone(),
        elr: view.elr.clone(),
    }
}

/// Puts the API on the window.
pub(super) fn install(desk: &Rc<Desk>) {
    let api = Object::new();
    looking(&api, desk);
    acting(&api, desk);
    travelling(&api, desk);
    listening(&api, desk);
    set(&gloo::utils::window(), "terrarium", &api);
}

fn set(object: &JsValue, name: &str, value: &JsValue) {
    // Refused only for frozen objects; these are not.
    let _ = Reflect::set(object, &name.into(), value);
}

/// Adds a function without arguments.
fn function(api: &Object, name: &str, f: impl Fn() -> JsValue + 'static) {
    set(api, name, &Closure::<dyn Fn() -> JsValue>::new(f).into_js_value());
}

fn looking(api: &Object, desk: &Rc<Desk>) {
    let at = desk.clone();
    function(api, "state", move || {
        let state = at.with(|player| state(&at, player));
        let serializer = serde_wasm_bindgen::Serializer::json_compatible();
        state.and_then(|s| s.serialize(&serializer).ok()).unwrap_or(JsValue::NULL)
    });
}

fn acting(api: &Object, desk: &Rc<Desk>) {
    for (name, play) in [("play", true), ("pause", false)] {
        let at = desk.clone();
        function(api, name, move || {
            at.play(play);
            JsValue::UNDEFINED
        });
    }
    let at = desk.clone();
    let restart = move |script: Option<String>, seed: Option<f64>| at.begin(script, seed.map(|seed| seed as u64));
    set(api, "restart", &Closure::<dyn Fn(Option<String>, Option<f64>)>::new(restart).into_js_value());
    let at = desk.clone();
    function(api, "step", move || {
        at.step();
        until_done(&at)
    });
    let at = desk.clone();
    function(api, "save", move || {
        let id = at.save();
        promise(&at, id)
    });
    let at = desk.clone();
    let advance = move |seconds: f64| {
        at.advance(seconds);
        until_done(&at)
    };
    set(api, "advance", &Closure::<dyn Fn(f64) -> JsValue>::new(advance).into_js_value());
    let at = desk.clone();
    let command = move |line: String, anew: JsValue| promise(&at, at.run(&line, anew.is_truthy()));
    set(api, "command", &Closure::<dyn Fn(String, JsValue) -> JsValue>::new(command).into_js_value());
    let at = desk.clone();
    let speed = move |factor: f64| match Speed::of(factor) {
        Some(speed) => at.set_speed(speed),
        None => wasm_bindgen::throw_val(Error::new("a speed is 0.0625, 0.25, 0.5, 1, 4, 16 or 64").into()),
    };
    set(api, "speed", &Closure::<dyn Fn(f64)>::new(speed).into_js_value());
}

/// What goes to another moment.
fn travelling(api: &Object, desk: &Rc<Desk>) {
    let at = desk.clone();
    function(api, "stepBack", move || {
        at.step_back();
        until_done(&at)
    });
    for (name, goal) in [("undo", Goal::Undo), ("redo", Goal::Redo)] {
        let at = desk.clone();
        function(api, name, move || {
            at.seek(goal);
            until_done(&at)
        });
    }
    let at = desk.clone();
    let seek = move |seconds: f64| {
        at.seek(Goal::Time(SimTime((seconds.max(0.0) * 1e6) as u64)));
        until_done(&at)
    };
    set(api, "seek", &Closure::<dyn Fn(f64) -> JsValue>::new(seek).into_js_value());
    let at = desk.clone();
    let mark = move |next: JsValue| {
        at.seek_mark(next != JsValue::FALSE);
        until_done(&at)
    };
    set(api, "seekMark", &Closure::<dyn Fn(JsValue) -> JsValue>::new(mark).into_js_value());
    let at = desk.clone();
    let tempo = move |on: bool| at.set_auto_tempo(on);
    set(api, "autoTempo", &Closure::<dyn Fn(bool)>::new(tempo).into_js_value());
}

fn until_done(desk: &Rc<Desk>) -> JsValue {
    Promise::new(&mut |done, refused| desk.promise_done(done, refused)).into()
}

fn promise(desk: &Rc<Desk>, id: u32) -> JsValue {
    Promise::new(&mut |done, refused| desk.promise(id, done, refused)).into()
}

fn listening(api: &Object, desk: &Rc<Desk>) {
    let at = desk.clone();
    let on = move |name: String, listener: Function| {
        at.listen(move |event| {
            let said = match event {
                Event::Opened => ("opened", JsValue::UNDEFINED),
                Event::Advanced => ("advanced", JsValue::UNDEFINED),
                Event::Notice(notice) => ("notice", super::notices::sentence(notice).into()),
                Event::Changed | Event::Download(..) => return,
            };
            if said.0 == name {
                // A listener that throws is its own affair.
                let _ = listener.call1(&JsValue::NULL, &said.1);
            }
        });
    };
    set(api, "on", &Closure::<dyn Fn(String, Function)>::new(on).into_js_value());
}
