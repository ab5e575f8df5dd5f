//! What a topic may be called.

use super::result::ApiError;
use crate::wire::ErrorCode;

/// Kafka's limit on the length of a topic's name, set by file names of 255 characters.
const MAX_NAME_LENGTH: usize = 249;

/// Checks the name of a new topic: legal, neither taken nor too like one of those that exist.
pub(super) fn check_new_topic_name<'a>(
    name: &str,
    existing: impl IntoIterator<Item = &'a str>,
) -> Result<(), ApiError> {
    check_topic_name(name)?;
    // Metric names replace '.' by '_', so two such names would share their metrics.
    let folded = |name: &str| name.replace('.', "_");
    let mut like = None;
    for other in existing {
        if other == name {
            return Err(ApiError::new(ErrorCode::TOPIC_ALREADY_EXISTS, format!("Topic '{name}' already exists.")));
        }
        if like.is_none() && name.contains(['.', '_']) && folded(other) == folded(name) {
            like = Some(other);
        }
    }
    match like {
        Some(other) => Err(invalid(format!("Topic '{name}' collides with existing topic: {other}"))),
        None => Ok(()),
    }
}

/// Checks that a name is one that a topic can have.
///
/// # Errors
/// INVALID_TOPIC_EXCEPTION with Kafka's message.
pub fn check_topic_name(name: &str) -> Result<(), ApiError> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let what = match name {
        "" => "the empty string is not allowed".to_string(),
        "." | ".." => format!("'{name}' is not allowed"),
        _ if name.len() > MAX_NAME_LENGTH => {
            format!("the length of '{name}' is longer than the max allowed length {MAX_NAME_LENGTH}")
        }
        _ if !name.chars().all(legal) => {
            format!("'{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'")
        }
        _ => return Ok(()),
    };
    Err(invalid(format!("Topic name is invalid: {what}")))
}

fn invalid(message: String) -> ApiError {
    ApiError::new(ErrorCode::INVALID_TOPIC_EXCEPTION, message)
}
