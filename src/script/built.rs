//! What this build cannot do yet. The grammar is whole; what it reads and the engine lacks is refused here, by name, so
//! that nothing is ever silently left out.

use super::ast::Statement;
use super::expression::Query;

/// Why a statement cannot be run, if it cannot.
pub(super) fn missing_statement(statement: &Statement) -> Option<String> {
    let what = match statement {
        Statement::Poll(_) => "`poll`",
        Statement::Commit(_) => "`commit`",
        Statement::At { then, .. } => return missing_statement(&then.kind),
        _ => return None,
    };
    Some(format!("{what} is not built yet: in this build a consumer polls by itself and has no group to commit to"))
}

/// Why a function cannot be answered, if it cannot.
pub(super) fn missing_query(query: &Query) -> Option<String> {
    let name = match query {
        Query::Duplicates(_) => "duplicates",
        Query::Assigned(_) => "assigned",
        _ => return None,
    };
    Some(format!("`{name}` is not built yet: in this build a consumer is in no group"))
}

/// The message for a tool, a flag or a value that Kafka or the language has and this build has not.
pub(super) fn not_yet(what: &str) -> String {
    format!("{what} is not built yet")
}
