//! index.html is written for Trunk: `<link data-trunk …>` elements say what belongs to the page. This reads the
//! same elements, as far as the project uses them, so that `trunk serve` and `cargo xtask serve` cannot disagree.

use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::ops::Range;

/// What one `<link data-trunk>` asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Directive {
    /// The wasm binary of this package, and wasm-opt's arguments for a release.
    Rust { bin: String, wasm_opt: Vec<String> },
    /// A folder, copied under its own name.
    CopyDir(String),
    /// A file, copied under its own name beside index.html.
    CopyFile(String),
}

/// Every directive of the page with the place it stands at.
pub fn directives(html: &str) -> Result<Vec<(Range<usize>, Directive)>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(offset) = html[at..].find('<') {
        let start = at + offset;
        let rest = &html[start..];
        let (length, is_link) = if rest.starts_with("<!--") {
            (rest.find("-->").context("index.html: a comment has no end")? + 3, false)
        } else {
            (rest.find('>').context("index.html: a tag has no end")? + 1, rest.starts_with("<link "))
        };
        at = start + length;
        if is_link {
            let attributes = attributes(&rest["<link".len()..length - 1]);
            if attributes.contains_key("data-trunk") {
                found.push((start..at, directive(&attributes).with_context(|| rest[..length].to_owned())?));
            }
        }
    }
    Ok(found)
}

/// The page as the browser gets it: the binary's element becomes the script that starts it, the others go.
pub fn transform(html: &str) -> Result<String> {
    let mut page = String::with_capacity(html.len());
    let mut at = 0;
    for (place, directive) in directives(html)? {
        page.push_str(&html[at..place.start]);
        if let Directive::Rust { bin, .. } = directive {
            page.push_str(&start_script(&bin));
        }
        at = place.end;
    }
    page.push_str(&html[at..]);
    Ok(page)
}

/// The module that starts the page's binary, with hints that fetch both files while the page is still read.
fn start_script(bin: &str) -> String {
    format!(
        r#"<link rel="modulepreload" href="./{bin}.js">
    <link rel="preload" href="./{bin}_bg.wasm" as="fetch" type="application/wasm" crossorigin>
    <script type="module">
      import init from "./{bin}.js";
      init({{ module_or_path: "./{bin}_bg.wasm" }});
    </script>"#
    )
}

/// Puts a script at the end of the page's body.
pub fn append_script(html: &str, script: &str) -> String {
    let end = html.rfind("</body>").unwrap_or(html.len());
    format!("{}<script>\n{script}</script>\n{}", &html[..end], &html[end..])
}

fn directive(attributes: &BTreeMap<&str, &str>) -> Result<Directive> {
    let get = |name: &str| attributes.get(name).map(|value| (*value).to_owned());
    let href = || get("href").context("it has no href");
    match attributes.get("rel").copied() {
        Some("rust") => Ok(Directive::Rust {
            bin: get("data-bin").context("it has no data-bin")?,
            wasm_opt: wasm_opt(
                &get("data-wasm-opt").context("it has no data-wasm-opt")?,
                &get("data-wasm-opt-params").unwrap_or_default(),
            ),
        }),
        Some("copy-dir") => Ok(Directive::CopyDir(href()?)),
        Some("copy-file") => Ok(Directive::CopyFile(href()?)),
        other => bail!("rel={:?} is not one of rust, copy-dir, copy-file", other.unwrap_or_default()),
    }
}

/// A level, and parameters with spaces between them, as arguments.
fn wasm_opt(level: &str, params: &str) -> Vec<String> {
    let params = params.split_ascii_whitespace().map(str::to_owned);
    std::iter::once(format!("-O{level}")).chain(params).collect()
}

/// The attributes of a tag: `name`, or `name="value"`.
fn attributes(tag: &str) -> BTreeMap<&str, &str> {
    let mut found = BTreeMap::new();
    let mut rest = tag.trim_start_matches(is_space);
    while !rest.is_empty() {
        let (name, after) = rest.split_at(rest.find(|c| c == '=' || is_space(c)).unwrap_or(rest.len()));
        let (value, after) = match after.strip_prefix("=\"").and_then(|value| value.split_once('"')) {
            Some((value, after)) => (value, after),
            None => ("", after.trim_start_matches('=')),
        };
        found.insert(name, value);
        rest = after.trim_start_matches(is_space);
    }
    found
}

/// White space between attributes, and the slash before the bracket.
fn is_space(c: char) -> bool {
    c.is_ascii_whitespace() || c == '/'
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"<head>
<!-- <link data-trunk rel="nonsense"> -->
<link rel="icon" href="www/icon.svg">
<link data-trunk rel="rust" data-bin="web" data-wasm-opt="3" data-wasm-opt-params="-a  --b=1"/>
<link data-trunk rel="copy-dir" href="www"></head><body></body>"#;

    #[test]
    fn directives_are_found_outside_comments() {
        let found: Vec<_> = directives(PAGE).unwrap().into_iter().map(|(_, directive)| directive).collect();
        let rust = Directive::Rust { bin: "web".into(), wasm_opt: ["-O3", "-a", "--b=1"].map(str::to_owned).into() };
        assert_eq!(found, [rust, Directive::CopyDir("www".into())]);
    }

    #[test]
    fn the_page_starts_its_binary_and_keeps_the_rest() {
        let page = transform(PAGE).unwrap();
        assert!(page.contains(r#"import init from "./web.js";"#));
        assert!(page.contains(r#"<link rel="icon" href="www/icon.svg">"#));
        assert!(!page.contains(r#"<link data-trunk rel="rust""#));
        assert!(page.ends_with("</head><body></body>"));
    }

    #[test]
    fn an_unknown_directive_is_an_error_that_shows_it() {
        let error = transform(r#"<link data-trunk rel="sass" href="a.scss">"#).unwrap_err();
        assert!(format!("{error:#}").contains(r#"rel="sass""#));
    }

    #[test]
    fn a_script_goes_before_the_end_of_the_body() {
        assert_eq!(append_script("<body>x</body>", "y()\n"), "<body>x<script>\ny()\n</script>\n</body>");
    }
}
