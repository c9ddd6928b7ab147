//! An SMTP server on loopback that keeps what it gets (RFC 5321, with AUTH and STARTTLS).

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// How long [`SmtpServer::next`] waits.
const WAIT: Duration = Duration::from_secs(20);

/// A mail as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// Of `MAIL FROM` and `RCPT TO`.
    pub from: String,
    pub to: Vec<String>,
    /// Headers and body, dot-stuffing undone.
    pub data: String,
    /// The line after `AUTH`, as it came.
    pub auth: Option<String>,
    pub encrypted: bool,
}

/// The server; it ends with the value.
#[derive(Debug)]
pub struct SmtpServer {
    pub port: u16,
    received: Arc<Mutex<Vec<Received>>>,
    task: JoinHandle<()>,
}

impl SmtpServer {
    /// Without encryption.
    ///
    /// # Errors
    /// When there is no port to listen on.
    pub async fn start() -> io::Result<Self> {
        Self::run(None, false).await
    }

    /// `wrapped` begins with TLS, else it offers STARTTLS.
    ///
    /// # Errors
    /// When there is no port to listen on.
    pub async fn start_tls(acceptor: TlsAcceptor, wrapped: bool) -> io::Result<Self> {
        Self::run(Some(acceptor), wrapped).await
    }

    async fn run(acceptor: Option<TlsAcceptor>, wrapped: bool) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let received = Arc::new(Mutex::new(Vec::new()));
        let kept = received.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, kept) = (acceptor.clone(), kept.clone());
                tokio::spawn(async move {
                    // A client that goes away is nothing to a test.
                    let _ = match acceptor {
                        Some(acceptor) if wrapped => match acceptor.accept(stream).await {
                            Ok(stream) => talk(BufReader::new(stream), None, true, &kept)
                                .await
                                .map(drop),
                            Err(error) => Err(error),
                        },
                        Some(acceptor) => starttls(stream, acceptor, &kept).await,
                        None => talk(BufReader::new(stream), None, false, &kept)
                            .await
                            .map(drop),
                    };
                });
            }
        });
        Ok(Self {
            port,
            received,
            task,
        })
    }

    /// The realm's settings for this server.
    pub fn settings(&self) -> BTreeMap<String, String> {
        [
            ("host", "127.0.0.1".to_owned()),
            ("port", self.port.to_string()),
            ("from", "realm@example.test".to_owned()),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }

    /// Takes the mail that came first; waits for one. None when there is none for long.
    pub async fn next(&self) -> Option<Received> {
        let mut waited = Duration::ZERO;
        let step = Duration::from_millis(10);
        while waited < WAIT {
            {
                let mut all = self.received.lock().unwrap_or_else(PoisonError::into_inner);
                if !all.is_empty() {
                    return Some(all.remove(0));
                }
            }
            tokio::time::sleep(step).await;
            waited += step;
        }
        None
    }

    /// How many mails have come and were not taken.
    pub fn count(&self) -> usize {
        let all = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        all.len()
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Received {
    /// The text part, decoded.
    pub fn text(&self) -> String {
        self.part("text/plain")
    }

    /// The HTML part, decoded.
    pub fn html(&self) -> String {
        self.part("text/html")
    }

    /// The first address in the text part that holds `part`.
    pub fn link(&self, part: &str) -> Option<String> {
        let text = self.text();
        let mut words = text.split_whitespace();
        words
            .find(|word| word.starts_with("http") && word.contains(part))
            .map(str::to_owned)
    }

    /// The header's value, unfolded.
    pub fn header(&self, name: &str) -> Option<String> {
        let (head, _) = self.data.split_once("\r\n\r\n")?;
        let head = head.replace("\r\n ", " ");
        let start = format!("{}:", name.to_ascii_lowercase());
        head.split("\r\n")
            .find(|line| line.to_ascii_lowercase().starts_with(&start))
            .and_then(|line| line.split_once(':'))
            .map(|(_, value)| value.trim().to_owned())
    }

    fn part(&self, kind: &str) -> String {
        let Some((_, rest)) = self.data.split_once(&format!("Content-Type: {kind}")) else {
            return String::new();
        };
        let (head, body) = rest.split_once("\r\n\r\n").unwrap_or((rest, ""));
        let body = body.split("\r\n--").next().unwrap_or_default();
        let head = head.to_ascii_lowercase();
        if head.contains("quoted-printable") {
            quoted_printable(body)
        } else if head.contains("base64") {
            base64(body)
        } else {
            body.replace("\r\n", "\n")
        }
    }
}

async fn starttls(
    stream: tokio::net::TcpStream,
    acceptor: TlsAcceptor,
    kept: &Mutex<Vec<Received>>,
) -> io::Result<()> {
    let plain = BufReader::new(stream);
    if let Some(stream) = talk(plain, Some(()), false, kept).await? {
        let stream = acceptor.accept(stream.into_inner()).await?;
        greeted(BufReader::new(stream), None, true, kept).await?;
    }
    Ok(())
}

/// Greets, then talks; the stream comes back when the client wants TLS.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: BufReader<S>,
    starttls: Option<()>,
    encrypted: bool,
    kept: &Mutex<Vec<Received>>,
) -> io::Result<Option<BufReader<S>>> {
    say(&mut stream, "220 test ESMTP").await?;
    greeted(stream, starttls, encrypted, kept).await
}

async fn greeted<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: BufReader<S>,
    starttls: Option<()>,
    encrypted: bool,
    kept: &Mutex<Vec<Received>>,
) -> io::Result<Option<BufReader<S>>> {
    let mut mail = Received {
        encrypted,
        ..Received::default()
    };
    loop {
        let line = line(&mut stream).await?;
        let upper = line.to_ascii_uppercase();
        if upper.starts_with("EHLO") || upper.starts_with("HELO") {
            let offer = match starttls {
                Some(()) => "250-test\r\n250-8BITMIME\r\n250 STARTTLS",
                None => "250-test\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN XOAUTH2",
            };
            say(&mut stream, offer).await?;
        } else if upper == "STARTTLS" && starttls.is_some() {
            say(&mut stream, "220 go on").await?;
            return Ok(Some(stream));
        } else if let Some(auth) = line.strip_prefix("AUTH ") {
            mail.auth = Some(auth.to_owned());
            let answer = match auth.contains("d3Jvbmc") {
                // "wrong" in Base64.
                true => "535 wrong",
                false => "235 welcome",
            };
            say(&mut stream, answer).await?;
        } else if upper.starts_with("MAIL FROM:") {
            mail.from = bracketed(&line);
            say(&mut stream, "250 ok").await?;
        } else if upper.starts_with("RCPT TO:") {
            let to = bracketed(&line);
            let answer = match to.starts_with("nobody@") {
                true => "550 no such mailbox",
                false => "250 ok",
            };
            mail.to.push(to);
            say(&mut stream, answer).await?;
        } else if upper == "DATA" {
            say(&mut stream, "354 go on").await?;
            let mut data = String::new();
            loop {
                let line = self::line(&mut stream).await?;
                if line == "." {
                    break;
                }
                data.push_str(line.strip_prefix('.').unwrap_or(&line));
                data.push_str("\r\n");
            }
            mail.data = data;
            keep(kept, std::mem::take(&mut mail));
            mail.encrypted = encrypted;
            say(&mut stream, "250 taken").await?;
        } else if upper == "QUIT" {
            say(&mut stream, "221 bye").await?;
            return Ok(None);
        } else {
            say(&mut stream, "250 ok").await?;
        }
    }
}

