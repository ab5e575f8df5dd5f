//! Key tokens: the colour and shape by which a record's key is recognised wherever the record is drawn.

use crate::base::murmur2;
use std::sync::Arc;

/// A shape; its colour has the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Token 0.
    Circle,
    /// Token 1.
    Square,
    /// Token 2.
    Triangle,
    /// Token 3.
    Diamond,
    /// Token 4.
    BowTie,
    /// Token 5.
    Plus,
    /// Token 6, also for records without a key.
    Bar,
}

/// A key's token: 0 to 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token(pub u8);

impl Token {
    /// How many tokens there are.
    pub const COUNT: u8 = 7;

    /// The token of a key. Keys that end in a number take it in turn, so that `key-00` to `key-06` all differ; other
    /// keys take what their hash gives, and a record without a key is a bar.
    pub fn of(key: Option<&str>) -> Self {
        let Some(key) = key else { return Self(6) };
        let digits = key.len() - key.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        let number = key[key.len() - digits..].parse::<u64>();
        let n = number.unwrap_or_else(|_| u64::from(murmur2(key.as_bytes()) & 0x7fff_ffff));
        Self((n % u64::from(Self::COUNT)) as u8)
    }

    /// Its shape.
    pub fn shape(self) -> Shape {
        match self.0 {
            0 => Shape::Circle,
            1 => Shape::Square,
            2 => Shape::Triangle,
            3 => Shape::Diamond,
            4 => Shape::BowTie,
            5 => Shape::Plus,
            _ => Shape::Bar,
        }
    }

    /// Its shape in a word, for people who do not see it.
    pub fn word(self) -> &'static str {
        ["circle", "square", "triangle", "diamond", "bow tie", "plus", "bar"][usize::from(self.0.min(6))]
    }
}

/// A key as a label: text as it is, cut at 12 characters; bytes that are not text in hex.
pub fn key_label(key: &[u8]) -> Arc<str> {
    match std::str::from_utf8(key) {
        Ok(text) if text.chars().count() <= 12 => text.into(),
        Ok(text) => text.chars().take(11).chain(['…']).collect::<String>().into(),
        Err(_) => key.iter().take(5).map(|b| format!("{b:02x}")).chain(["…".into()]).collect::<String>().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbered_keys_differ_and_all_keys_have_a_token() {
        let tokens: Vec<u8> = (0..7).map(|n| Token::of(Some(&format!("key-{n:02}"))).0).collect();
        assert_eq!(tokens, [0, 1, 2, 3, 4, 5, 6]);
        for key in ["", "a", "cart", "99999999999999999999999", "ключ", "x7y"] {
            assert!(Token::of(Some(key)).0 < Token::COUNT, "{key}");
        }
        assert_eq!(Token::of(None).shape(), Shape::Bar);
    }

    #[test]
    fn labels_stay_short() {
        assert_eq!(&*key_label(b"cart-04"), "cart-04");
        assert_eq!(key_label("a very long key indeed".as_bytes()).chars().count(), 12);
        assert_eq!(&*key_label(&[0xff, 1]), "ff01…");
    }
}
