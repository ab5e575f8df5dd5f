//! What the page costs to load, and how much it may.

use crate::pack::Site;
use anyhow::{Context, Result, bail};
use std::io::Write;
use std::process::{Command, Stdio};

/// Node.js has gzip and brotli built in; it compresses one file from standard input as a web host would.
const COMPRESS: &str = "
const zlib = require('node:zlib'), bytes = require('node:fs').readFileSync(0);
console.log(zlib.gzipSync(bytes, { level: 9 }).length, zlib.brotliCompressSync(bytes).length);
";

/// What a release may be at most, all files together, as brotli.
const RELEASE: usize = 1_200_000;

/// The program, and what it may be at most in a build for development, as it is. A release takes minutes to build, so it is
/// here that the tests see when it has come to hold what it did not before.
const DEVELOPMENT: (&str, usize) = ("web_bg.wasm", 11_500_000);

/// Prints the size of each wasm and JavaScript file as it is, with gzip and with brotli, and of all files together.
///
/// # Errors
/// When a release is larger than it may be.
pub fn print(site: &Site, release: bool) -> Result<()> {
    println!("{:<24} {:>10} {:>10} {:>10}", "bytes", "raw", "gzip", "brotli");
    let mut all = [0, 0, 0];
    for (name, bytes) in site {
        let (gzip, brotli) = compressed(bytes)?;
        let sizes = [bytes.len(), gzip, brotli];
        all.iter_mut().zip(sizes).for_each(|(sum, size)| *sum += size);
        if name.ends_with(".wasm") || name.ends_with(".js") {
            line(name, sizes);
        }
    }
    line("all files", all);
    if release && all[2] > RELEASE {
        bail!("as brotli the page is {} bytes, and may be {RELEASE} (xtask/src/sizes.rs)", all[2]);
    }
    Ok(())
}

/// Holds a build for development to what it may be.
///
/// # Errors
/// What is too large, and by how much.
pub fn hold(site: &Site) -> Result<()> {
    let (name, most) = DEVELOPMENT;
    let size = site.get(name).with_context(|| format!("the page has no {name}"))?.len();
    println!("{name}: {size} bytes of {most}");
    if size > most {
        bail!("{name} of a build for development is {size} bytes, and may be {most} (xtask/src/sizes.rs)");
    }
    Ok(())
}

fn line(name: &str, [raw, gzip, brotli]: [usize; 3]) {
    println!("{name:<24} {raw:>10} {gzip:>10} {brotli:>10}");
}

fn compressed(bytes: &[u8]) -> Result<(usize, usize)> {
    let mut node = Command::new("node")
        .args(["-e", COMPRESS])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("compressed sizes need Node.js on the PATH")?;
    node.stdin.take().context("node has no standard input")?.write_all(bytes)?;
    let output = node.wait_with_output()?;
    let text = String::from_utf8(output.stdout)?;
    let mut sizes = text.split_whitespace().map(str::parse);
    match (sizes.next(), sizes.next()) {
        (Some(gzip), Some(brotli)) => Ok((gzip?, brotli?)),
        _ => bail!("node printed {text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_grown_too_large_is_named() {
        let (name, most) = DEVELOPMENT;
        let of = |size| Site::from([(name.to_owned(), vec![0; size])]);
        assert!(hold(&of(most)).is_ok());
        let error = hold(&of(most + 1)).unwrap_err().to_string();
        assert!(error.starts_with(name), "{error}");
        assert!(hold(&Site::new()).is_err());
    }
}
