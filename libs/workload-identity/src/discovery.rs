//! OpenID Connect Discovery 1.0 and RFC 8414: what we need of an issuer's metadata.

use serde::Deserialize;

use crate::api_server::ApiServer;
use crate::outbound_http::{OutboundError, OutboundHttp};

/// The fields we use; the document may have any others.
#[derive(Clone, Debug, Deserialize)]
pub struct Metadata {
    pub issuer: String,
    pub jwks_uri: Option<String>,
    pub token_endpoint: Option<String>,
    pub introspection_endpoint: Option<String>,
}

/// Why an issuer's metadata cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    #[error(transparent)]
    Http(#[from] OutboundError),
    #[error("the metadata at {url} names the issuer {found}, not {expected}")]
    OtherIssuer {
        url: String,
        found: String,
        expected: String,
    },
    #[error("the metadata of {issuer} has no `{field}`")]
    Missing { issuer: String, field: &'static str },
}

/// Where an issuer publishes its metadata (Discovery section 4.1).
pub fn discovery_url(issuer: &str) -> String {
    format!(
        "{}/.well-known/openid-configuration",
        issuer.trim_end_matches('/')
    )
}

/// Fetches the metadata of `issuer`, from `url` where that is somewhere else than usual.
/// The document has to name exactly this issuer (Discovery section 4.3).
pub async fn discover(
    http: &OutboundHttp,
    api_server: Option<&ApiServer>,
    issuer: &str,
    url: Option<&str>,
) -> Result<Metadata, DiscoveryError> {
    let url = url.map_or_else(|| discovery_url(issuer), str::to_owned);
    let (metadata, _) = match api_server.filter(|api_server| api_server.is_origin_of(&url)) {
        Some(api_server) => {
            api_server
                .get_json::<Metadata>(&url, issuer, "application/json")
                .await?
        }
        None => {
            http.get_json::<Metadata>(&url, "application/json", None)
                .await?
        }
    };
    if metadata.issuer != issuer {
        return Err(DiscoveryError::OtherIssuer {
            url,
            found: metadata.issuer.chars().take(200).collect(),
            expected: issuer.to_owned(),
        });
    }
    Ok(metadata)
}
