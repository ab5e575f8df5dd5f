//! The narrative: one polite region that says at most one sentence in 1.5 seconds, and an assertive one for alarms.

use super::desk::Desk;
use crate::view::{Player, Speed, Weight};
use yew::prelude::*;

const PAUSE_MS: f64 = 1_500.0;

/// What is being said.
#[derive(Default)]
pub(super) struct Speech {
    heard: u64,
    said_at: f64,
    waiting: Vec<String>,
    polite: String,
    alarm: String,
}

impl Speech {
    /// Takes in what was told since the last time, and says what is due. Above speed 1, daily business is not said.
    pub(super) fn hear(&mut self, desk: &Desk) {
        let least = if desk.playing() && desk.speed() > Speed::ONE { Weight::Notable } else { Weight::Routine };
        let last = desk.with(|player| player.lines().back().map_or(0, |(n, _)| *n)).unwrap_or(0);
        if last < self.heard {
            // Another session counts its lines anew.
            self.heard = 0;
        }
        // What is told again at another moment is not news.
        self.heard = self.heard.max(desk.with(Player::recalled).unwrap_or(0));
        let heard = self.heard;
        let fresh = |player: &Player| {
            let new = player.lines().iter().filter(|(n, _)| *n > heard);
            new.map(|(n, line)| (*n, line.weight, line.text.clone())).collect::<Vec<_>>()
        };
        for (n, weight, text) in desk.with(fresh).unwrap_or_default() {
            self.heard = n;
            if weight == Weight::Alarm {
                self.alarm = text;
            } else if weight >= least {
                self.waiting.push(text);
            }
        }
        let now = gloo::utils::window().performance().map_or(0.0, |p| p.now());
        if now - self.said_at >= PAUSE_MS && !self.waiting.is_empty() {
            self.said_at = now;
            self.polite = merge(&std::mem::take(&mut self.waiting));
        }
    }

    /// The two regions.
    pub(super) fn regions(&self) -> Html {
        html! {
            <>
                <p class="vh" aria-live="polite" id="narrative">{ &self.polite }</p>
                <p class="vh" aria-live="assertive" id="alarm">{ &self.alarm }</p>
            </>
        }
    }
}

/// Several sentences as one that can be said in time: the last, and how many came before it.
fn merge(sentences: &[String]) -> String {
    match sentences {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{last} {} more before it.", rest.len()),
    }
}
