//! What a coordinator reads of the consumers' embedded protocol: which topics a member subscribes to.
//!
//! To the coordinator a member's metadata is bytes, but one thing it must know, so that offsets of a topic in use are
//! neither deleted nor expired. It reads the part that every version begins with.

use crate::wire::StrBytes;
use bytes::{Buf, Bytes};

/// The topics of a consumer's subscription (`ConsumerProtocolSubscription` version 0); `None` for bytes that are none.
pub(super) fn subscribed_topics(metadata: &Bytes) -> Option<Vec<StrBytes>> {
    let mut input = metadata.clone();
    let _version = input.try_get_i16().ok()?;
    let count = usize::try_from(input.try_get_i32().ok()?).ok()?;
    // Every topic has a length of two bytes at least: a count beyond that is a lie, and must not allocate.
    if count > input.len() / 2 {
        return None;
    }
    let topics = (0..count).map(|_| topic(&mut input)).collect::<Option<_>>()?;
    // The user data that follows must be there too, though nothing is read of it.
    let user_data = input.try_get_i32().ok()?;
    (i64::from(user_data) <= input.len() as i64).then_some(topics)
}

fn topic(input: &mut Bytes) -> Option<StrBytes> {
    let length = usize::try_from(input.try_get_i16().ok()?).ok()?;
    if length > input.len() {
        return None;
    }
    StrBytes::from_utf8(input.split_to(length)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_read_whatever_follows() {
        let v3 = [0, 3, 0, 0, 0, 1, 0, 1, b't', 255, 255, 255, 255, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255];
        let topics = subscribed_topics(&Bytes::copy_from_slice(&v3)).unwrap();
        assert_eq!(topics, [StrBytes::from_static_str("t")]);
        assert_eq!(subscribed_topics(&Bytes::from_static(&[0, 0, 0, 0, 0, 0, 255, 255, 255, 255])), Some(vec![]));
    }

    #[test]
    fn other_bytes_are_no_subscription() {
        let v3 = [0, 3, 0, 0, 0, 1, 0, 1, b't', 255, 255, 255, 255];
        for end in 0..v3.len() {
            assert_eq!(subscribed_topics(&Bytes::copy_from_slice(&v3[..end])), None, "cut at {end}");
        }
        assert_eq!(subscribed_topics(&Bytes::from_static(&[0, 0, 127, 255, 255, 255, 0])), None);
        assert_eq!(subscribed_topics(&Bytes::from_static(&[0, 0, 255, 255, 255, 255, 0, 0, 0, 0])), None);
    }
}
