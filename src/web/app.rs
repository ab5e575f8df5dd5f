//! The page: one component that holds the desk and what is chosen on the page.

use super::compose::Compose;
use super::configs::Configs;
use super::desk::{Desk, Event, Phase};
use super::frame::FrameLoop;
use super::held::{Held, PARTS, Part};
use super::menu::Menu;
use super::paint::{BELOW, Look, Painter};
use super::zoom::{self, Zoom};
use super::{
    api, bottom, details, dialog, groups, help, keep, keys, laws, menu, notices, sessions, speech, stage, theme, tools,
    topbar,
};
use crate::base::{EventId, SimTime, SortedSet, TopicPartition};
use crate::link::ToWorker;
use crate::view::{
    Addition, Draft, Goal, Owner, Player, Question, Room, Scene, Selection, Speed, Tool, Toward, addition_line, rows,
    tool_offer,
};
use gloo::events::{EventListener, EventListenerOptions};
use gloo::utils::{document, window};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
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
    /// Step one event back.
    StepBack,
    /// Go to the next event worth stopping at, or to the one before.
    Mark(bool),
    /// Go to a moment.
    Seek(SimTime),
    /// Take the last command back.
    Undo,
    /// Do it again.
    Redo,
    /// Switch auto-tempo on or off.
    AutoTempo,
    /// Whether the past shall be changed.
    Answer(bool),
    /// Open or close the map of the keys.
    Help,
    /// Judge the history as Jepsen would and show what it comes to, or close that.
    Judge(bool),
    /// Open or close the saved sessions.
    Sessions,
    /// Ask for something about saves.
    Wish(ToWorker),
    /// Read a file.
    Read(gloo::file::File),
    /// Open somebody's configs, or close them.
    Configs(Option<Owner>),
    /// Ask the worker something.
    Ask(Question),
    /// Open the form for something new, or close it.
    Compose(bool),
    /// Show a group in its list.
    Group(Arc<str>),
    /// Go to the moment of a message and take it apart.
    Visit(EventId, SimTime),
    /// Inspect a record, or no longer.
    Record(Option<(TopicPartition, i64)>),
    /// Begin or end the presentation.
    Present,
    /// Blank the stage of a presentation, or show it again.
    Blank,
    /// Show the list with this number.
    TabNumber(usize),
    /// Show the command line.
    Prompt,
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
    /// Choose what lies in a direction on the stage.
    Move(Toward),
    /// Choose something.
    Select(Selection),
    /// Choose nothing; close the menu.
    Leave,
    /// The stage was pressed at a place.
    Press(f64, f64),
    /// What can be done to the thing at a place of the stage, or without a place to the selection?
    Menu(Option<(f64, f64)>),
    /// Close the menu.
    CloseMenu,
    /// Use a tool on the selection.
    Tool(Tool),
    /// Do a line of the script language.
    Do(String),
    /// Put a notice away.
    PutAway(usize),
    /// Switch single-letter shortcuts on or off.
    Letters,
    /// Change the theme.
    Theme,
    /// Begin anew.
    Restart,
    /// Show more or less of the stage.
    Zoom(Zoom),
    /// The window has another size.
    Resized,
}

