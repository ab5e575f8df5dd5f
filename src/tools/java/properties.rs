//! Property files (`java.util.Properties.load`): `key=value` lines.

/// The properties of a file, the last of a key being the one that counts.
pub(in crate::tools) fn properties(text: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let start = line.trim_start();
        if start.is_empty() || start.starts_with(['#', '!']) {
            continue;
        }
        let mut logical = start.to_owned();
        while logical.chars().rev().take_while(|c| *c == '\\').count() % 2 == 1 {
            logical.pop();
            match lines.next() {
                Some(next) => logical.push_str(next.trim_start()),
                None => break,
            }
        }
        let (key, value) = property(&logical);
        found.retain(|(known, _)| *known != key);
        found.push((key, value));
    }
    found
}

/// A line's key, up to the first `=`, `:` or blank that no backslash protects, and its value.
fn property(line: &str) -> (String, String) {
    let mut escaped = false;
    let end = line.char_indices().find(|(_, c)| {
        let ends = !escaped && (matches!(c, '=' | ':') || c.is_whitespace());
        escaped = *c == '\\' && !escaped;
        ends
    });
    let Some((end, _)) = end else { return (unescaped(line), String::new()) };
    let rest = line[end..].trim_start();
    let value = rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start();
    (unescaped(&line[..end]), unescaped(value))
}

fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('t') => plain.push('\t'),
                Some('n') => plain.push('\n'),
                Some('r') => plain.push('\r'),
                Some('f') => plain.push('\u{c}'),
                Some('u') => {
                    let code: String = chars.by_ref().take(4).collect();
                    plain.extend(u32::from_str_radix(&code, 16).ok().and_then(char::from_u32));
                }
                Some(other) => plain.push(other),
                None => {}
            },
            c => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_property_file_is_read_as_java_reads_it() {
        let text =
            "# a comment\n  retention.ms = 1000\ncleanup.policy:compact\\\n  ,delete\n\nempty\na\\=b c\na\\=b d\n";
        let found = super::properties(text);
        let pairs: Vec<(&str, &str)> = found.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(
            pairs,
            [("retention.ms", "1000"), ("cleanup.policy", "compact,delete"), ("empty", ""), ("a=b", "d")]
        );
    }
}
