//! Waits for the page's sources to change.

use anyhow::{Context, Result};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// An editor writes a file in several steps, and a branch switch writes many: quiet for so long ends a change.
const QUIET: Duration = Duration::from_millis(150);

/// What the page is made of, besides the folders `src` and `www`.
const FILES: [&str; 2] = ["index.html", "Cargo.toml"];

/// Changes of the sources from the moment it is made.
pub struct Sources {
    changes: Receiver<()>,
    /// Watches until it is dropped.
    _watcher: RecommendedWatcher,
}

impl Sources {
    /// Begins to watch.
    pub fn watch(root: &Path) -> Result<Self> {
        let (sender, changes) = channel();
        let top = root.to_owned();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if event.is_ok_and(|event| is_change(&event, &top)) {
                // The receiver goes only when the program ends.
                let _ended = sender.send(());
            }
        })?;
        for folder in ["src", "www"] {
            watcher
                .watch(&root.join(folder), RecursiveMode::Recursive)
                .with_context(|| format!("watching {folder}"))?;
        }
        // Editors replace a file by renaming another over it, which only its folder sees.
        watcher.watch(root, RecursiveMode::NonRecursive).context("watching the project's folder")?;
        Ok(Self { changes, _watcher: watcher })
    }

    /// Returns after the next change, once it is quiet. A change since the last call counts.
    pub fn wait(&self) -> Result<()> {
        self.changes.recv().context("the watcher of the sources ended")?;
        while self.changes.recv_timeout(QUIET).is_ok() {}
        Ok(())
    }
}

/// Reading is no change, and neither is what a build writes beside the sources.
fn is_change(event: &Event, root: &Path) -> bool {
    let ours = |path: &Path| {
        path.strip_prefix(root).is_ok_and(|path| {
            path.starts_with("src") || path.starts_with("www") || FILES.iter().any(|file| path == Path::new(file))
        })
    };
    !matches!(event.kind, EventKind::Access(_)) && event.paths.iter().any(|path| ours(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use notify::event::{AccessKind, CreateKind, ModifyKind};

    #[test]
    fn only_writing_a_source_is_a_change() {
        let root = Path::new("project");
        let event = |kind, path: &str| Event::new(kind).add_path(root.join(path));
        assert!(is_change(&event(EventKind::Modify(ModifyKind::Any), "src/sim/world.rs"), root));
        assert!(is_change(&event(EventKind::Create(CreateKind::File), "index.html"), root));
        assert!(!is_change(&event(EventKind::Access(AccessKind::Any), "src/lib.rs"), root));
        assert!(!is_change(&event(EventKind::Modify(ModifyKind::Any), "target/debug/page.d"), root));
        assert!(!is_change(&event(EventKind::Modify(ModifyKind::Any), "Cargo.lock"), root));
    }
}
