//! `--validate-regex`: whether RE2, the dialect of server-side subscriptions (KIP-848), takes an expression.

/// What the tool says of an expression.
pub(super) fn verdict(pattern: &str) -> String {
    match regex_lite::Regex::new(pattern) {
        Ok(_) => format!("The regular expression `{pattern}` is valid.\n"),
        Err(error) => format!("The regular expression `{pattern}` is invalid: {}.\n", reason(&error)),
    }
}

/// RE2's words for what is wrong; what it has no like for is told in ours.
fn reason(error: &regex_lite::Error) -> String {
    let text = error.to_string();
    let known = [
        ("no closing bracket", "missing closing ]"),
        ("unclosed character class", "missing closing ]"),
        ("open group without closing", "missing closing )"),
        ("expected closing ')'", "missing closing )"),
        ("closing ')' without matching", "unexpected )"),
        ("must be applied to a sub-expression", "missing argument to repetition operator"),
        ("invalid range in character class", "invalid character class range"),
        ("saw start of escape sequence", "trailing backslash at end of expression"),
        ("unrecognized escape sequence", "invalid escape sequence"),
        ("backreferences are not supported", "invalid escape sequence"),
        ("look-around", "invalid or unsupported Perl syntax"),
        ("a min bigger than its max", "invalid repeat count"),
    ];
    let found = known.iter().find(|(ours, _)| text.contains(ours)).map(|(_, theirs)| (*theirs).to_owned());
    found.unwrap_or_else(|| text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_broken_expression_is_told() {
        assert_eq!(super::verdict("a.*"), "The regular expression `a.*` is valid.\n");
        let wrong = [
            ("[", "missing closing ]"),
            ("[a-", "missing closing ]"),
            ("(a", "missing closing )"),
            ("a)", "unexpected )"),
            ("*a", "missing argument to repetition operator"),
            ("[b-a]", "invalid character class range"),
            ("a\\", "trailing backslash at end of expression"),
            (r"(a)\1", "invalid escape sequence"),
            ("(?=a)", "invalid or unsupported Perl syntax"),
            ("a{2,1}", "invalid repeat count"),
        ];
        for (pattern, why) in wrong {
            let told = format!("The regular expression `{pattern}` is invalid: {why}.\n");
            assert_eq!(super::verdict(pattern), told);
        }
    }
}
