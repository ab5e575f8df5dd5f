//! What a `producer` line says of the records that it sends by itself: `--rate`, `--burst`, `--keys`, `--value-size`.

use crate::base::SimDuration;
use crate::client::{Burst, Keys};
use crate::script::cursor::Word;
use crate::script::error::Error;

/// The largest `--value-size`: far beyond Kafka's default limit on messages, near nobody's memory.
const MAX_VALUE_SIZE: usize = 16 << 20;
/// The most keys that a workload draws from.
const MAX_KEYS: u32 = 1_000_000;
/// The most records of a burst.
const MAX_BURST: u32 = 100_000;
const MICROS_PER_SECOND: u64 = 1_000_000;

/// The time between two records at a rate such as `5/s`, `0.5/s`, `30/m`.
pub(super) fn rate(word: &Word) -> Result<SimDuration, Error> {
    let wrong = || word.error(format!("`{}` is no rate; it is a number and a unit, such as 5/s or 30/m", word.text));
    let (number, unit) = word.text.split_once('/').ok_or_else(wrong)?;
    let unit_us = match unit {
        "s" => MICROS_PER_SECOND,
        "m" => 60 * MICROS_PER_SECOND,
        "h" => 3_600 * MICROS_PER_SECOND,
        _ => return Err(wrong()),
    };
    let (count, scale) = decimal(number, 6).ok_or_else(wrong)?;
    match unit_us.checked_mul(scale).and_then(|unit| unit.checked_div(count)) {
        Some(interval @ 1..) => Ok(SimDuration(interval)),
        Some(0) => Err(word.error(format!("`{}` is too fast; at most 1000000/s", word.text))),
        _ => Err(word.error(format!("`{}` sends nothing; leave `--rate` out to send by hand", word.text))),
    }
}

/// `100/5s`: a hundred records every five seconds.
pub(super) fn burst(word: &Word) -> Result<Burst, Error> {
    let parsed = word.text.split_once('/').and_then(|(records, interval)| {
        let records = records.parse().ok().filter(|records| (1..=MAX_BURST).contains(records))?;
        let interval = interval.parse().ok().filter(|interval: &SimDuration| interval.0 > 0)?;
        Some(Burst { records, interval })
    });
    let message = || {
        let text = &word.text;
        format!("`{text}` is no burst; it is a number (1 to {MAX_BURST}) and a duration, such as 100/5s")
    };
    parsed.ok_or_else(|| word.error(message()))
}

/// `none`, `uniform:10`, `zipf:1000`, `zipf:1000,0.9` or `hot:10,0.8`.
pub(super) fn keys(word: &Word) -> Result<Keys, Error> {
    let parsed = match word.text.split_once(':') {
        None if word.text == "none" => Some(Keys::None),
        Some(("uniform", keys)) => count_of_keys(keys).map(Keys::Uniform),
        Some(("zipf", rest)) => {
            let (keys, exponent) = rest.split_once(',').unwrap_or((rest, "1"));
            let exponent_thousandths = thousandths(exponent).filter(|exponent| (1..=10_000).contains(exponent));
            count_of_keys(keys)
                .zip(exponent_thousandths)
                .map(|(keys, exponent_thousandths)| Keys::Zipf { keys, exponent_thousandths })
        }
        Some(("hot", rest)) => rest.split_once(',').and_then(|(keys, share)| {
            let share_thousandths = thousandths(share).filter(|share| *share <= 1_000)?;
            Some(Keys::Hot { keys: count_of_keys(keys)?, share_thousandths })
        }),
        _ => None,
    };
    let message = || {
        let text = &word.text;
        format!(
            "`{text}` says no keys; they are `none`, `uniform:10`, `zipf:10` or `zipf:10,0.9` (the exponent), or \
             `hot:10,0.8` (the share of the first), with 1 to {MAX_KEYS} keys"
        )
    };
    parsed.ok_or_else(|| word.error(message()))
}

/// `100` or `50-200`: bytes.
pub(super) fn value_size(word: &Word) -> Result<(usize, usize), Error> {
    let number = |text: &str| text.parse::<usize>().ok().filter(|size| *size <= MAX_VALUE_SIZE);
    let parsed = match word.text.split_once('-') {
        None => number(&word.text).map(|size| (size, size)),
        Some((least, most)) => number(least).zip(number(most)).filter(|(least, most)| least <= most),
    };
    let message = || {
        let text = &word.text;
        format!("`{text}` where a number of bytes from 0 to {MAX_VALUE_SIZE} belongs, or two such as 50-200")
    };
    parsed.ok_or_else(|| word.error(message()))
}

fn count_of_keys(text: &str) -> Option<u32> {
    text.parse().ok().filter(|keys| (1..=MAX_KEYS).contains(keys))
}

/// A number with up to three decimals, times a thousand.
fn thousandths(text: &str) -> Option<u32> {
    let (count, scale) = decimal(text, 3)?;
    u32::try_from(count.checked_mul(1_000)? / scale).ok()
}

/// A number with decimals as a whole number over a power of ten.
fn decimal(text: &str, most_decimals: usize) -> Option<(u64, u64)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let all_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || text.ends_with('.') || fraction.len() > most_decimals {
        return None;
    }
    let digits = (all_digits(whole) && all_digits(fraction)).then(|| format!("{whole}{fraction}"))?;
    Some((digits.parse().ok()?, 10u64.pow(fraction.len() as u32)))
}