/// The page.
pub(super) struct App {
    pub(super) desk: Rc<Desk>,
    pub(super) canvas: NodeRef,
    /// The canvases below it.
    pub(super) under: [NodeRef; BELOW],
    pub(super) input: NodeRef,
    pub(super) tab: bottom::Tab,
    pub(super) put_away: SortedSet<usize>,
    pub(super) dark: bool,
    /// Whether single letters are shortcuts.
    pub(super) letters: Rc<Cell<bool>>,
    pub(super) still: bool,
    pub(super) width: f64,
    pub(super) height: f64,
    /// How far the stage is zoomed: a place in [`zoom::LEVELS`].
    pub(super) zoom: usize,
    /// The height that the stage may have, in CSS pixels.
    pub(super) stage_height: f64,
    /// The menu that is open.
    pub(super) menu: Option<Menu>,
    /// The tool that waits for the other end of a link, and what it was used on.
    pub(super) armed: Option<(Tool, u32)>,
    /// Why nothing was done, told once.
    pub(super) hint: Option<String>,
    menu_shown: bool,
    dialog_shown: bool,
    /// Whether the map of the keys is open.
    pub(super) help: bool,
    /// Whether the judgement of the history is open.
    pub(super) judging: bool,
    /// Whether the saved sessions are open.
    pub(super) sessions: bool,
    /// Whose configs are open.
    configs: Option<Owner>,
    /// What can be composed, while the form is open.
    drafts: Option<Vec<Draft>>,
    /// The group that was chosen.
    pub(super) group: Option<Arc<str>>,
    /// The record that is inspected.
    pub(super) record: Option<(TopicPartition, i64)>,
    /// Whether it is presented to a hall.
    pub(super) presenting: bool,
    showing: Rc<Cell<bool>>,
    pub(super) blank: bool,
    /// Whether the page is part of another.
    embedded: bool,
    prompting: bool,
    reading: Option<gloo::file::callbacks::FileReader>,
    refreshed: usize,
    browsed: u64,
    held: Held,
    /// By how much the stage has just been zoomed.
    zoomed: Option<f64>,
    /// The stage as a list, as it was told last.
    pub(super) told: RefCell<stage::Told>,
    chosen: Option<Selection>,
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
        let at = painter.clone();
        desk.listen(move |event| match event {
            Event::Download(key, bytes) => super::download::offer(&format!("kafka-terrarium-{key}.save"), bytes),
            Event::Opened => {
                if let Some(painter) = at.borrow_mut().as_mut() {
                    painter.forget();
                }
            }
            _ => {}
        });
        desk.start();
        let letters = Rc::new(Cell::new(keep::get(LETTERS).unwrap_or(true)));
        let showing = Rc::new(Cell::new(false));
        Self {
            _listeners: listeners(ctx, &desk, &letters, &showing),
            letters,
            desk,
            canvas: NodeRef::default(),
            under: Default::default(),
            input: NodeRef::default(),
            tab: bottom::Tab::Timeline,
            put_away: SortedSet::new(),
            dark: theme::is_dark(),
            still,
            width: 0.0,
            height: 0.0,
            zoom: 0,
            stage_height: 0.0,
            menu: None,
            armed: None,
            hint: None,
            menu_shown: false,
            dialog_shown: false,
            help: false,
            judging: false,
            sessions: false,
            configs: None,
            drafts: None,
            group: None,
            record: None,
            presenting: false,
            showing: showing.clone(),
            blank: false,
            embedded: embedded(),
            prompting: false,
            reading: None,
            refreshed: 0,
            browsed: 0,
            held: Held::default(),
            zoomed: None,
            told: RefCell::default(),
            chosen: None,
            recalled: 0,
            painter,
            look,
            speech: speech::Speech::default(),
            _frames: frames,
        }
    }

    fn update(&mut self, ctx: &Context<Self>, msg: Msg) -> bool {
        if matches!(msg, Msg::Refresh) {
            // Frames that follow each other share the work; one that stands is whole.
            let playing = self.desk.playing();
            if playing {
                self.held.next()
            } else {
                self.held.all()
            }
            self.refresh();
            if !playing || self.held.is_turn_of(Part::Stage) {
                self.measure(ctx);
            }
            return true;
        }
        self.held.all();
        match msg {
            Msg::Toggle => self.desk.play(!self.desk.playing()),
            Msg::Step => self.desk.step(),
            Msg::StepBack => self.desk.step_back(),
            Msg::Mark(next) => self.desk.seek_mark(next),
            Msg::Seek(at) => self.desk.seek(Goal::Time(at)),
            Msg::Undo => self.desk.seek(Goal::Undo),
            Msg::Redo => self.desk.seek(Goal::Redo),
            Msg::AutoTempo => {
                let auto = self.desk.with(Player::auto_tempo).unwrap_or(true);
                self.desk.set_auto_tempo(!auto);
            }
            Msg::Answer(yes) => self.desk.answer(yes),
            Msg::Speed(speed) => self.desk.set_speed(speed),
            Msg::Faster(faster) => {
                let speed = self.desk.speed();
                self.desk.set_speed(if faster { speed.faster() } else { speed.slower() });
            }
            Msg::Add(addition) => self.add(addition),
            Msg::Submit => self.submit(),
            Msg::Recall(by) => self.recall(by),
            Msg::Tab(tab) => {
                self.tab = tab;
                if let Some(group) = groups::chosen(self).filter(|_| tab == bottom::Tab::Groups) {
                    self.desk.question(Question::Rebalances(group));
                }
            }
            Msg::Move(toward) => self.go(toward),
            Msg::Select(selection) => self.choose(selection),
            Msg::Leave => {
                if self.presenting && self.menu.is_none() && self.armed.is_none() {
                    self.present(false);
                }
                (self.menu, self.armed, self.hint) = (None, None, None);
                (self.help, self.sessions, self.configs, self.drafts) = (false, false, None, None);
                self.judging = false;
            }
            Msg::Press(x, y) => self.press(x, y),
            Msg::Menu(place) => self.open_menu(place),
            Msg::CloseMenu => self.menu = None,
            Msg::Tool(tool) => self.tool(tool),
            Msg::Do(line) => {
                self.menu = None;
                self.desk.command(&line);
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
            Msg::Zoom(by) => {
                let before = zoom::LEVELS[self.zoom];
                self.zoom = by.from(self.zoom);
                self.zoomed = Some(zoom::LEVELS[self.zoom] / before);
            }
            Msg::Resized => {}
            other => self.arrange(ctx, other),
        }
        self.measure(ctx);
        true
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        html! {
            <div class={classes!("frame", self.presenting.then_some("presents"), self.embedded.then_some("embedded"))}>
                { self.held.part(Part::Top, || html! { <>{ topbar::topbar(self, ctx) }{ tools::tools(self, ctx) }</> }) }
                <main class="center">
                    { self.held.part(Part::Stage, || self.stage_and_around(ctx)) }
                    { self.held.part(Part::Bottom, || bottom::bottom(self, ctx)) }
                </main>
                <aside class="insp" aria-label="Inspector" tabindex="0">
                    { self.held.part(Part::Inspector, || details::details(self, ctx)) }
                </aside>
                { menu::menu(self, ctx) }
                { self.dialogs(ctx) }
                { self.speech.regions() }
            </div>
        }
    }

    fn rendered(&mut self, ctx: &Context<Self>, _first: bool) {
        // The parts of the page come after the page itself.
        let drawn = self.painter.borrow().is_some();
        if let (false, Some(painter)) = (drawn, self.pile().and_then(Painter::new)) {
            self.painter.replace(Some(painter));
            self.told.take();
            ctx.link().send_message(Msg::Resized);
        }
        if self.prompting
            && let Some(input) = self.input.cast::<HtmlInputElement>()
        {
            self.prompting = false;
            // An element that is gone needs no focus.
            let _ = input.focus();
        }
        if let Some(by) = self.zoomed.take() {
            zoom::keep_middle(&self.canvas, by);
        }
        if self.menu.is_some() != self.menu_shown {
            self.menu_shown = self.menu.is_some();
            if self.menu_shown { menu::focus_first() } else { stage::focus(&self.canvas) }
        }
        let asked = self.dialog_open();
        if asked != self.dialog_shown {
            self.dialog_shown = asked;
            if asked { dialog::focus_first() } else { stage::focus(&self.canvas) }
        }
    }
}

