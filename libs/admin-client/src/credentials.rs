//! How we prove to the server who we are.

use std::{fmt, future::Future, path::PathBuf, pin::Pin, sync::Arc};

use realmkeep_representations::SecretString;

/// A fresh client assertion (a JWT whose sole audience is the realm's issuer), or why there is none.
pub type AssertionFuture = Pin<Box<dyn Future<Output = Result<SecretString, String>> + Send>>;

/// Where a client assertion comes from each time a token is needed.
#[derive(Clone)]
pub enum AssertionSource {
    /// A file that something else renews, such as a projected service account token.
    File(PathBuf),
    /// Anything else, such as the Kubernetes TokenRequest API.
    Provider(Arc<dyn Fn() -> AssertionFuture + Send + Sync>),
}

/// Administrator credentials; `realm` is the realm that holds the account, mostly `master`.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// Resource owner password grant (RFC 6749 §4.3); for a laptop, not for a cluster.
    Password {
        realm: String,
        client_id: String,
        username: String,
        password: SecretString,
    },
    /// Client credentials grant (RFC 6749 §4.4) with a shared secret.
    ClientSecret {
        realm: String,
        client_id: String,
        secret: SecretString,
    },
    /// Client credentials grant with a JWT as client authentication (RFC 7523 §2.2): no secret.
    Assertion {
        realm: String,
        client_id: Option<String>,
        source: AssertionSource,
    },
    /// A token that somebody else got; it is not renewed.
    StaticToken(SecretString),
}

impl AssertionSource {
    pub(crate) async fn fetch(&self) -> Result<SecretString, String> {
        match self {
            Self::File(path) => match tokio::fs::read_to_string(path).await {
                Ok(text) if text.trim().is_empty() => {
                    Err(format!("the token file {} is empty", path.display()))
                }
                Ok(text) => Ok(SecretString::new(text.trim())),
                Err(e) => Err(format!(
                    "the token file {} cannot be read: {e}",
                    path.display()
                )),
            },
            Self::Provider(provider) => provider().await,
        }
    }
}

impl fmt::Debug for AssertionSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Provider(_) => f.write_str("Provider"),
        }
    }
}
