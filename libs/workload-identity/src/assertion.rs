//! The platform's credential for this workload.

use std::path::{Path, PathBuf};

use realmkeep_jose::{MAX_TOKEN_BYTES, UnverifiedJwt};
use tokio::io::AsyncReadExt;

use crate::secret::Secret;
use crate::spiffe::{JwtSvidSource, WorkloadApiError};

/// `client_assertion_type` of a JWT (RFC 7523 section 2.2).
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// `client_assertion_type` of a JWT-SVID (draft-ietf-oauth-spiffe-client-auth).
pub const JWT_SPIFFE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe";

/// Where the credential comes from.
#[derive(Clone, Debug)]
pub enum AssertionSource {
    /// A file that the platform keeps fresh, such as a projected service account token. It is read
    /// at each use, because the platform replaces the file and not its content.
    TokenFile(PathBuf),
    /// A JWT-SVID of the SPIFFE Workload API.
    SpiffeJwt(JwtSvidSource),
}

/// A credential, and what it says about its own life.
#[derive(Clone, Debug)]
pub struct Assertion {
    pub token: Secret,
    /// `sub` and `iss`, for people: nobody has verified them here.
    pub subject: Option<String>,
    pub issuer: Option<String>,
    /// Seconds since the epoch.
    pub issued_at: Option<i64>,
    /// Seconds since the epoch.
    pub expires_at: Option<i64>,
}

/// Why there is no credential.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssertionError {
    #[error("the token file {path} cannot be read: {cause}")]
    Unreadable { path: String, cause: String },
    #[error("the token file {path} does not hold a JWT: {cause}")]
    Invalid { path: String, cause: String },
    #[error(transparent)]
    WorkloadApi(#[from] WorkloadApiError),
    #[error("the JWT-SVID of the Workload API cannot be used: {cause}")]
    Svid { cause: String },
}

impl AssertionSource {
    /// The credential as it is now.
    pub async fn assertion(&self) -> Result<Assertion, AssertionError> {
        match self {
            Self::TokenFile(path) => read_token_file(path).await,
            Self::SpiffeJwt(source) => source.assertion().await,
        }
    }

    /// The `client_assertion_type` to send with it.
    pub fn assertion_type(&self) -> &'static str {
        match self {
            Self::TokenFile(_) => JWT_BEARER,
            Self::SpiffeJwt(_) => JWT_SPIFFE,
        }
    }
}

async fn read_token_file(path: &Path) -> Result<Assertion, AssertionError> {
    let name = || path.display().to_string();
    let unreadable = |error: std::io::Error| AssertionError::Unreadable {
        path: name(),
        cause: error.to_string(),
    };
    let file = tokio::fs::File::open(path).await.map_err(unreadable)?;
    let mut text = zeroize::Zeroizing::new(String::new());
    let limit = MAX_TOKEN_BYTES as u64 + 2;
    file.take(limit)
        .read_to_string(&mut text)
        .await
        .map_err(unreadable)?;
    let token = Secret::new(text.trim());
    let jwt = UnverifiedJwt::parse(token.expose()).map_err(|error| AssertionError::Invalid {
        path: name(),
        cause: error.to_string(),
    })?;
    let issued_at = jwt
        .unverified_claims()
        .get("iat")
        .and_then(serde_json::Value::as_i64);
    let expires_at = jwt.unverified_exp();
    let text = |name| jwt.unverified_str(name).map(str::to_owned);
    let (subject, issuer) = (text("sub"), text("iss"));
    Ok(Assertion {
        token,
        subject,
        issuer,
        issued_at,
        expires_at,
    })
}