impl App {
    /// The canvases of the stage, once they are there.
    fn pile(&self) -> Option<[HtmlCanvasElement; BELOW + 1]> {
        let [ways, figure, field, sides] = self.under.each_ref().map(|canvas| canvas.cast::<HtmlCanvasElement>());
        Some([ways?, figure?, field?, sides?, self.canvas.cast()?])
    }

    /// The stage with what stands above and below it.
    fn stage_and_around(&self, ctx: &Context<Self>) -> Html {
        html! {
            <>
                { notices::notices(self, ctx) }
                { self.phase() }
                { bottom::segments(self, ctx) }
                { stage::stage(self, ctx) }
                { tools::hint(self) }
                { stage::caption(self) }
                { laws::laws(self, ctx) }
            </>
        }
    }

    /// What changes only how the page is arranged.
    fn arrange(&mut self, ctx: &Context<Self>, msg: Msg) {
        match msg {
            Msg::Help => self.help = !self.help,
            Msg::Sessions => {
                self.sessions = !self.sessions;
                if self.sessions {
                    self.desk.about_saves(&ToWorker::Saves);
                }
            }
            Msg::Wish(wish) => {
                if matches!(wish, ToWorker::OpenKept { .. }) {
                    self.sessions = false;
                }
                self.desk.about_saves(&wish);
            }
            Msg::Judge(open) => {
                self.judging = open;
                if open {
                    self.desk.judge();
                }
            }
            Msg::Read(file) => self.reading = Some(sessions::read(ctx, file)),
            Msg::Configs(owner) => {
                if let Some(owner) = owner.clone() {
                    self.desk.forget_verdict();
                    self.desk.question(Question::Catalogue(owner.clone()));
                    self.desk.question(Question::Settings(owner));
                }
                self.configs = owner;
            }
            Msg::Compose(open) => {
                self.desk.forget_verdict();
                self.drafts = open.then(|| self.all_drafts());
            }
            Msg::Ask(question) => self.desk.question(question),
            Msg::Group(group) => {
                self.desk.question(Question::Rebalances(group.clone()));
                (self.group, self.tab) = (Some(group), bottom::Tab::Groups);
            }
            Msg::Visit(id, at) => {
                (self.chosen, self.record) = (Some(Selection::Packet(id)), None);
                self.desk.visit(id, at);
            }
            Msg::Record(record) => {
                if let Some((tp, offset)) = record.clone() {
                    self.desk.question(Question::Record(tp, offset));
                }
                self.record = record;
            }
            Msg::Present => self.present(!self.presenting),
            Msg::Blank => self.blank = !self.blank,
            Msg::TabNumber(n) => {
                let offered = bottom::offered(self);
                if let Some((tab, _)) = n.checked_sub(1).and_then(|n| offered.get(n)) {
                    self.tab = *tab;
                }
            }
            Msg::Prompt => (self.tab, self.prompting) = (bottom::Tab::Terminal, true),
            _ => {}
        }
    }

