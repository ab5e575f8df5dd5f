//! What this build cannot do yet. The grammar is whole; what it reads and the engine lacks is refused here, by name, so
//! that nothing is ever silently left out.

/// The message for a tool, a flag or a value that Kafka or the language has and this build has not.
pub(super) fn not_yet(what: &str) -> String {
    format!("{what} is not built yet")
}
