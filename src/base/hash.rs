//! The trace hash's hasher.

use xxhash_rust::xxh3::Xxh3;

/// A running 64-bit XXH3 over the bytes of a world's trace: same history, same value, on every platform.
#[derive(Clone)]
pub struct TraceHasher(Box<Xxh3>);

impl TraceHasher {
    /// The hash of nothing yet.
    pub fn new() -> Self {
        Self(Box::new(Xxh3::new()))
    }

    /// Takes in more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash of all bytes so far; more may follow.
    pub fn value(&self) -> u64 {
        self.0.digest()
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
