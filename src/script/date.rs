//! Dates in UTC, as scripts write them: `2026-01-01T00:00:00Z`.

/// Milliseconds since the Unix epoch, of a date between 1970 and 9999; a day alone is its midnight.
pub(super) fn parse_utc(text: &str) -> Option<i64> {
    let (day, time) = match text.split_once('T') {
        Some((day, time)) => (day, time.strip_suffix('Z')?),
        None => (text, "00:00:00"),
    };
    let (seconds, millis) = match time.split_once('.') {
        Some((seconds, millis)) => (seconds, digits(millis, 3)?),
        None => (time, 0),
    };
    let [year, month, date] = numbers(day, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(seconds, ':', [2, 2, 2])?;
    let in_range =
        (1970..=9999).contains(&year) && (1..=12).contains(&month) && hour < 24 && minute < 60 && second < 60;
    if !in_range || !(1..=days_in(year, month)).contains(&date) {
        return None;
    }
    let days: i64 =
        (1970..year).map(days_of).sum::<i64>() + (1..month).map(|m| days_in(year, m)).sum::<i64>() + date - 1;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000 + millis)
}

/// A moment as scripts write it: `2026-01-01T00:00:00.000Z`, from milliseconds since the Unix epoch.
pub fn format_utc(ms: i64) -> String {
    let (mut days, rest) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    let (mut year, mut month) = (1970, 1);
    while days >= days_of(year) {
        days -= days_of(year);
        year += 1;
    }
    while days >= days_in(year, month) {
        days -= days_in(year, month);
        month += 1;
    }
    let (hour, minute, second, millis) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1_000 % 60, rest % 1_000);
    format!("{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z", days + 1)
}

fn numbers(text: &str, separator: char, widths: [usize; 3]) -> Option<[i64; 3]> {
    let mut parts = text.split(separator);
    let mut next = |width| digits(parts.next()?, width);
    let all = [next(widths[0])?, next(widths[1])?, next(widths[2])?];
    parts.next().is_none().then_some(all)
}

fn digits(text: &str, width: usize) -> Option<i64> {
    let fits = text.len() == width && text.bytes().all(|b| b.is_ascii_digit());
    fits.then(|| text.parse().ok())?
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of(year: i64) -> i64 {
    if is_leap(year) { 366 } else { 365 }
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::{format_utc, parse_utc};

    #[test]
    fn dates_are_written_as_they_are_read() {
        for ms in [0, 1, 951_782_399_999, 1_709_164_800_000, 1_767_225_600_000, 1_798_761_599_123, 4_102_444_800_000] {
            assert_eq!(parse_utc(&format_utc(ms)), Some(ms));
        }
        assert_eq!(format_utc(1_767_225_600_000), "2026-01-01T00:00:00.000Z");
    }

    #[test]
    fn dates_are_read_and_nonsense_is_not() {
        assert_eq!(parse_utc("2026-01-01T00:00:00Z"), Some(1_767_225_600_000));
        assert_eq!(parse_utc("2024-02-29"), Some(1_709_164_800_000));
        assert_eq!(parse_utc("1970-01-01T00:00:01.500Z"), Some(1_500));
        for bad in ["2026-02-29", "2026-13-01", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00", "tomorrow", "-1-1-1"] {
            assert_eq!(parse_utc(bad), None, "{bad}");
        }
    }
}
