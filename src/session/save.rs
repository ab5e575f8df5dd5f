//! The save format, version 2. Version 1, which knew no outside, is read too.
//!
//! ```text
//! 8 bytes   "KTERRASV"
//! 2 bytes   format version, little endian
//! 8 bytes   length of the rest
//! 8 bytes   XXH3 of the rest, seeded with the format version
//! the rest  Save, in postcard
//! ```

use super::checkpoints::Checkpoint;
use super::load::LoadError;
use super::{FromOutside, Session, Typed};
use crate::base::SimTime;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The version of the save format that this build writes, the highest that it reads.
pub const FORMAT_VERSION: u16 = 2;

/// The engine's version. Another version may have another history for the same script and seed; then loading says so.
pub const ENGINE_VERSION: &str = env!("CARGO_PKG_VERSION");

const MAGIC: &[u8; 8] = b"KTERRASV";
const HEADER: usize = 8 + 2 + 8 + 8;

/// What a save holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Save {
    pub(super) engine: String,
    pub(super) title: Option<String>,
    pub(super) script: String,
    pub(super) seed: u64,
    pub(super) log: Vec<Typed>,
    /// Where the run stood.
    pub(super) position: Checkpoint,
    pub(super) checkpoints: Vec<Checkpoint>,
    pub(super) outside: Vec<FromOutside>,
}

/// What a save of version 1 holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SaveV1 {
    pub(super) engine: String,
    pub(super) title: Option<String>,
    pub(super) script: String,
    pub(super) seed: u64,
    pub(super) log: Vec<Typed>,
    pub(super) position: Checkpoint,
    pub(super) checkpoints: Vec<Checkpoint>,
}

impl From<SaveV1> for Save {
    fn from(save: SaveV1) -> Self {
        let SaveV1 { engine, title, script, seed, log, position, checkpoints } = save;
        Self { engine, title, script, seed, log, position, checkpoints, outside: Vec::new() }
    }
}

impl Session {
    /// The session as bytes, for a file or a store.
    ///
    /// # Panics
    /// After [`Session::forget_outside`]: such a run could not be replayed.
    pub fn to_save(&self) -> Vec<u8> {
        let outside = self.outside.as_ref().expect("a run is saved that keeps what comes from outside");
        let save = Save {
            engine: ENGINE_VERSION.into(),
            title: self.title.clone(),
            script: self.source.to_string(),
            seed: self.seed(),
            log: self.log.iter().cloned().collect(),
            position: Checkpoint::of(self.world()),
            checkpoints: self.checkpoints.all().copied().collect(),
            outside: outside.iter().cloned().collect(),
        };
        save.to_bytes()
    }
}

/// What a save says of itself, without being replayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// The session's title, if it has one.
    pub title: Option<String>,
    /// The seed.
    pub seed: u64,
    /// How far the world had come.
    pub at: SimTime,
    /// How many commands had been typed.
    pub commands: usize,
}

/// Reads what a save says of itself.
///
/// # Errors
/// When the bytes are no save that this version reads.
pub fn describe(bytes: &[u8]) -> Result<Described, LoadError> {
    let save = Save::from_bytes(bytes)?;
    Ok(Described { title: save.title, seed: save.seed, at: save.position.at, commands: save.log.len() })
}

/// The same save with another title.
///
/// # Errors
/// When the bytes are no save that this version reads.
pub fn retitled(bytes: &[u8], title: &str) -> Result<Vec<u8>, LoadError> {
    let save = Save { title: Some(title.to_owned()), ..Save::from_bytes(bytes)? };
    Ok(save.to_bytes())
}

impl Save {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        sealed(self, FORMAT_VERSION)
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, LoadError> {
        let magic_seen = &bytes[..bytes.len().min(MAGIC.len())];
        if bytes.is_empty() || !MAGIC.starts_with(magic_seen) {
            return Err(LoadError::NotASave);
        }
        let Some((header, body)) = bytes.split_at_checked(HEADER) else { return Err(LoadError::Truncated) };
        let version = u16::from_le_bytes([header[8], header[9]]);
        if version > FORMAT_VERSION {
            return Err(LoadError::NewerFormat { version });
        }
        let length = number(&header[10..18]);
        if (body.len() as u64) < length {
            return Err(LoadError::Truncated);
        }
        if body.len() as u64 != length || version == 0 || checksum(body, version) != number(&header[18..26]) {
            return Err(LoadError::Corrupted);
        }
        let (save, rest): (Self, _) = match version {
            1 => postcard::take_from_bytes::<SaveV1>(body).map(|(save, rest)| (save.into(), rest)),
            _ => postcard::take_from_bytes(body),
        }
        .map_err(|_| LoadError::Corrupted)?;
        if !rest.is_empty() || !save.is_in_order() {
            return Err(LoadError::Corrupted);
        }
        Ok(save)
    }

    /// Whether its places in history follow each other.
    fn is_in_order(&self) -> bool {
        let typed = self.log.iter().map(|typed| (typed.steps, typed.at));
        let taken = self.checkpoints.iter().map(|checkpoint| (checkpoint.steps, checkpoint.at));
        let end = (self.position.steps, self.position.at);
        let came = self.outside.iter().map(|came| (came.steps, came.at));
        let after = self.outside.iter().map(|came| (u64::from(came.typed), SimTime::ZERO));
        let all = (self.log.len() as u64, SimTime::ZERO);
        follow(typed.chain([end]))
            && follow(taken.chain([end]))
            && follow(came.chain([end]))
            && follow(after.chain([all]))
    }
}

/// A body behind its header.
pub(super) fn sealed(save: &impl Serialize, version: u16) -> Vec<u8> {
    let body = postcard::to_allocvec(save).expect("a save can be written to memory");
    let mut bytes = Vec::with_capacity(HEADER + body.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&version.to_le_bytes());
    bytes.extend_from_slice(&(body.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&checksum(&body, version).to_le_bytes());
    bytes.extend_from_slice(&body);
    bytes
}

/// Whether no place in history stands behind one that follows it.
fn follow(places: impl Iterator<Item = (u64, SimTime)> + Clone) -> bool {
    places.clone().zip(places.skip(1)).all(|(a, b)| a.0 <= b.0 && a.1 <= b.1)
}

fn checksum(body: &[u8], version: u16) -> u64 {
    xxh3_64_with_seed(body, u64::from(version))
}

/// Eight bytes, little endian.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}
