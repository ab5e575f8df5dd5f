//! What the page costs to load.

use crate::pack::Site;
use anyhow::{Context, Result, bail};
use std::io::Write;
use std::process::{Command, Stdio};

/// Node.js has gzip and brotli built in; it compresses one file from standard input as a web host would.
const COMPRESS: &str = "
const zlib = require('node:zlib'), bytes = require('node:fs').readFileSync(0);
console.log(zlib.gzipSync(bytes, { level: 9 }).length, zlib.brotliCompressSync(bytes).length);
";

/// Prints the size of each wasm and JavaScript file as it is, with gzip and with brotli.
pub fn print(site: &Site) -> Result<()> {
    println!("{:<24} {:>10} {:>10} {:>10}", "bytes", "raw", "gzip", "brotli");
    for (name, bytes) in site.iter().filter(|(name, _)| name.ends_with(".wasm") || name.ends_with(".js")) {
        match compressed(bytes) {
            Ok((gzip, brotli)) => println!("{name:<24} {:>10} {gzip:>10} {brotli:>10}", bytes.len()),
            Err(error) => println!("{name:<24} {:>10} (compressed sizes: {error:#})", bytes.len()),
        }
    }
    Ok(())
}

fn compressed(bytes: &[u8]) -> Result<(usize, usize)> {
    let mut node = Command::new("node")
        .args(["-e", COMPRESS])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("they need Node.js on the PATH")?;
    node.stdin.take().context("node has no standard input")?.write_all(bytes)?;
    let output = node.wait_with_output()?;
    let text = String::from_utf8(output.stdout)?;
    let mut sizes = text.split_whitespace().map(str::parse);
    match (sizes.next(), sizes.next()) {
        (Some(gzip), Some(brotli)) => Ok((gzip?, brotli?)),
        _ => bail!("node printed {text:?}"),
    }
}
