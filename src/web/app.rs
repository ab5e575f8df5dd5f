//! The page: one component that holds the desk and what is chosen on the page.

use super::desk::{Desk, Event, Phase};
use super::frame::FrameLoop;
use super::paint::{Look, Painter};
use super::stage::Choice;
use super::{api, bottom, details, keep, keys, laws, notices, speech, stage, theme, tools, topbar};
use crate::base::TopicPartition;
use crate::view::{Addition, Speed, addition_line};
use gloo::events::{EventListener, EventListenerOptions};
use gloo::utils::{document, window};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use web_sys::{HtmlCanvasElement, HtmlInputElement, KeyboardEvent};
use yew::prelude::*;

/// What can happen to the page.
pub(super) enum Msg {
    /// Something that is shown has changed.
    Refresh,
    /// Play or pause.
    Toggle,
    /// Step one event.
    Step,
    /// Choose a speed.
    Speed(Speed),
    /// The next faster speed, or slower.
    Faster(bool),
    /// Add something.
    Add(Addition),
    /// Run the line in the prompt.
    Submit,
    /// Fill the prompt with an earlier or later line.
    Recall(isize),
    /// Show a list.
    Tab(bottom::Tab),
    /// Choose a partition by keys.
    Choose(Choice),
    /// Choose a partition.
    Select(TopicPartition),
    /// The stage was pressed at a place.
    Press(f64, f64),
    /// Put a notice away.
    PutAway(usize),
    /// Switch single-letter shortcuts on or off.
    Letters,
    /// Change the theme.
    Theme,
    /// Begin anew.
    Restart,
    /// The window has another size.
    Resized,
}

/// The page.
pub(super) struct App {
    pub(super) desk: Rc<Desk>,
    pub(super) canvas: NodeRef,
    pub(super) input: NodeRef,
    pub(super) tab: bottom::Tab,
    pub(super) put_away: BTreeSet<usize>,
    pub(super) dark: bool,
    /// Whether single letters are shortcuts.
    pub(super) letters: Rc<Cell<bool>>,
    pub(super) still: bool,
    pub(super) width: f64,
    chosen: Option<TopicPartition>,
    recalled: usize,
    painter: Rc<RefCell<Option<Painter>>>,
    look: Rc<RefCell<Look>>,
    speech: speech::Speech,
    _frames: FrameLoop,
    _listeners: Vec<EventListener>,
}

impl Component for App {
    type Message = Msg;
    type Properties = ();

    fn create(ctx: &Context<Self>) -> Self {
        let still = matches("(prefers-reduced-motion: reduce)");
        let desk = Desk::new(!still);
        api::install(&desk);
        let (painter, look) = (Rc::new(RefCell::new(None)), Rc::new(RefCell::new(Look::default())));
        let refresh = ctx.link().callback(|()| Msg::Refresh);
        let frames = FrameLoop::start(desk.clone(), painter.clone(), look.clone(), refresh);
        desk.listen(|event| {
            if let Event::Download(key, bytes) = event {
                super::download::offer(&format!("kafka-terrarium-{key}.save"), bytes);
            }
        });
        desk.start();
        let letters = Rc::new(Cell::new(keep::get(LETTERS).unwrap_or(true)));
        Self {
            _listeners: listeners(ctx, &desk, &letters),
            letters,
            desk,
            canvas: NodeRef::default(),
            input: NodeRef::default(),
            tab: bottom::Tab::Log,
            put_away: BTreeSet::new(),
            dark: theme::is_dark(),
            still,
            width: 0.0,
            chosen: None,
            recalled: 0,
            painter,
            look,
            speech: speech::Speech::default(),
            _frames: frames,
        }
    }

    fn update(&mut self, ctx: &Context<Self>, msg: Msg) -> bool {
        match msg {
            Msg::Refresh => self.speech.hear(&self.desk),
            Msg::Toggle => self.desk.play(!self.desk.playing()),
            Msg::Step => self.desk.step(),
            Msg::Speed(speed) => self.desk.set_speed(speed),
            Msg::Faster(faster) => {
                let speed = self.desk.speed();
                self.desk.set_speed(if faster { speed.faster() } else { speed.slower() });
            }
            Msg::Add(addition) => self.add(addition),
            Msg::Submit => self.submit(),
            Msg::Recall(by) => self.recall(by),
            Msg::Tab(tab) => self.tab = tab,
            Msg::Choose(choice) => {
                let from = self.selected();
                self.chosen = self.desk.with(|p| choice.apply(p.scene(), from.as_ref())).flatten();
            }
            Msg::Select(tp) => self.chosen = Some(tp),
            Msg::Press(x, y) => {
                let hit = self.painter.borrow().as_ref().and_then(|painter| painter.hit(x, y));
                self.chosen = hit.or(self.chosen.take());
            }
            Msg::PutAway(n) => {
                self.put_away.insert(n);
            }
            Msg::Letters => {
                self.letters.set(!self.letters.get());
                keep::set(LETTERS, self.letters.get());
            }
            Msg::Theme => {
                self.dark = theme::toggle(self.dark);
                if let Some(painter) = self.painter.borrow_mut().as_mut() {
                    painter.repaint();
                }
            }
            Msg::Restart => {
                if gloo::dialogs::confirm("Begin this scenario again? The session so far is replaced.") {
                    self.desk.restart();
                }
            }
            Msg::Resized => {}
        }
        self.measure(ctx);
        true
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        html! {
            <div class="frame">
                { topbar::topbar(self, ctx) }
                { tools::tools(self, ctx) }
                <main class="center">
                    { notices::notices(self, ctx) }
                    { self.phase() }
                    { bottom::segments(self, ctx) }
                    { stage::stage(self, ctx) }
                    { laws::laws(self) }
                    { bottom::bottom(self, ctx) }
                </main>
                <aside class="insp" aria-label="Partition" tabindex="0">{ details::details(self) }</aside>
                { self.speech.regions() }
            </div>
        }
    }

