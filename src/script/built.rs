//! What this build cannot do yet. The grammar is whole; what it reads and the engine lacks is refused here, by name, so
//! that nothing is ever silently left out.

use super::expression::Query;

/// Why a function cannot be answered, if it cannot.
pub(super) fn missing_query(query: &Query) -> Option<String> {
    let name = match query {
        Query::Lag(..) => "lag",
        Query::Committed(..) => "committed",
        Query::Members(_) => "members",
        Query::Generation(_) => "generation",
        Query::GroupState(_) => "state",
        Query::Coordinator(_) => "coordinator",
        _ => return None,
    };
    Some(format!("`{name}` of a group is not built yet: this build has no consumer groups"))
}

/// The message for a tool, a flag or a value that Kafka or the language has and this build has not.
pub(super) fn not_yet(what: &str) -> String {
    format!("{what} is not built yet")
}
