//! Parts of the page that are made anew in turns, so that no frame pays for all of them.

use std::cell::RefCell;
use yew::prelude::*;

/// The parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Top bar and tools.
    Top,
    /// The stage's list, and what is above and below it.
    Stage,
    /// Playback and the lists.
    Bottom,
    /// The inspector.
    Inspector,
}

/// How many parts there are.
pub(super) const PARTS: usize = 4;

/// What was made of each part last, and when.
#[derive(Default)]
pub(super) struct Held {
    turn: usize,
    /// How often each was due.
    due: [u64; PARTS],
    made: RefCell<[(u64, Html); PARTS]>,
}

impl Held {
    /// The next part is due.
    pub(super) fn next(&mut self) {
        self.turn = (self.turn + 1) % PARTS;
        self.due[self.turn] += 1;
    }

    /// All parts are due: somebody did something.
    pub(super) fn all(&mut self) {
        self.due.iter_mut().for_each(|due| *due += 1);
    }

    /// Whether it is a part's turn.
    pub(super) fn is_turn_of(&self, part: Part) -> bool {
        self.turn == part as usize
    }

    /// A part: as it was made last, or made anew if it is due.
    pub(super) fn part(&self, part: Part, make: impl FnOnce() -> Html) -> Html {
        let at = part as usize;
        let made = &mut self.made.borrow_mut()[at];
        if made.0 != self.due[at] {
            *made = (self.due[at], make());
        }
        html! { <Kept made={made.0} html={made.1.clone()} /> }
    }
}

/// What is the same as long as it was not made anew; it need not be compared.
#[derive(Properties)]
struct Props {
    made: u64,
    html: Html,
}

impl PartialEq for Props {
    fn eq(&self, other: &Self) -> bool {
        self.made == other.made
    }
}

#[function_component(Kept)]
fn kept(props: &Props) -> Html {
    props.html.clone()
}
