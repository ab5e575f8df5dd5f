//! Moments and spans of time as Java reads and writes them.

use crate::client::admin::Throwable;

/// A moment as log4j writes it (`%d`): `2026-01-01 00:00:01,518`, in UTC.
pub(in crate::tools) fn log_time(wall_clock_ms: i64) -> String {
    let days = wall_clock_ms.div_euclid(MS_PER_DAY);
    let ms = wall_clock_ms.rem_euclid(MS_PER_DAY);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02},{:03}", ms % 1_000)
}

const MS_PER_DAY: i64 = 86_400_000;

/// The civil date of a day since 1970-01-01 (proleptic Gregorian).
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// The day since 1970-01-01 of a civil date, if there is such a date.
fn days_of(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year.rem_euclid(400);
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    (civil(days) == (year, month, day)).then_some(days)
}

/// A moment such as `2026-01-01T12:00:00.000` or `…+02:00` in ms since the Unix epoch (`Utils.getDateTime`); without a
/// zone it is UTC.
///
/// # Errors
/// `ParseException`.
pub(in crate::tools) fn parse_date_time(text: &str) -> Result<i64, Throwable> {
    let wrong = |message: String| Throwable::new("java.text.ParseException", message);
    let parts = super::split(text, 'T');
    if parts.len() < 2 {
        return Err(wrong("Error parsing timestamp. It does not contain a 'T' according to ISO8601 format".into()));
    }
    let text = match parts[1].contains(['+', '-', 'Z']) {
        true => text.to_owned(),
        false => format!("{text}Z"),
    };
    date_time(&text).ok_or_else(|| wrong(format!("Unparseable date: \"{text}\"")))
}

fn date_time(text: &str) -> Option<i64> {
    let (date, time) = text.split_once('T')?;
    let mut date = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let days = days_of(date.next()??, date.next()??, date.next()??)?;
    let zone_at = time.find(['Z', '+', '-'])?;
    let (time, zone) = time.split_at(zone_at);
    let (time, millis) = time.split_once('.')?;
    let mut time = time.splitn(3, ':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    let millis: i64 = millis.parse().ok().filter(|ms| (0..1_000).contains(ms))?;
    if !(0..24).contains(&hour) || !(0..60).contains(&minute) || !(0..60).contains(&second) {
        return None;
    }
    let local = days * MS_PER_DAY + ((hour * 60 + minute) * 60 + second) * 1_000 + millis;
    Some(local - zone_offset_ms(zone)?)
}

/// `Z`, `+02`, or `+02:00`; what follows is not looked at, as `DateFormat.parse` does.
fn zone_offset_ms(zone: &str) -> Option<i64> {
    let sign = match zone.as_bytes().first()? {
        b'Z' => return Some(0),
        b'+' => 1,
        _ => -1,
    };
    let hours: i64 = zone.get(1..3)?.parse().ok().filter(|hours| (0..24).contains(hours))?;
    let minutes = match zone.get(3..6).and_then(|rest| rest.strip_prefix(':')) {
        Some(minutes) => minutes.parse::<i64>().ok().filter(|minutes| (0..60).contains(minutes))?,
        None => 0,
    };
    Some(sign * (hours * 60 + minutes) * 60_000)
}

/// A span such as `P1DT2H30M` in ms (`Duration.parse`).
///
/// # Errors
/// `DateTimeParseException`.
pub(in crate::tools) fn parse_duration_ms(text: &str) -> Result<i64, Throwable> {
    duration_ms(text).ok_or_else(|| {
        let class = "java.time.format.DateTimeParseException";
        Throwable::new(class, "Text cannot be parsed to a Duration")
    })
}

fn duration_ms(text: &str) -> Option<i64> {
    let upper = text.to_ascii_uppercase();
    let (negated, rest) = match upper.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, upper.strip_prefix('+').unwrap_or(&upper)),
    };
    let rest = rest.strip_prefix('P')?;
    let (days, time) = match rest.split_once('T') {
        Some((days, time)) if !time.is_empty() => (days, Some(time)),
        Some(_) => return None,
        None => (rest, None),
    };
    let mut total = 0i64;
    let mut found = false;
    if !days.is_empty() {
        total += number(days.strip_suffix('D')?)? * MS_PER_DAY;
        found = true;
    }
    let mut left = time.unwrap_or_default();
    for (unit, ms) in [('H', 3_600_000), ('M', 60_000)] {
        if let Some((value, rest)) = left.split_once(unit) {
            total += number(value)? * ms;
            left = rest;
            found = true;
        }
    }
    if !left.is_empty() {
        total += seconds_ms(left.strip_suffix('S')?)?;
        found = true;
    }
    found.then_some(if negated { -total } else { total })
}

fn number(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

fn seconds_ms(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once(['.', ',']).unwrap_or((text, ""));
    if fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let ms: i64 = format!("{fraction:0<3}")[..3].parse().ok()?;
    let sign = if whole.starts_with('-') { -1 } else { 1 };
    Some(number(whole)? * 1_000 + sign * ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_and_read() {
        assert_eq!(log_time(1_767_225_601_518), "2026-01-01 00:00:01,518");
        assert_eq!(log_time(-1), "1969-12-31 23:59:59,999");
        assert_eq!(parse_date_time("2026-01-01T00:00:01.518").ok(), Some(1_767_225_601_518));
        assert_eq!(parse_date_time("2026-01-01T02:00:01.518+02:00").ok(), Some(1_767_225_601_518));
        assert_eq!(parse_date_time("2026-01-01T02:00:01.518+02").ok(), Some(1_767_225_601_518));
        assert_eq!(parse_date_time("2024-02-29T00:00:00.000Z").ok(), Some(1_709_164_800_000));
        for wrong in ["2026-13-01T00:00:00.000", "2025-02-29T00:00:00.000", "2026-01-01T00:00:00", "T", "xTy"] {
            assert!(parse_date_time(wrong).is_err(), "{wrong}");
        }
        assert!(parse_date_time("yesterday").unwrap_err().message().contains("It does not contain a 'T'"));
    }

    #[test]
    fn spans_are_read() {
        for (text, ms) in [
            ("PT1H30M", Some(5_400_000)),
            ("P1D", Some(MS_PER_DAY)),
            ("p2dt3.25s", Some(2 * MS_PER_DAY + 3_250)),
            ("-PT1M", Some(-60_000)),
            ("PT-1M", Some(-60_000)),
            ("PT", None),
            ("P", None),
            ("1h", None),
            ("P1H", None),
        ] {
            assert_eq!(parse_duration_ms(text).ok(), ms, "{text}");
        }
    }
}
