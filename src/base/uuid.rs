//! UUIDs as Kafka writes them.

use uuid::Uuid;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A UUID as Kafka writes it: 22 characters of URL-safe base64 without padding.
pub fn uuid_text(id: Uuid) -> String {
    let bits = id.as_u128();
    (0..22)
        .map(|n| ((if n < 21 { bits >> (122 - 6 * n) } else { bits << 4 }) & 63) as usize)
        .map(|i| ALPHABET[i] as char)
        .collect()
}

/// The UUID that [`uuid_text`] writes so, as Kafka reads it (`Uuid.fromString`): base64 of 16 bytes, in which the last
/// character's four low bits do not count.
///
/// # Errors
/// Kafka's message.
pub fn uuid_from_text(text: &str) -> Result<Uuid, String> {
    if text.len() > 24 {
        let prefix: String = text.chars().take(24).collect();
        return Err(format!("Input string with prefix `{prefix}` is too long to be decoded as a base64 UUID"));
    }
    let digits = text.trim_end_matches('=');
    let mut bits: u128 = 0;
    for (n, c) in digits.bytes().enumerate() {
        let value =
            ALPHABET.iter().position(|known| *known == c).ok_or_else(|| format!("Illegal base64 character {c:x}"))?;
        match n {
            0..21 => bits = bits << 6 | value as u128,
            21 => bits = bits << 2 | (value as u128 >> 4),
            _ => {}
        }
    }
    match digits.len() {
        22 => Ok(Uuid::from_u128(bits)),
        length => {
            let what = format!("Input string `{text}` decoded as {} bytes", length * 6 / 8);
            Err(format!("{what}, which is not equal to the expected 16 bytes of a base64-encoded UUID"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_print_as_kafka_prints_them() {
        let text = |s: &str| uuid_text(s.parse().unwrap());
        assert_eq!(text("00000000-0000-0000-0000-000000000001"), "AAAAAAAAAAAAAAAAAAAAAQ");
        assert_eq!(text("ffffffff-ffff-ffff-ffff-ffffffffffff"), "_____________________w");
    }

    #[test]
    fn what_is_printed_is_read() {
        for id in [Uuid::nil(), Uuid::from_u128(0x0123_4567_89ab_cdef_0fed_cba9_8765_4321), Uuid::max()] {
            assert_eq!(uuid_from_text(&uuid_text(id)), Ok(id));
        }
        assert!(uuid_from_text("short").unwrap_err().contains("decoded as 3 bytes"));
        assert!(uuid_from_text("!").is_err());
    }
}
