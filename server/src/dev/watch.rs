//! Notices changes in a folder.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

/// Changes closer together than this are one change: editors write in several steps.
const QUIET: Duration = Duration::from_millis(150);

/// Watches until it is dropped.
pub struct FolderWatch {
    _watcher: RecommendedWatcher,
    changes: mpsc::Receiver<()>,
}

impl FolderWatch {
    /// # Errors
    /// When the system cannot watch the folder.
    pub fn start(folder: &Path) -> anyhow::Result<Self> {
        // One place: what matters is that something changed, not what or how often.
        let (sender, changes) = mpsc::channel(1);
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if event.is_ok_and(|e| is_change(e.kind) && e.paths.iter().any(|p| may_matter(p))) {
                let _ = sender.try_send(());
            }
        })
        .context("watching for changes")?;
        watcher
            .watch(folder, RecursiveMode::Recursive)
            .with_context(|| format!("watching {}", folder.display()))?;
        Ok(Self {
            _watcher: watcher,
            changes,
        })
    }

    /// Returns once something has changed and it has been quiet for a moment.
    pub async fn changed(&mut self) {
        if self.changes.recv().await.is_none() {
            // Cannot happen while the watcher lives; then there is nothing to wait for.
            return std::future::pending().await;
        }
        while let Ok(Some(())) = tokio::time::timeout(QUIET, self.changes.recv()).await {}
    }
}

/// Reading a file is none, and we read them all.
fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        _ => true,
    }
}

/// A YAML file, or what may be a folder of them; a database in the same folder is not.
fn may_matter(path: &Path) -> bool {
    path.extension()
        .is_none_or(|extension| extension == "yaml" || extension == "yml")
}