    fn present(&mut self, present: bool) {
        (self.presenting, self.blank) = (present, false);
        self.showing.set(present);
        let root = gloo::utils::document_element();
        // Refused only for names that are none.
        let _ = if present { root.set_attribute("data-mode", "presenter") } else { root.remove_attribute("data-mode") };
        if let Some(painter) = self.painter.borrow_mut().as_mut() {
            painter.repaint();
        }
    }

    fn refresh(&mut self) {
        self.speech.hear(&self.desk);
        let version = self.desk.with(Player::version).unwrap_or(0);
        self.refreshed += 1;
        if version == self.browsed || self.desk.playing() && !self.refreshed.is_multiple_of(6 * PARTS) {
            return;
        }
        // What was asked for may have another answer now.
        self.browsed = version;
        if self.tab == bottom::Tab::Records {
            self.desk.browse_again();
        }
        if let Some(owner) = &self.configs {
            self.desk.question(Question::Settings(owner.clone()));
        }
        if let Some((tp, offset)) = &self.record {
            self.desk.question(Question::Record(tp.clone(), *offset));
        }
        if let Some(group) = groups::chosen(self).filter(|_| self.tab == bottom::Tab::Groups) {
            self.desk.question(Question::Rebalances(group));
        }
    }

    /// Whether a dialog is open.
    fn dialog_open(&self) -> bool {
        self.help
            || self.judging
            || self.sessions
            || self.configs.is_some()
            || self.drafts.is_some()
            || self.desk.asking().is_some()
    }

    fn dialogs(&self, ctx: &Context<Self>) -> Html {
        let (run, ask) = (ctx.link().callback(Msg::Do), ctx.link().callback(Msg::Ask));
        let (settings, catalogue, verdict) = (self.desk.settings(), self.desk.catalogue(), self.desk.verdict());
        let configs = self.configs.as_ref().map(|owner| {
            let (run, ask, verdict) = (run.clone(), ask.clone(), verdict.clone());
            let close = ctx.link().callback(|()| Msg::Configs(None));
            html! { <Configs owner={owner.clone()} {settings} {catalogue} {verdict} {ask} {run} {close} /> }
        });
        let draft = self.drafts.as_ref().map(|drafts| {
            let close = ctx.link().callback(|()| Msg::Compose(false));
            html! { <Compose drafts={drafts.clone()} {verdict} {ask} {run} {close} /> }
        });
        html! {
            <>{ dialog::past(self, ctx) }{ help::help(self, ctx) }{ sessions::sessions(self, ctx) }{ laws::judgement(self, ctx) }{ configs }{ draft }</>
        }
    }

