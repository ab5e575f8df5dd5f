//! The trace hash's hasher.

use postcard::ser_flavors::Flavor;
use serde::Serialize;
use xxhash_rust::xxh3::Xxh3;

/// A running 64-bit XXH3 over the bytes of a world's trace: same history, same value, on every platform.
#[derive(Clone)]
pub struct TraceHasher {
    hash: Box<Xxh3>,
    /// What has happened and is not in the hash yet: a few events are taken in at a time.
    buffer: Vec<u8>,
}

/// Bytes that are taken in together.
const TOGETHER: usize = 1_024;

/// Writes to memory that is used again and again, a piece at a time: postcard's own writes byte by byte.
struct Appended<'a>(&'a mut Vec<u8>);

impl Flavor for Appended<'_> {
    type Output = ();

    fn try_extend(&mut self, data: &[u8]) -> postcard::Result<()> {
        // Most pieces are numbers, of a byte or three.
        match data.len() {
            ..=10 => data.iter().for_each(|byte| self.0.push(*byte)),
            _ => self.0.extend_from_slice(data),
        }
        Ok(())
    }

    fn try_push(&mut self, data: u8) -> postcard::Result<()> {
        self.0.push(data);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

impl TraceHasher {
    /// The hash of nothing yet.
    pub fn new() -> Self {
        Self { hash: Box::new(Xxh3::new()), buffer: Vec::new() }
    }

    /// Takes in what happened next.
    pub fn update(&mut self, event: &impl Serialize) {
        postcard::serialize_with_flavor(event, Appended(&mut self.buffer)).expect("an event can be written to memory");
        if self.buffer.len() >= TOGETHER {
            self.hash.update(&self.buffer);
            self.buffer.clear();
        }
    }

    /// The hash of all bytes so far; more may follow.
    pub fn value(&self) -> u64 {
        let mut hash = self.hash.clone();
        hash.update(&self.buffer);
        hash.digest()
    }
}

impl Default for TraceHasher {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for TraceHasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TraceHasher({:016x})", self.value())
    }
}
