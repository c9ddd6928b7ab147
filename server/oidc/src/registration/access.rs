//! Who may register, and manage, clients.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use realmkeep_model::fresh;
use realmkeep_store::initial_access::{InitialAccess, RegistrationAccess};
use realmkeep_store::{Client, Subject};

use super::tokens;
use crate::bearer::{self, BearerError};
use crate::context::Context;
use crate::error::{OAuthError, chain};
use crate::policies::{Author, Writer};
use crate::roles;
use crate::scopes::Scopes;

/// What the request's token allows.
#[derive(Debug)]
pub(super) enum Access {
    /// No token: as far as the policies for everybody allow.
    Anonymous,
    Initial(InitialAccess),
    /// The id of a registration access token; which client it is for its row tells.
    Registration(String),
    /// An access token of a user or service account with roles for it.
    Roles {
        create: bool,
        view: bool,
        manage: bool,
        subject: Arc<Subject>,
    },
}

impl Access {
    /// # Errors
    /// 401 for a token that is good for nothing here.
    pub(super) async fn of(context: &Context, headers: &HeaderMap) -> Result<Self, OAuthError> {
        if !headers.contains_key(header::AUTHORIZATION) {
            return Ok(Self::Anonymous);
        }
        let text = bearer::of_header(headers).ok_or_else(|| invalid("no bearer token"))?;
        let services = &context.services;
        if let Some(token) = tokens::read(services, &context.realm, text).await? {
            let id = token.jti().unwrap_or_default();
            if token.str("typ") == Some(tokens::REGISTRATION) {
                return Ok(Self::Registration(id.to_owned()));
            }
            let store = &services.store;
            let found = store.find_initial_access(&context.realm.id, id).await?;
            let usable = found.filter(|access| {
                access.remaining > 0 && (access.expires == 0 || access.expires > context.now)
            });
            return usable
                .map(Self::Initial)
                .ok_or_else(|| invalid("the initial access token is used up, expired or gone"));
        }
        let bearer = match bearer::access_token(services, &context.realm, text).await {
            Ok(bearer) => bearer,
            Err(error @ (BearerError::Store(_) | BearerError::Keys(_))) => {
                return Err(OAuthError::internal(&chain(&error)));
            }
            Err(error) => return Err(invalid(&error.to_string())),
        };
        // As far as the client that got the token may use the roles.
        let realm = &context.realm;
        let scope = bearer.token.str("scope").unwrap_or_default();
        let client = &bearer.client.representation;
        let scopes = Scopes::granted(realm, client, scope);
        let scopes = roles::applicable_scopes(realm, scopes.client_scopes, &bearer.subject);
        let visible = roles::visible(realm, client, &scopes, &bearer.subject, &[]);
        let rights = if realm.name == fresh::MASTER {
            fresh::admin_client_id(fresh::MASTER)
        } else {
            fresh::REALM_MANAGEMENT.to_owned()
        };
        let owner = services.store.client(realm, &rights).await?;
        let owner = owner.and_then(|owner| owner.representation.id.clone());
        let has = |name: &str| {
            owner.is_some()
                && visible.iter().any(|role| {
                    role.client_role == Some(true)
                        && role.container_id == owner
                        && role.name.as_deref() == Some(name)
                })
        };
        let manage = has("manage-clients");
        Ok(Self::Roles {
            create: manage || has("create-client"),
            view: manage || has("view-clients"),
            manage,
            subject: bearer.subject.clone(),
        })
    }

    /// Who writes the client, as client policies tell it.
    pub(super) fn author(&self) -> Author {
        let (writer, subject) = match self {
            Self::Anonymous => (Writer::Anonymous, None),
            Self::Initial(_) => (Writer::InitialAccessToken, None),
            Self::Registration(_) => (Writer::RegistrationAccessToken, None),
            Self::Roles { subject, .. } => (Writer::AuthenticatedUser, Some(subject.clone())),
        };
        Author { writer, subject }
    }

    /// Whose policies bind a client that is registered now.
    pub(super) fn policies(&self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            _ => "authenticated",
        }
    }

    /// # Errors
    /// 403 for a token that is for something else.
    pub(super) fn require_create(&self) -> Result<(), OAuthError> {
        match self {
            Self::Anonymous | Self::Initial(_) | Self::Roles { create: true, .. } => Ok(()),
            _ => Err(forbidden()),
        }
    }

    /// The client's registration row, where the token allows to look at the client, or to change it.
    ///
    /// # Errors
    /// 401 or 403; of a client that is not there nothing is told.
    pub(super) async fn require(
        &self,
        context: &Context,
        client: Option<&Client>,
        change: bool,
    ) -> Result<Option<RegistrationAccess>, OAuthError> {
        let id = client.and_then(|client| client.representation.id.as_deref());
        let row = match id {
            Some(id) => context.services.store.registration_access(id).await?,
            None => None,
        };
        match self {
            Self::Registration(token) => {
                let own = row.filter(|row| row.token_id == *token);
                own.map(Some)
                    .ok_or_else(|| invalid("it is not this client's registration access token"))
            }
            Self::Roles { manage: true, .. } => Ok(row),
            Self::Roles { view: true, .. } if !change => Ok(row),
            Self::Roles { .. } | Self::Initial(_) => Err(forbidden()),
            Self::Anonymous => Err(invalid("no token")),
        }
    }
}

fn invalid(reason: &str) -> OAuthError {
    let mut error = OAuthError::new(
        StatusCode::UNAUTHORIZED,
        "invalid_token",
        "Failed decode token",
    );
    error.reason = Some(reason.to_owned());
    error
}

fn forbidden() -> OAuthError {
    OAuthError::new(StatusCode::FORBIDDEN, "insufficient_scope", "Forbidden").event("not_allowed")
}

/// The answer's challenge (RFC 6750 section 3).
pub(super) fn challenge(error: &OAuthError) -> Option<HeaderValue> {
    (error.status == StatusCode::UNAUTHORIZED)
        .then(|| HeaderValue::from_static("Bearer error=\"invalid_token\""))
}
