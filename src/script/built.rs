//! What this build cannot do yet. The grammar is whole; what it reads and the engine lacks is refused here, by name, so
//! that nothing is ever silently left out.

use super::ast::{Fault, Statement};
use super::expression::Query;

/// Why a cluster of this many brokers cannot be run, if it cannot.
pub(super) fn missing_cluster(brokers: usize) -> Option<&'static str> {
    (brokers != 1).then_some("this build runs one broker; clusters of several are not built yet")
}

/// Why a statement cannot be run, if it cannot.
pub(super) fn missing_statement(statement: &Statement) -> Option<String> {
    let what = match statement {
        Statement::Fault(fault) => return missing_fault(fault),
        Statement::Poll(_) => "`poll`",
        Statement::Commit(_) => "`commit`",
        Statement::At { then, .. } => return missing_statement(&then.kind),
        _ => return None,
    };
    Some(format!("{what} is not built yet: in this build a consumer polls by itself and has no group to commit to"))
}

/// Why a fault cannot be done, if it cannot.
fn missing_fault(fault: &Fault) -> Option<String> {
    let verb = match fault {
        Fault::PowerLoss(_) => "power-loss",
        Fault::Stop(_) => "stop",
        Fault::Start(_) => "start",
        Fault::Drop(_) => "drop",
        Fault::SlowDisk(..) => "slow disk",
        Fault::SlowCpu(..) => "slow cpu",
        _ => return None,
    };
    Some(not_yet(&format!("`{verb}`")))
}

/// Why a function cannot be answered, if it cannot.
pub(super) fn missing_query(query: &Query) -> Option<String> {
    let name = match query {
        Query::Duplicates(_) => "duplicates",
        Query::Lag(..) => "lag",
        Query::Committed(..) => "committed",
        Query::Assigned(_) => "assigned",
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
