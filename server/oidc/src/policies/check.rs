//! What policies look at: one thing that is done to a client, or that the client asks for.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use realmkeep_authn::authorization_request::AuthorizationRequest;
use realmkeep_jose::Verified;
use realmkeep_model::secret_rotation::SecretRotation;
use realmkeep_representations::ClientRepresentation;
use realmkeep_store::{StoreError, Subject};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::context::Context;
use crate::error::OAuthError;
use crate::form::Form;

/// When policies are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyEvent {
    /// A client is about to be made; nothing but what was sent is known of it.
    Register,
    /// It is complete, and about to be written.
    Registered,
    /// A client is about to be changed.
    Update,
    /// The change is complete, and about to be written.
    Updated,
    View,
    Unregister,
    /// An authorization request whose parameters were not looked at.
    PreAuthorization,
    Authorization,
    PushedAuthorization,
    /// A code is sent to the token endpoint.
    TokenRequest,
    TokenRefresh,
    ServiceAccountToken,
    PasswordGrant,
    DeviceAuthorization,
    DeviceToken,
    BackchannelAuthentication,
    BackchannelToken,
    TokenExchange,
    JwtAuthorizationGrant,
    Introspection,
    Revocation,
    UserInfo,
    Logout,
}

/// By what a client is made or changed, named as the condition's settings name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    AuthenticatedUser,
    Anonymous,
    InitialAccessToken,
    RegistrationAccessToken,
}

impl Writer {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AuthenticatedUser => "ByAuthenticatedUser",
            Self::Anonymous => "ByAnonymous",
            Self::InitialAccessToken => "ByInitialAccessToken",
            Self::RegistrationAccessToken => "ByRegistrationAccessToken",
        }
    }
}

/// Who makes or changes a client.
#[derive(Clone, Debug)]
pub struct Author {
    pub writer: Writer,
    /// The user behind it, where there is one.
    pub subject: Option<Arc<Subject>>,
}

/// A request object (RFC 9101) whose signature was found good.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SignedObject {
    pub claims: Map<String, Value>,
    /// It came encrypted.
    pub encrypted: bool,
}

/// One event with all that is known of it. Conditions read it, executors may change `proposed` and
/// `effects`.
pub struct Check<'a> {
    pub event: PolicyEvent,
    pub context: &'a Context,
    /// The client as it is; None while it is made.
    pub client: Option<&'a ClientRepresentation>,
    /// The client as it would be written.
    pub proposed: Option<&'a mut ClientRepresentation>,
    pub author: Option<Author>,
    /// The parameters as they were sent, outside of any request object.
    pub form: Option<&'a Form>,
    pub headers: Option<&'a HeaderMap>,
    /// The request came by `GET`.
    pub by_get: bool,
    pub request: Option<&'a AuthorizationRequest>,
    pub object: Option<&'a SignedObject>,
    /// Names of the parameters behind a pushed reference; None when there is no such reference.
    pub pushed: Option<Vec<String>>,
    /// The scope that is asked for; None where there is nothing to ask for.
    pub scope: Option<&'a str>,
    /// The client's own token that the request is about.
    pub token: Option<&'a Verified>,
    /// Somebody else's token that the request brings as a grant.
    pub assertion: Option<&'a str>,
    /// Alias of the identity provider that vouches for the user.
    pub identity_provider: Option<&'a str>,
    pub effects: Effects,
}

/// What executors wish of the answer.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    /// The access token holds next to nothing.
    pub lightweight: bool,
    /// A refresh hands out no new refresh token; the one that was sent stays good.
    pub keep_refresh_token: bool,
    /// A DPoP key binds the refresh token and not the access token.
    pub bind_only_refresh_token: bool,
    /// The only client scopes that the tokens may have.
    pub scopes: Option<BTreeSet<String>>,
    /// Alias of the flow that the login runs, and the level that it reaches by its end.
    pub flow: Option<(String, Option<i64>)>,
    /// A change by the client leaves its registration access token as it is.
    pub keep_registration_token: bool,
    /// The rules by which the client's secret rotates.
    pub rotation: Option<SecretRotation>,
}

impl<'a> Check<'a> {
    pub fn new(event: PolicyEvent, context: &'a Context) -> Self {
        Self {
            event,
            context,
            client: None,
            proposed: None,
            author: None,
            form: None,
            headers: None,
            by_get: false,
            request: None,
            object: None,
            pushed: None,
            scope: None,
            token: None,
            assertion: None,
            identity_provider: None,
            effects: Effects::default(),
        }
    }

    /// The client, as far as there is one: not before it was made.
    pub(super) fn known_client(&self) -> Option<&ClientRepresentation> {
        match self.event {
            PolicyEvent::Register => None,
            _ => self.client.or(self.proposed.as_deref()),
        }
    }

    pub(super) fn is_confidential(&self) -> bool {
        self.known_client()
            .is_some_and(|c| c.public_client != Some(true) && c.bearer_only != Some(true))
    }

    /// A parameter as it was sent.
    pub(super) fn parameter(&self, name: &str) -> Option<&'a str> {
        self.form?.value(name)
    }
}

/// Why a client, or its request, is refused.
#[derive(Clone, Debug)]
pub struct Violation {
    pub error: &'static str,
    pub description: Cow<'static, str>,
    pub status: StatusCode,
    /// Which policy and executor it was, and for failures why: for the event.
    pub reason: Option<String>,
}

impl Violation {
    pub(super) fn new(error: &'static str, description: impl Into<Cow<'static, str>>) -> Self {
        Self {
            error,
            description: description.into(),
            status: StatusCode::BAD_REQUEST,
            reason: None,
        }
    }

    pub(super) fn request(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new("invalid_request", description)
    }

    pub(super) fn metadata(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new("invalid_client_metadata", description)
    }

    pub(super) fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    pub(super) fn because(mut self, reason: String) -> Self {
        self.reason = Some(reason);
        self
    }
}

impl From<OAuthError> for Violation {
    fn from(error: OAuthError) -> Self {
        Self {
            error: error.error,
            description: error.description,
            status: error.status,
            reason: error.reason,
        }
    }
}

impl From<StoreError> for Violation {
    fn from(error: StoreError) -> Self {
        OAuthError::from(error).into()
    }
}

impl From<Violation> for OAuthError {
    fn from(violation: Violation) -> Self {
        let error = Self::new(violation.status, violation.error, violation.description);
        match violation.reason {
            Some(reason) => error.because(reason),
            None => error,
        }
    }
}
