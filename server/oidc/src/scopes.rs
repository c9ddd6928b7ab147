//! Scopes: what a client may have, what it asked for, what it gets (RFC 6749 section 3.3).

use std::collections::BTreeSet;

use realmkeep_representations::{ClientRepresentation, ClientScopeRepresentation};
use realmkeep_store::Realm;

use crate::error::OAuthError;

pub const OPENID: &str = "openid";
pub const OFFLINE_ACCESS: &str = "offline_access";
/// Longest scope parameter, and most scopes in it.
const MAX_BYTES: usize = 4096;
const MAX_SCOPES: usize = 100;

/// Scopes that were asked for and are allowed, with the client's defaults.
#[derive(Clone, Debug)]
pub struct Scopes<'a> {
    /// Whether it is an OpenID Connect request.
    pub openid: bool,
    /// The client scopes in effect: the defaults and what was asked for of the optional ones.
    pub client_scopes: Vec<&'a ClientScopeRepresentation>,
}

impl<'a> Scopes<'a> {
    /// Resolves the `scope` parameter for a client.
    ///
    /// # Errors
    /// `invalid_scope` when something in it is not known or not the client's.
    pub fn resolve(
        realm: &'a Realm,
        client: &ClientRepresentation,
        requested: Option<&str>,
    ) -> Result<Self, OAuthError> {
        let text = requested.unwrap_or_default();
        let refused = || {
            let shown: String = text.chars().take(200).collect();
            OAuthError::invalid_scope(format!("Invalid scopes: {shown}"))
        };
        if text.len() > MAX_BYTES {
            return Err(refused());
        }
        let asked: Vec<&str> = text.split(' ').filter(|name| !name.is_empty()).collect();
        if asked.len() > MAX_SCOPES {
            return Err(refused());
        }
        let holds = |list: &Option<Vec<String>>, name: &str| {
            list.iter().flatten().any(|known| known == name)
        };
        for name in &asked {
            let known = *name == OPENID
                || holds(&client.default_client_scopes, name)
                || holds(&client.optional_client_scopes, name);
            if !known {
                return Err(refused());
            }
        }
        // The client's order, then the request's: answers look the same every time.
        let optional = asked
            .iter()
            .copied()
            .filter(|name| holds(&client.optional_client_scopes, name));
        let mut in_effect: Vec<&'a ClientScopeRepresentation> = Vec::new();
        for name in client
            .default_client_scopes
            .iter()
            .flatten()
            .map(String::as_str)
            .chain(optional)
        {
            if let Some(scope) = realm.client_scope(name)
                && scope.protocol.as_deref() != Some("saml")
                && !in_effect.iter().any(|known| known.id == scope.id)
            {
                in_effect.push(scope);
            }
        }
        Ok(Self {
            openid: asked.contains(&OPENID),
            client_scopes: in_effect,
        })
    }

    /// Resolves scopes that were granted before; what the client lost since is left out.
    pub fn granted(realm: &'a Realm, client: &ClientRepresentation, granted: &str) -> Self {
        let still = |name: &&str| {
            *name == OPENID
                || client
                    .default_client_scopes
                    .iter()
                    .chain(&client.optional_client_scopes)
                    .flatten()
                    .any(|known| known == name)
        };
        let kept: Vec<&str> = granted.split(' ').filter(still).collect();
        Self::resolve(realm, client, Some(&kept.join(" "))).unwrap_or(Self {
            openid: false,
            client_scopes: Vec::new(),
        })
    }

    /// Without the client scopes that are not among `names`, where there is such a list.
    #[must_use]
    pub(crate) fn only(mut self, names: Option<&BTreeSet<String>>) -> Self {
        if let Some(names) = names {
            self.client_scopes
                .retain(|scope| scope.name.as_ref().is_some_and(|name| names.contains(name)));
        }
        self
    }

    /// All scopes in effect, space separated; resolving it again gives the same scopes.
    pub fn all(&self) -> String {
        self.joined(|_| true)
    }

    /// The scopes that tokens and answers show.
    pub fn shown(&self) -> String {
        self.joined(|scope| {
            scope
                .attributes
                .as_ref()
                .and_then(|attributes| attributes.get("include.in.token.scope"))
                .is_none_or(|shown| shown == "true")
        })
    }

    fn joined(&self, filter: impl Fn(&ClientScopeRepresentation) -> bool) -> String {
        let openid = self.openid.then_some(OPENID);
        let named = self
            .client_scopes
            .iter()
            .filter(|scope| filter(scope))
            .filter_map(|scope| scope.name.as_deref());
        openid
            .into_iter()
            .chain(named)
            .collect::<Vec<_>>()
            .join(" ")
    }
}
