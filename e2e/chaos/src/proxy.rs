//! The way from a server to the database, on which things happen: it slows down, goes silent,
//! breaks, or breaks just after a commit, so that the server cannot know what became of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What happens to what passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Pass,
    /// Each piece comes later by so much, both ways.
    Delay(Duration),
    /// Nothing arrives, and nothing is said.
    Silent,
    /// The answer to a commit is lost, with its connection.
    CutCommits,
    /// Nobody gets through.
    Closed,
}

/// What the server reads when a transaction is committed: CommandComplete, its length, its tag.
const COMMITTED: &[u8] = b"C\0\0\0\x0bCOMMIT\0";

pub struct Proxy {
    pub port: u16,
    target: Arc<AtomicU16>,
    mode: watch::Sender<Mode>,
    /// Counted up to end all connections.
    resets: watch::Sender<u64>,
    commits_cut: Arc<std::sync::atomic::AtomicU64>,
}

#[derive(Clone)]
struct Line {
    mode: watch::Receiver<Mode>,
    resets: watch::Receiver<u64>,
    commits_cut: Arc<std::sync::atomic::AtomicU64>,
}

impl Proxy {
    pub async fn start(target: u16) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .context("a port for the proxy")?;
        let port = listener.local_addr()?.port();
        let proxy = Self {
            port,
            target: Arc::new(AtomicU16::new(target)),
            mode: watch::Sender::new(Mode::Pass),
            resets: watch::Sender::new(0),
            commits_cut: Arc::default(),
        };
        let target = proxy.target.clone();
        let line = Line {
            mode: proxy.mode.subscribe(),
            resets: proxy.resets.subscribe(),
            commits_cut: proxy.commits_cut.clone(),
        };
        tokio::spawn(async move {
            while let Ok((server, _)) = listener.accept().await {
                if *line.mode.borrow() == Mode::Closed {
                    continue;
                }
                let mut line = line.clone();
                line.resets.mark_unchanged();
                let target = target.load(Ordering::SeqCst);
                tokio::spawn(async move {
                    let Ok(database) = TcpStream::connect(("127.0.0.1", target)).await else {
                        return;
                    };
                    line.carry(server, database).await;
                });
            }
        });
        Ok(proxy)
    }

    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
        if mode == Mode::Closed {
            self.reset();
        }
    }

    /// Ends every connection.
    pub fn reset(&self) {
        self.resets.send_modify(|count| *count += 1);
    }

    /// New connections go there; those that are open end.
    pub fn aim(&self, target: u16) {
        self.target.store(target, Ordering::SeqCst);
        self.reset();
    }

    /// How many commits have lost their answer.
    pub fn commits_cut(&self) -> u64 {
        self.commits_cut.load(Ordering::SeqCst)
    }
}

impl Line {
    /// Until one end closes, or the line breaks: then both are dropped.
    async fn carry(mut self, server: TcpStream, database: TcpStream) {
        let _ = server.set_nodelay(true);
        let _ = database.set_nodelay(true);
        let (from_server, to_server) = server.into_split();
        let (from_database, to_database) = database.into_split();
        let there = self.clone().copy(from_server, to_database, false);
        let back = self.clone().copy(from_database, to_server, true);
        tokio::select! {
            () = there => {}
            () = back => {}
            _ = self.resets.changed() => {}
        }
    }

    async fn copy(mut self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, answers: bool) {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let Ok(length) = from.read(&mut buffer).await else {
                return;
            };
            let piece = buffer.get(..length).unwrap_or_default();
            if piece.is_empty() {
                return;
            }
            let mode = *self.mode.borrow_and_update();
            match mode {
                Mode::Pass => {}
                Mode::Closed => return,
                Mode::Delay(time) => tokio::time::sleep(time).await,
                Mode::Silent => {
                    // What was held back is lost with its connection.
                    let _ = self.mode.wait_for(|mode| *mode != Mode::Silent).await;
                    return;
                }
                Mode::CutCommits => {
                    let committed = piece.windows(COMMITTED.len()).any(|w| w == COMMITTED);
                    if answers && committed {
                        self.commits_cut.fetch_add(1, Ordering::SeqCst);
                        return;
                    }
                }
            }
            if to.write_all(piece).await.is_err() {
                return;
            }
        }
    }
}
