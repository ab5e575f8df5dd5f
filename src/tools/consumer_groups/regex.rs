//! `--validate-regex`: whether RE2, the dialect of server-side subscriptions (KIP-848), takes an expression.

/// What the tool says of an expression.
pub(super) fn verdict(pattern: &str) -> String {
    match regex::Regex::new(pattern) {
        Ok(_) => format!("The regular expression `{pattern}` is valid.\n"),
        Err(error) => format!("The regular expression `{pattern}` is invalid: {}.\n", reason(&error)),
    }
}

/// RE2's words for what is wrong; what it has no like for is told in ours.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let known = [
        ("unclosed character class", "missing closing ]"),
        ("unclosed group", "missing closing )"),
        ("unopened group", "unexpected )"),
        ("repetition operator missing expression", "missing argument to repetition operator"),
        ("invalid character class range", "invalid character class range"),
        ("incomplete escape sequence", "trailing backslash at end of expression"),
        ("unrecognized escape sequence", "invalid escape sequence"),
        ("backreferences are not supported", "invalid escape sequence"),
        ("look-around", "invalid or unsupported Perl syntax"),
        ("repetition quantifier expects a valid decimal", "invalid repeat count"),
    ];
    let found = known.iter().find(|(ours, _)| text.contains(ours)).map(|(_, theirs)| (*theirs).to_owned());
    found.unwrap_or_else(|| text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_broken_expression_is_told() {
        assert_eq!(super::verdict("a.*"), "The regular expression `a.*` is valid.\n");
        assert_eq!(super::verdict("["), "The regular expression `[` is invalid: missing closing ].\n");
    }
}
