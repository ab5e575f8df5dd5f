//! The page's web server: it answers from the files held in memory, on this machine only.

use crate::html;
use crate::pack::Site;
use anyhow::{Context, Result, bail};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Where the open page asks whether it is out of date.
const CHANGED: &str = "/-/changed";

/// How long that question waits for an answer before the page asks again.
const PATIENCE: Duration = Duration::from_secs(25);

/// The longest request head that is read.
const MAX_HEAD: u64 = 64 << 10;

const OK: &str = "200 OK";

/// What is served at the moment.
struct State {
    site: Arc<Site>,
    /// Grows with every build; begins at the time of day, so that a page of an earlier server is out of date.
    version: u64,
    /// Why the latest build failed, while the page of the one before goes on.
    error: String,
}

/// The page as it changes under the server.
pub struct Live {
    state: Mutex<State>,
    changed: Condvar,
    reload: bool,
}

impl Live {
    /// Serves these files; with `reload`, an open page follows every change.
    pub fn new(site: Site, reload: bool) -> Arc<Self> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let version = u64::try_from(since.as_millis()).unwrap_or_default();
        let state = State { site: Arc::new(site), version, error: String::new() };
        Arc::new(Self { state: Mutex::new(state), changed: Condvar::new(), reload })
    }

    /// Takes the result of another build.
    pub fn replace(&self, built: Result<Site>) {
        let mut state = self.state();
        state.version += 1;
        match built {
            Ok(site) => (state.site, state.error) = (Arc::new(site), String::new()),
            Err(error) => state.error = format!("{error:#}"),
        }
        self.changed.notify_all();
    }

    /// The state is replaced whole, so a thread that died holding it left it sound.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer to `CHANGED`: the version on the first line, then the failed build's message. It waits until it
    /// is news to who has seen a version.
    fn news(&self, seen: &str) -> String {
        let state = self.state();
        let waited = self.changed.wait_timeout_while(state, PATIENCE, |state| state.version.to_string() == seen);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        format!("{}\n{}", state.version, state.error)
    }

    /// Status, type and bytes for a request's path.
    fn answer(&self, url: &str) -> (&'static str, &'static str, Vec<u8>) {
        if let Some(seen) = url.strip_prefix(CHANGED).and_then(|query| query.strip_prefix("?seen="))
            && self.reload
        {
            return (OK, mime("txt"), self.news(seen).into_bytes());
        }
        let state = self.state();
        let Some((name, bytes)) = find(&state.site, url) else {
            return ("404 Not Found", mime("txt"), b"not found\n".to_vec());
        };
        let bytes = if name == "index.html" && self.reload {
            let script = include_str!("reload.js").replace("VERSION", &state.version.to_string());
            html::append_script(&String::from_utf8_lossy(bytes), &script).into_bytes()
        } else {
            bytes.clone()
        };
        (OK, mime(name.rsplit('.').next().unwrap_or_default()), bytes)
    }
}

/// The file that a URL's path means. Only names of the site are ever found, whatever the path contains.
fn find<'a>(site: &'a Site, url: &str) -> Option<(&'a str, &'a Vec<u8>)> {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let name = path.strip_prefix('/')?;
    let name = if name.is_empty() { "index.html" } else { name };
    site.get_key_value(name).map(|(name, bytes)| (name.as_str(), bytes))
}

/// The type that a browser must be told: it compiles wasm while it arrives only under its own type.
fn mime(extension: &str) -> &'static str {
    match extension {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" | "md" | "terra" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// Takes a port on the loopback interface; 0 takes any free one. Early, so that a long build is not for nothing.
pub fn listen(port: u16) -> Result<TcpListener> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            bail!("port {port} is taken by another program: choose another with --port N")
        }
        result => result.with_context(|| format!("listening on 127.0.0.1:{port}")),
    }
}

