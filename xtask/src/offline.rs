//! What makes a built page open without a network after its first load: a service worker that keeps every file of the page.
//! A page under `serve` has none, so that a rebuild is never stale.

use crate::pack::Site;

const WORKER: &str = include_str!("offline.js");

/// Registers the service worker.
const REGISTER: &str =
    "if (\"serviceWorker\" in navigator) navigator.serviceWorker.register(\"./sw.js\").catch(() => {});\n";

/// Adds the service worker to a page whose files are all there, and to its index.html the script that registers it.
pub fn add(site: &mut Site) {
    let html = site.get("index.html").map(|html| String::from_utf8_lossy(html).into_owned()).unwrap_or_default();
    let html = html.replacen("</head>", "  <script src=\"./offline.js\" defer></script>\n  </head>", 1);
    site.insert("index.html".to_owned(), html.into_bytes());
    site.insert("offline.js".to_owned(), REGISTER.into());
    site.insert("sw.js".to_owned(), worker(site).into_bytes());
}

/// The service worker for these files; its name changes with each of them.
fn worker(site: &Site) -> String {
    let files: Vec<String> = site.keys().map(|name| format!("  \"./{name}\",\n")).collect();
    let files = format!("const FILES = [\n  \"./\",\n{}];", files.concat());
    WORKER.replacen("VERSION", &format!("{:016x}", version(site)), 1).replacen("const FILES = [];", &files, 1)
}

/// A number that is another one when any file is (FNV-1a).
fn version(site: &Site) -> u64 {
    let bytes = site.iter().flat_map(|(name, content)| name.bytes().chain(content.iter().copied()));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worker_keeps_every_file_and_is_another_for_other_files() {
        let files = [("web.js", "1"), ("index.html", "<head></head>")];
        let mut site: Site = files.map(|(name, text)| (name.to_owned(), text.into())).into();
        add(&mut site);
        let text = |site: &Site, name: &str| String::from_utf8(site[name].clone()).expect("text");
        let worker = text(&site, "sw.js");
        for name in ["./", "./web.js", "./index.html", "./offline.js"] {
            assert!(worker.contains(&format!("\"{name}\",")), "{name} in {worker}");
        }
        assert!(text(&site, "index.html").contains("offline.js"));
        let before = version(&site);
        site.insert("web.js".to_owned(), b"2".to_vec());
        assert_ne!(version(&site), before);
    }
}
