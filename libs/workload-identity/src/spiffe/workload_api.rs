//! The Workload API: who this workload is, as its platform says (SPIFFE Workload API section 5).
//!
//! Two unary calls over a unix socket do not need a gRPC library; these are the calls.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{CONTENT_TYPE, HeaderMap, TE};
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::net::UnixStream;
use zeroize::Zeroizing;

use crate::secret::Secret;
use crate::spiffe::id::SpiffeId;
use crate::spiffe::proto::{JwtSvidRequest, JwtSvidResponse, X509SvidRequest, X509SvidResponse};

/// Longer answers are refused.
const MAX_ANSWER: usize = 4 * 1024 * 1024;
/// `InvalidArgument`: asking again does not help.
const INVALID_ARGUMENT: u16 = 3;

/// The Workload API at a unix socket.
#[derive(Clone, Debug)]
pub struct WorkloadApi {
    socket: PathBuf,
    timeout: Duration,
}

/// A JWT-SVID.
#[derive(Clone, Debug)]
pub struct JwtSvid {
    pub id: SpiffeId,
    pub token: Secret,
}

/// An X.509-SVID with its key and the authorities of its trust domain.
#[derive(Clone)]
pub struct X509Svid {
    pub id: SpiffeId,
    /// DER, one after another, the workload's own certificate first.
    pub chain: Vec<u8>,
    /// PKCS#8 DER.
    pub key: Zeroizing<Vec<u8>>,
    /// DER, one after another.
    pub bundle: Vec<u8>,
}

/// Why there is no identity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorkloadApiError {
    #[error("the SPIFFE Workload API at {socket} cannot be reached: {cause}")]
    Unreachable { socket: String, cause: String },
    #[error("the SPIFFE Workload API refused with status {code}: {message}")]
    Refused { code: u16, message: String },
    #[error("the answer of the SPIFFE Workload API cannot be used: {0}")]
    InvalidAnswer(&'static str),
}

impl WorkloadApiError {
    /// Whether asking again may help.
    pub fn is_transient(&self) -> bool {
        !matches!(
            self,
            Self::Refused {
                code: INVALID_ARGUMENT,
                ..
            }
        )
    }
}

impl WorkloadApi {
    /// `timeout` is for a whole call.
    pub fn new(socket: impl Into<PathBuf>, timeout: Duration) -> Self {
        Self {
            socket: socket.into(),
            timeout,
        }
    }

    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// A JWT-SVID for exactly this audience; of `id`, or the workload's first identity.
    pub async fn jwt_svid(
        &self,
        audience: &str,
        id: Option<&str>,
    ) -> Result<JwtSvid, WorkloadApiError> {
        let request = JwtSvidRequest {
            audience: vec![audience.to_owned()],
            spiffe_id: id.unwrap_or_default().to_owned(),
        };
        let answer: JwtSvidResponse = self.call("FetchJWTSVID", &request).await?;
        let svid = answer
            .svids
            .into_iter()
            .find(|svid| id.is_none_or(|id| svid.spiffe_id == id))
            .ok_or(WorkloadApiError::InvalidAnswer("it holds no JWT-SVID"))?;
        let id = svid
            .spiffe_id
            .parse()
            .map_err(|_| WorkloadApiError::InvalidAnswer("its SPIFFE ID is none"))?;
        Ok(JwtSvid {
            id,
            token: Secret::new(svid.svid),
        })
    }

    /// The X.509-SVID as it is now; of `id`, or the workload's first identity.
    pub async fn x509_svid(&self, id: Option<&str>) -> Result<X509Svid, WorkloadApiError> {
        let answer: X509SvidResponse = self.call("FetchX509SVID", &X509SvidRequest {}).await?;
        let svid = answer
            .svids
            .into_iter()
            .find(|svid| id.is_none_or(|id| svid.spiffe_id == id))
            .ok_or(WorkloadApiError::InvalidAnswer("it holds no X.509-SVID"))?;
        let id = svid
            .spiffe_id
            .parse()
            .map_err(|_| WorkloadApiError::InvalidAnswer("its SPIFFE ID is none"))?;
        Ok(X509Svid {
            id,
            chain: svid.x509_svid,
            key: Zeroizing::new(svid.x509_svid_key),
            bundle: svid.bundle,
        })
    }