/// Answers requests from now on, each on a connection and a thread of its own; returns the page's address.
///
/// A connection is closed after one answer: an idle one holds nothing up, however many a browser opens.
pub fn start(listener: TcpListener, live: Arc<Live>) -> Result<String> {
    let address = format!("http://{}/", listener.local_addr()?);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let live = Arc::clone(&live);
            // A browser that went away no longer wants the answer.
            thread::spawn(move || drop(respond(&stream, &live)));
        }
    });
    Ok(address)
}

fn respond(mut stream: &TcpStream, live: &Live) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    // The request line, then the headers, of which none matters here, up to the empty line.
    let mut head = BufReader::new(stream.take(MAX_HEAD));
    let mut request = String::new();
    head.read_line(&mut request)?;
    let mut line = String::new();
    while head.read_line(&mut line)? > 2 {
        line.clear();
    }
    let (status, mime, bytes) = match request.split(' ').collect::<Vec<_>>()[..] {
        ["GET", url, _] => live.answer(url),
        _ => ("405 Method Not Allowed", mime("txt"), b"only GET is answered\n".to_vec()),
    };
    let length = bytes.len();
    write!(stream, "HTTP/1.1 {status}\r\nContent-Type: {mime}\r\nContent-Length: {length}\r\n")?;
    write!(stream, "Cache-Control: no-store\r\nConnection: close\r\n\r\n")?;
    stream.write_all(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> Site {
        let file = |name: &str, text: &str| (name.to_owned(), text.as_bytes().to_vec());
        Site::from([file("index.html", "<body></body>"), file("www/app.css", "a{}"), file("web_bg.wasm", "\0asm")])
    }

    #[test]
    fn only_files_of_the_site_are_found() {
        let site = site();
        let name = |url| find(&site, url).map(|(name, _)| name);
        assert_eq!(name("/"), Some("index.html"));
        assert_eq!(name("/?lesson=1"), Some("index.html"));
        assert_eq!(name("/www/app.css?v=2"), Some("www/app.css"));
        for outside in ["/../Cargo.toml", "/www/../Cargo.toml", "/%2e%2e/Cargo.toml", "//etc/passwd", "/www", ""] {
            assert_eq!(name(outside), None, "{outside}");
        }
    }

    #[test]
    fn the_types_a_browser_insists_on() {
        assert_eq!(mime("wasm"), "application/wasm");
        assert!(mime("js").starts_with("text/javascript"));
        assert!(mime("css").starts_with("text/css"));
        assert_eq!(mime("unheard-of"), "application/octet-stream");
    }

    #[test]
    fn reload_is_only_in_a_page_that_asked_for_it() {
        let text = |reload| String::from_utf8(Live::new(site(), reload).answer("/").2).unwrap();
        assert!(text(true).contains(CHANGED));
        assert_eq!(text(false), "<body></body>");
    }

    #[test]
    fn a_failed_build_keeps_the_page_and_says_why() {
        let live = Live::new(site(), true);
        live.replace(Err(anyhow::anyhow!("no such type")));
        assert!(live.news("0").ends_with("\nno such type"));
        assert_eq!(live.answer("/www/app.css").2, b"a{}");
        live.replace(Ok(Site::new()));
        assert!(live.news("0").ends_with('\n'));
        assert_eq!(live.answer("/www/app.css").0, "404 Not Found");
    }

    #[test]
    fn a_port_in_use_is_named_with_the_way_out() {
        let taken = listen(0).unwrap();
        let port = taken.local_addr().unwrap().port();
        let message = listen(port).unwrap_err().to_string();
        assert!(message.contains(&port.to_string()) && message.contains("--port"), "{message}");
    }

    #[test]
    fn it_answers_over_http_without_caching() {
        let listener = listen(0).unwrap();
        let port = listener.local_addr().unwrap().port();
        start(listener, Live::new(site(), false)).unwrap();
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        stream.write_all(b"GET /web_bg.wasm HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains("Content-Type: application/wasm") && answer.contains("Cache-Control: no-store"));
        assert!(answer.ends_with("\0asm"));
    }
}