    fn rendered(&mut self, ctx: &Context<Self>, first: bool) {
        if first {
            let canvas = self.canvas.cast::<HtmlCanvasElement>();
            self.painter.replace(canvas.and_then(Painter::new));
            self.measure(ctx);
        }
    }
}

impl App {
    /// The partition that is selected: the chosen one, or the first.
    pub(super) fn selected(&self) -> Option<TopicPartition> {
        let there = |tp: &TopicPartition| self.desk.with(|p| p.scene().partitions.contains_key(tp)).unwrap_or(false);
        let first = || self.desk.with(|p| p.scene().partitions.keys().next().cloned()).flatten();
        self.chosen.clone().filter(there).or_else(first)
    }

    fn phase(&self) -> Html {
        let text = match self.desk.phase() {
            Phase::Open => return Html::default(),
            Phase::Starting => "Starting the world…".to_string(),
            Phase::Loading(permille) => format!("Replaying the saved session: {} %", permille / 10),
            Phase::Failed(message) => message,
        };
        html! { <p class="notice" role="status">{ text }</p> }
    }

    fn add(&self, addition: Addition) {
        let topic = self.selected().map(|tp| tp.topic.to_string());
        if let Some(line) = self.desk.with(|p| addition_line(addition, p.scene(), topic.as_deref())).flatten() {
            self.desk.command(&line);
        }
    }

    fn submit(&mut self) {
        let Some(input) = self.input.cast::<HtmlInputElement>() else { return };
        let line = input.value();
        if !line.trim().is_empty() {
            self.desk.command(line.trim_end());
            input.set_value("");
            self.recalled = 0;
        }
    }

    fn recall(&mut self, by: isize) {
        let Some(input) = self.input.cast::<HtmlInputElement>() else { return };
        let typed = self.desk.typed();
        self.recalled = self.recalled.saturating_add_signed(-by).min(typed.len());
        let line = self.recalled.checked_sub(1).map(|n| typed[typed.len() - 1 - n].line.clone());
        input.set_value(&line.unwrap_or_default());
    }

    /// Tells the painter what to show.
    fn measure(&mut self, _ctx: &Context<Self>) {
        let size = |value: Result<wasm_bindgen::JsValue, _>| value.ok().and_then(|v| v.as_f64()).unwrap_or(0.0);
        let (width, height) = (size(window().inner_width()), size(window().inner_height()));
        self.width = width;
        let canvas = self.canvas.cast::<HtmlCanvasElement>();
        let stage = canvas.and_then(|c| c.parent_element()).map_or(0.0, |e| f64::from(e.client_width()));
        let selected = self.selected();
        self.look.replace(Look { width: stage, least_height: (height * 0.36).max(280.0), selected, still: self.still });
    }
}

fn matches(query: &str) -> bool {
    window().match_media(query).ok().flatten().is_some_and(|list| list.matches())
}

const LETTERS: &str = "terrarium-letter-keys";

fn listeners(ctx: &Context<App>, desk: &Rc<Desk>, letters: &Rc<Cell<bool>>) -> Vec<EventListener> {
    let (link, letters) = (ctx.link().clone(), letters.clone());
    let pressed = EventListener::new_with_options(
        &document(),
        "keydown",
        EventListenerOptions::enable_prevent_default(),
        move |event| {
            if let Some(msg) = event.dyn_ref::<KeyboardEvent>().and_then(|event| keys::meaning(event, letters.get())) {
                event.prevent_default();
                link.send_message(msg);
            }
        },
    );
    let link = ctx.link().clone();
    let resized = EventListener::new(&window(), "resize", move |_| link.send_message(Msg::Resized));
    let save = |target: &web_sys::EventTarget, name: &'static str| {
        let desk = desk.clone();
        EventListener::new(target, name, move |_| {
            desk.save();
        })
    };
    vec![pressed, resized, save(&document(), "visibilitychange"), save(&window(), "pagehide")]
}