fn keep(kept: &Mutex<Vec<Received>>, mail: Received) {
    let mut all = kept.lock().unwrap_or_else(PoisonError::into_inner);
    all.push(mail);
}

async fn line<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufReader<S>) -> io::Result<String> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

async fn say<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufReader<S>,
    text: &str,
) -> io::Result<()> {
    stream.write_all(format!("{text}\r\n").as_bytes()).await?;
    stream.flush().await
}

fn bracketed(line: &str) -> String {
    let inner = line.split_once('<').map_or("", |(_, rest)| rest);
    inner.split('>').next().unwrap_or_default().to_owned()
}

fn quoted_printable(body: &str) -> String {
    let joined = body.replace("=\r\n", "").replace("\r\n", "\n");
    let mut bytes = Vec::new();
    let mut rest = joined.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = match (first, after) {
            (b'=', [high, low, ..]) => std::str::from_utf8(&[*high, *low])
                .ok()
                .and_then(|hex| u8::from_str_radix(hex, 16).ok()),
            _ => None,
        };
        match (code, after) {
            (Some(code), [_, _, after @ ..]) => {
                bytes.push(code);
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn base64(body: &str) -> String {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0u32, 0u32);
    for byte in body.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => continue,
        };
        bits = (bits << 6) | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