    /// What is selected: what was chosen while it is there, else the first partition.
    pub(super) fn selected(&self) -> Option<Selection> {
        let flights = |s: &Selection| self.desk.with(|p| s.is_there(p.scene(), p.flights())).unwrap_or(false);
        // A message that has arrived is looked at until something else is chosen.
        let seen = |s: &Selection| match s {
            Selection::Packet(id) => self.desk.with(|p| p.messages().iter().any(|m| m.id == *id)).unwrap_or(false),
            _ => false,
        };
        let first = || self.desk.with(|p| first_partition(p.scene())).flatten().map(Selection::Partition);
        self.chosen.clone().filter(|s| flights(s) || seen(s)).or_else(first)
    }

    /// The partition that is selected, or that has something to do with what is selected, or the first.
    pub(super) fn partition(&self) -> Option<TopicPartition> {
        let selected = self.selected().and_then(|s| s.partition().cloned());
        selected.or_else(|| self.desk.with(|p| first_partition(p.scene())).flatten())
    }

    /// Everything that the arrow keys reach, row by row.
    pub(super) fn reachable(&self) -> Vec<Vec<Selection>> {
        let painter = self.painter.borrow();
        let Some(painter) = painter.as_ref() else { return Vec::new() };
        self.desk.with(|p| rows(p.scene(), painter.layout())).unwrap_or_default()
    }

    fn go(&mut self, toward: Toward) {
        let Some(from) = self.selected() else { return };
        let to = {
            let painter = self.painter.borrow();
            let layout = painter.as_ref().map(Painter::layout);
            layout.and_then(|layout| self.desk.with(|p| from.moved(toward, p.scene(), layout)).flatten())
        };
        if let Some(to) = to {
            self.choose(to);
        }
    }

    fn press(&mut self, x: f64, y: f64) {
        self.menu = None;
        if let Some(hit) = self.hit(x, y) {
            self.choose(hit);
        }
    }

    fn hit(&self, x: f64, y: f64) -> Option<Selection> {
        let painter = self.painter.borrow();
        self.desk.with(|p| painter.as_ref().and_then(|painter| painter.hit(p.scene(), x, y))).flatten()
    }

    /// Chooses something; where a tool waits for the other end of a link, that tool is used.
    fn choose(&mut self, selection: Selection) {
        (self.hint, self.record) = (None, None);
        if let Selection::Packet(id) = selection {
            self.desk.dissect(id);
        }
        let host = self.desk.with(|p| selection.host(p.scene())).flatten();
        match (self.armed.take(), host) {
            (Some((tool, from)), Some(to)) if from != to => {
                let link = Selection::link(from, to);
                self.chosen = Some(link.clone());
                self.tool_on(tool, &link);
            }
            _ => self.chosen = Some(selection),
        }
    }

    /// Uses a tool on the selection. One for links waits for the other end when one host is selected.
    fn tool(&mut self, tool: Tool) {
        self.hint = None;
        self.menu = None;
        if self.armed.take().is_some_and(|(armed, _)| armed == tool) {
            return;
        }
        let Some(selected) = self.selected() else {
            self.hint = Some("There is nothing yet to use this on.".into());
            return;
        };
        let host = self.desk.with(|p| selected.host(p.scene())).flatten();
        match host.filter(|_| tool.wants_link()) {
            Some(host) => self.armed = Some((tool, host)),
            None => self.tool_on(tool, &selected),
        }
    }

    fn tool_on(&mut self, tool: Tool, selection: &Selection) {
        let offer = self.desk.with(|p| tool_offer(tool, selection, p.scene())).flatten();
        match offer {
            Some(offer) => {
                self.desk.command(&offer.line);
            }
            None => {
                let name = self.desk.with(|p| selection.name(p.scene())).unwrap_or_default();
                self.hint = Some(menu::no_use(tool, &name));
            }
        }
    }

    fn open_menu(&mut self, place: Option<(f64, f64)>) {
        if let Some(hit) = place.and_then(|(x, y)| self.hit(x, y)) {
            self.armed = None;
            self.choose(hit);
        }
        let Some(selected) = self.selected() else { return };
        let (x, y) = place.unwrap_or_else(|| self.place_of(&selected));
        self.menu = Some(Menu { of: selected, x, y });
    }

