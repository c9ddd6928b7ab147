//! Why a request is not let in, and what its sender is told (RFC 6750 section 3, RFC 9449 section
//! 7.1, RFC 9470 section 3, RFC 9728 section 5.1).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

/// Why a request is not let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denial {
    /// No token.
    Missing,
    /// Nothing that could be understood in one way only.
    Malformed(&'static str),
    /// A token that is not accepted.
    Invalid {
        reason: &'static str,
        description: String,
    },
    /// A DPoP proof that is missing or not accepted.
    InvalidProof(&'static str),
    /// A good token that does not have one of these scopes.
    InsufficientScope(String),
    /// A good token of a login that was not strong or not recent enough (RFC 9470).
    StepUp {
        acr_values: Option<String>,
        /// Seconds.
        max_age: Option<u64>,
    },
    /// Not allowed, whatever the token.
    Forbidden { reason: &'static str },
    /// Nobody can say: the issuer's keys or its introspection endpoint cannot be had.
    Unavailable { retry_after: Duration },
}

/// A denial, and the issuer the token named if that is one of ours.
#[derive(Clone, Debug)]
pub struct Denied {
    pub denial: Denial,
    pub issuer: Option<Arc<str>>,
}

/// What a refused caller is told about this resource.
#[derive(Clone, Copy, Debug, Default)]
pub struct Challenge<'a> {
    /// URL of the protected resource metadata (RFC 9728).
    pub resource_metadata: Option<&'a str>,
    /// Bearer tokens are accepted.
    pub bearer: bool,
    /// DPoP-bound tokens are accepted.
    pub dpop: bool,
}

impl Denial {
    /// One of few words, for metrics and logs.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Missing => "missing_token",
            Self::Malformed(_) => "malformed_request",
            Self::Invalid { reason, .. } | Self::Forbidden { reason } => reason,
            Self::InvalidProof(_) => "dpop_proof",
            Self::InsufficientScope(_) => "insufficient_scope",
            Self::StepUp { .. } => "step_up",
            Self::Unavailable { .. } => "keys_unavailable",
        }
    }

    pub fn status(&self) -> StatusCode {
        match self {
            Self::Missing | Self::Invalid { .. } | Self::InvalidProof(_) | Self::StepUp { .. } => {
                StatusCode::UNAUTHORIZED
            }
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::InsufficientScope(_) | Self::Forbidden { .. } => StatusCode::FORBIDDEN,
            Self::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The error code of the answer's JSON and challenge.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing => "unauthorized",
            Self::Malformed(_) => "invalid_request",
            Self::Invalid { .. } => "invalid_token",
            Self::InvalidProof(_) => "invalid_dpop_proof",
            Self::InsufficientScope(_) => "insufficient_scope",
            Self::StepUp { .. } => "insufficient_user_authentication",
            Self::Forbidden { .. } => "access_denied",
            Self::Unavailable { .. } => "temporarily_unavailable",
        }
    }

    pub fn invalid(reason: &'static str, description: impl fmt::Display) -> Self {
        Self::Invalid {
            reason,
            description: description.to_string(),
        }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("an access token is required"),
            Self::Malformed(why) | Self::InvalidProof(why) => f.write_str(why),
            Self::Invalid { description, .. } => f.write_str(description),
            Self::InsufficientScope(scope) => {
                write!(
                    f,
                    "the token does not have the scope that is needed: {scope}"
                )
            }
            Self::StepUp { .. } => f.write_str("a stronger or more recent login is required"),
            Self::Forbidden { .. } => f.write_str("this request is not allowed"),
            Self::Unavailable { .. } => f.write_str(
                "the issuer of the token cannot be asked at the moment; try again later",
            ),
        }
    }
}

impl From<Denial> for Denied {
    fn from(denial: Denial) -> Self {
        Self {
            denial,
            issuer: None,
        }
    }
}

/// The value of `WWW-Authenticate`, where one belongs to this denial.
pub fn challenge(denial: &Denial, about: &Challenge<'_>) -> Option<String> {
    let mut parameters = Vec::new();
    match denial {
        Denial::Forbidden { .. } | Denial::Unavailable { .. } => return None,
        // RFC 6750 section 3.1: no error code for a request without a token.
        Denial::Missing => {}
        _ => {
            parameters.push(("error", denial.code().to_owned()));
            parameters.push(("error_description", denial.to_string()));
        }
    }
    match denial {
        Denial::InsufficientScope(scope) => parameters.push(("scope", scope.clone())),
        Denial::StepUp {
            acr_values,
            max_age,
        } => {
            if let Some(acr_values) = acr_values {
                parameters.push(("acr_values", acr_values.clone()));
            }
            if let Some(max_age) = max_age {
                parameters.push(("max_age", max_age.to_string()));
            }
        }
        _ => {}
    }
    if let Some(url) = about.resource_metadata {
        parameters.push(("resource_metadata", url.to_owned()));
    }
    // The scheme that would help: a bad proof is a matter of DPoP alone.
    let scheme = if matches!(denial, Denial::InvalidProof(_)) || !about.bearer {
        "DPoP"
    } else {
        "Bearer"
    };
    if scheme == "DPoP" {
        parameters.push(("algs", crate::dpop::ALGORITHMS.join(" ")));
    }
    let mut value = written(scheme, &parameters);
    if scheme == "Bearer" && about.dpop && *denial == Denial::Missing {
        let algs = crate::dpop::ALGORITHMS.join(" ");
        value = format!("{value}, {}", written("DPoP", &[("algs", algs)]));
    }
    Some(value)
}

fn written(scheme: &str, parameters: &[(&str, String)]) -> String {
    let list: Vec<String> = parameters
        .iter()
        .map(|(name, value)| format!("{name}=\"{}\"", quotable(value)))
        .collect();
    if list.is_empty() {
        scheme.to_owned()
    } else {
        format!("{scheme} {}", list.join(", "))
    }
}

/// The characters that a description may have are those of RFC 6750 section 3.
fn quotable(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '"' => '\'',
            '\\' => '/',
            ' '..='~' => c,
            _ => '?',
        })
        .collect()
}