    async fn call<A: Message + Default>(
        &self,
        method: &str,
        request: &impl Message,
    ) -> Result<A, WorkloadApiError> {
        tokio::time::timeout(self.timeout, self.first_message(method, request))
            .await
            .unwrap_or_else(|_| Err(self.unreachable("it did not answer in time")))
    }

    /// Asks and takes the first message of the answer; a stream is left after it.
    async fn first_message<A: Message + Default>(
        &self,
        method: &str,
        request: &impl Message,
    ) -> Result<A, WorkloadApiError> {
        let stream = UnixStream::connect(&self.socket)
            .await
            .map_err(|error| self.unreachable(error))?;
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await
                .map_err(|error| self.unreachable(error))?;
        let connection = tokio::spawn(connection);
        let request = framed(request)
            .and_then(|body| {
                Request::post(format!("http://localhost/SpiffeWorkloadAPI/{method}"))
                    .header(CONTENT_TYPE, "application/grpc")
                    .header(TE, "trailers")
                    // Section 6.2.1: no browser and no naive proxy sends this.
                    .header("workload.spiffe.io", "true")
                    .body(Full::new(body))
                    .ok()
            })
            .ok_or(WorkloadApiError::InvalidAnswer(
                "the question cannot be written",
            ))?;
        let answer = sender.send_request(request).await;
        let outcome = match answer {
            Ok(response) => self.read(response).await,
            Err(error) => Err(self.unreachable(error)),
        };
        connection.abort();
        outcome
    }

    async fn read<A: Message + Default>(
        &self,
        response: hyper::Response<hyper::body::Incoming>,
    ) -> Result<A, WorkloadApiError> {
        if response.status() != StatusCode::OK {
            return Err(self.unreachable(format!("HTTP status {}", response.status())));
        }
        if let Some(refused) = refusal(response.headers()) {
            return Err(refused);
        }
        let mut body = Limited::new(response.into_body(), MAX_ANSWER);
        let mut received = Zeroizing::new(Vec::new());
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| self.unreachable(error))?;
            match frame.into_data() {
                Ok(data) => received.extend_from_slice(&data),
                Err(frame) => {
                    if let Some(refused) = frame.trailers_ref().and_then(refusal) {
                        return Err(refused);
                    }
                }
            }
            if let Some(message) = first_message(&received)? {
                return A::decode(message).map_err(|_| {
                    WorkloadApiError::InvalidAnswer("it is not the message expected")
                });
            }
        }
        Err(WorkloadApiError::InvalidAnswer("it is empty"))
    }

    fn unreachable(&self, cause: impl fmt::Display) -> WorkloadApiError {
        WorkloadApiError::Unreachable {
            socket: self.socket.display().to_string(),
            cause: cause.to_string(),
        }
    }
}

impl fmt::Debug for X509Svid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("X509Svid")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

fn framed(message: &impl Message) -> Option<Bytes> {
    let length = u32::try_from(message.encoded_len()).ok()?;
    let mut framed = BytesMut::new();
    framed.put_u8(0);
    framed.put_u32(length);
    message.encode(&mut framed).ok()?;
    Some(framed.freeze())
}

fn first_message(received: &[u8]) -> Result<Option<&[u8]>, WorkloadApiError> {
    let Some((prefix, rest)) = received.split_at_checked(5) else {
        return Ok(None);
    };
    match prefix {
        [0, a, b, c, d] => {
            let length = usize::try_from(u32::from_be_bytes([*a, *b, *c, *d]))
                .ok()
                .filter(|length| *length <= MAX_ANSWER)
                .ok_or(WorkloadApiError::InvalidAnswer("it is too long"))?;
            Ok(rest.get(..length))
        }
        _ => Err(WorkloadApiError::InvalidAnswer("it is compressed")),
    }
}

fn refusal(headers: &HeaderMap) -> Option<WorkloadApiError> {
    let code = headers.get("grpc-status")?.to_str().ok()?.parse().ok()?;
    if code == 0 {
        return None;
    }
    let message = headers
        .get("grpc-message")
        .and_then(|message| message.to_str().ok())
        .unwrap_or_default()
        .chars()
        .filter(|c| !c.is_control())
        .take(300)
        .collect();
    Some(WorkloadApiError::Refused { code, message })
}
