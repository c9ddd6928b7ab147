//! WebSocket connections (RFC 6455): bytes both ways, until the token ends.

use std::sync::Arc;
use std::time::Duration;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::metrics::Metrics;

/// Close, status 1008 (policy violation), unmasked: section 5.5.1 and 7.4.1.
const CLOSE_POLICY: [u8; 4] = [0x88, 0x02, 0x03, 0xf0];
/// For the frame under way when the token ends.
const GRACE: Duration = Duration::from_secs(1);
const BUFFER: usize = 8 * 1024;

/// Carries bytes between both sides until one of them ends, or until `deadline`.
pub async fn pump(
    client: OnUpgrade,
    application: OnUpgrade,
    deadline: Option<Instant>,
    metrics: Arc<Metrics>,
) {
    let (client, application) = match (client.await, application.await) {
        (Ok(client), Ok(application)) => (TokioIo::new(client), TokioIo::new(application)),
        (Err(error), _) | (_, Err(error)) => {
            tracing::debug!(cause = %error, "a connection did not change its protocol");
            return;
        }
    };
    let (mut from_client, mut to_client) = tokio::io::split(client);
    let (mut from_application, mut to_application) = tokio::io::split(application);
    let up = async {
        let _ = tokio::io::copy(&mut from_client, &mut to_application).await;
        let _ = to_application.shutdown().await;
    };
    let down = async {
        let mut frames = Frames::default();
        let ended = carry(&mut from_application, &mut to_client, &mut frames, deadline).await;
        if ended {
            metrics.stream_ended();
        }
        let _ = to_client.shutdown().await;
        ended
    };
    let mut up = std::pin::pin!(up);
    let mut down = std::pin::pin!(down);
    tokio::select! {
        // The application may still have something to say.
        () = &mut up => drop(down.await),
        // The token has ended, or the application has: nobody listens any more.
        _ = &mut down => {}
    }
}

/// From the application to the client. True: the deadline came, and the client was told.
async fn carry(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    frames: &mut Frames,
    deadline: Option<Instant>,
) -> bool {
    let far = Instant::now() + Duration::from_secs(365 * 24 * 3600);
    let deadline = deadline.unwrap_or(far);
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = tokio::select! {
            biased;
            () = sleep_until(deadline) => break,
            read = from.read(&mut buffer) => read,
        };
        let Some(bytes) = read.ok().and_then(|length| buffer.get(..length)) else {
            return false;
        };
        if bytes.is_empty() {
            return false;
        }
        frames.see(bytes);
        match timeout_at(deadline, to.write_all(bytes)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return false,
            // A client that does not read: it cannot be told anything either.
            Err(_) => return true,
        }
    }
    // A frame of our own may stand only between two others.
    let patience = Instant::now() + GRACE;
    while !frames.between() {
        let Ok(Ok(length)) = timeout_at(patience, from.read(&mut buffer)).await else {
            return true;
        };
        let Some(bytes) = buffer.get(..length).filter(|bytes| !bytes.is_empty()) else {
            return true;
        };
        let bytes = frames.up_to_boundary(bytes);
        if timeout_at(patience, to.write_all(bytes)).await.is_err() {
            return true;
        }
    }
    let _ = timeout_at(patience, to.write_all(&CLOSE_POLICY)).await;
    true
}

/// Where in the frames (section 5.2) a direction is.
#[derive(Debug, Default)]
struct Frames {
    /// Bytes of the head that were seen so far.
    head: Vec<u8>,
    /// Of the payload, still to come.
    payload: u64,
}

impl Frames {
    fn between(&self) -> bool {
        self.head.is_empty() && self.payload == 0
    }

    fn see(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = self.step(bytes);
        }
    }

    /// The beginning of `bytes` up to the end of the frame under way.
    fn up_to_boundary<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let mut rest = bytes;
        while !rest.is_empty() && !self.between() {
            rest = self.step(rest);
        }
        bytes.get(..bytes.len() - rest.len()).unwrap_or(bytes)
    }

    /// Takes some bytes and returns the rest.
    fn step<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        if self.payload > 0 {
            let length = u64::try_from(bytes.len())
                .unwrap_or(u64::MAX)
                .min(self.payload);
            self.payload -= length;
            let length = usize::try_from(length).unwrap_or(bytes.len());
            return bytes.get(length..).unwrap_or_default();
        }
        let Some((byte, rest)) = bytes.split_first() else {
            return bytes;
        };
        self.head.push(*byte);
        if let Some(payload) = payload_length(&self.head) {
            self.head.clear();
            self.payload = payload;
        }
        rest
    }
}

/// The length in a head that is complete. Masked frames, which only clients send, are understood too.
fn payload_length(head: &[u8]) -> Option<u64> {
    let [_, second, rest @ ..] = head else {
        return None;
    };
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    let short = second & 0x7f;
    let extended = match short {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    if rest.len() < extended + mask {
        return None;
    }
    Some(match extended {
        0 => u64::from(short),
        _ => rest
            .iter()
            .take(extended)
            .fold(0, |length, byte| (length << 8) | u64::from(*byte)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_counted_however_they_arrive() {
        let mut stream = vec![0x81, 5];
        stream.extend(b"hello");
        stream.extend([0x82, 126, 1, 0]);
        stream.extend([7; 256]);
        stream.extend([0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
        stream.extend(vec![9; 65536]);
        stream.extend([0x89, 0x80, 1, 2, 3, 4]);
        stream.extend([0x8a, 0]);
        for piece in [1, 2, 3, 7, 1000, stream.len()] {
            let mut frames = Frames::default();
            for bytes in stream.chunks(piece) {
                frames.see(bytes);
            }
            assert!(frames.between(), "{piece}");
        }
        let mut frames = Frames::default();
        frames.see(&stream[..4]);
        assert!(!frames.between());
        assert_eq!(frames.up_to_boundary(&stream[4..20]), b"llo");
        assert!(frames.between());
    }
}