    /// Where something is on the canvas, in CSS pixels.
    fn place_of(&self, selection: &Selection) -> (f64, f64) {
        let painter = self.painter.borrow();
        let Some(layout) = painter.as_ref().map(Painter::layout) else { return (0.0, 0.0) };
        let rect = self.desk.with(|p| layout.place_of(p.scene(), selection)).flatten();
        rect.map_or((40.0, 40.0), |r| (r.center() * layout.unit, r.bottom() * layout.unit))
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
        let topic = self.partition().map(|tp| tp.topic.to_string());
        if let Some(line) = self.desk.with(|p| addition_line(addition, p.scene(), topic.as_deref())).flatten() {
            self.desk.command(&line);
        }
    }

    /// Everything that the form for something new can begin with.
    fn all_drafts(&self) -> Vec<Draft> {
        let topic = self.partition().map(|tp| tp.topic.to_string());
        let draft = |addition| self.desk.with(|p| Draft::new(addition, p.scene(), topic.as_deref())).flatten();
        Addition::ALL.into_iter().filter_map(draft).collect()
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

    /// The width of what is between toolbox and inspector, in CSS pixels, without margins.
    pub(super) fn center_width(&self) -> f64 {
        let stage = self.canvas.cast::<HtmlCanvasElement>().and_then(|c| c.closest(".center").ok().flatten());
        stage.map_or(self.width, |e| f64::from(e.client_width())) - 28.0
    }

    /// Tells the painter what to show.
    fn measure(&mut self, _ctx: &Context<Self>) {
        let size = |value: Result<wasm_bindgen::JsValue, _>| value.ok().and_then(|v| v.as_f64()).unwrap_or(0.0);
        let (width, height) = (size(window().inner_width()), size(window().inner_height()));
        (self.width, self.height) = (width, height);
        let canvas = self.canvas.cast::<HtmlCanvasElement>();
        let stage = canvas.and_then(|c| c.parent_element()).map_or(0.0, |e| f64::from(e.client_width()));
        let selected = self.selected();
        // On a phone only one partition is drawn.
        let selected = match selected {
            Some(other) if width < bottom::PHONE && other.partition().is_none() => {
                self.partition().map(Selection::Partition).or(Some(other))
            }
            selected => selected,
        };
        let around = match () {
            () if self.presenting => 150.0,
            () if self.embedded => 130.0,
            () if width < bottom::PHONE => height * 0.46,
            () if self.tab.is_long() && height < TALL => {
                (BELOW_AND_ABOVE + LISTS).min(height - READABLE).max(BELOW_AND_ABOVE)
            }
            () => BELOW_AND_ABOVE,
        };
        self.stage_height = (height - around).max(300.0);
        let zoom = zoom::LEVELS[self.zoom];
        let room = Room { width: stage * zoom, height: self.stage_height * zoom, large: self.presenting };
        self.look.replace(Look { room, selected, still: self.still });
    }
}

/// The height of everything but the stage, when the lists have the least that they need.
const BELOW_AND_ABOVE: f64 = 366.0;
/// How much more of the height long lists get, on a page that is not this tall.
const LISTS: f64 = 150.0;
const TALL: f64 = 1_000.0;
/// The height that long lists leave the stage where they can: three brokers have room for records in it.
const READABLE: f64 = 410.0;

/// The first partition that somebody made.
fn first_partition(scene: &Scene) -> Option<TopicPartition> {
    let own = scene.partitions.keys().find(|tp| !tp.topic.starts_with("__"));
    own.or_else(|| scene.partitions.keys().next()).cloned()
}

fn matches(query: &str) -> bool {
    window().match_media(query).ok().flatten().is_some_and(|list| list.matches())
}

const LETTERS: &str = "terrarium-letter-keys";

/// Whether the address asks for the page as a part of another: `?embed`.
fn embedded() -> bool {
    let query = window().location().search().unwrap_or_default();
    web_sys::UrlSearchParams::new_with_str(&query).is_ok_and(|q| q.has("embed"))
}

fn listeners(
    ctx: &Context<App>,
    desk: &Rc<Desk>,
    letters: &Rc<Cell<bool>>,
    showing: &Rc<Cell<bool>>,
) -> Vec<EventListener> {
    let (link, letters, showing) = (ctx.link().clone(), letters.clone(), showing.clone());
    let pressed = EventListener::new_with_options(
        &document(),
        "keydown",
        EventListenerOptions::enable_prevent_default(),
        move |event| {
            if let Some(msg) =
                event.dyn_ref::<KeyboardEvent>().and_then(|event| keys::meaning(event, letters.get(), showing.get()))
            {
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
