//! What claims are made of: gathered once for a client and a user, used for every token.

use std::collections::{BTreeMap, HashMap};

use realmkeep_representations::{ProtocolMapperRepresentation, RoleRepresentation};
use realmkeep_store::sessions::UserSession;
use realmkeep_store::{Client, Realm, Subject};

use crate::claims::{self, Claims, Facts, Target};
use crate::context::Context;
use crate::error::OAuthError;
use crate::roles;
use crate::scopes::Scopes;

pub(crate) struct Material<'a> {
    realm: &'a Realm,
    client: &'a Client,
    subject: &'a Subject,
    pub(crate) scopes: Scopes<'a>,
    notes: BTreeMap<String, String>,
    roles: Vec<&'a RoleRepresentation>,
    client_names: HashMap<String, String>,
}

/// Level of a login with a password, where levels are not configured.
pub(crate) const ACR: &str = "1";

impl<'a> Material<'a> {
    /// # Errors
    /// When the database fails.
    pub(crate) async fn gather(
        context: &'a Context,
        client: &'a Client,
        subject: &'a Subject,
        mut scopes: Scopes<'a>,
        notes: BTreeMap<String, String>,
    ) -> Result<Self, OAuthError> {
        let realm: &Realm = &context.realm;
        scopes.client_scopes = roles::applicable_scopes(realm, scopes.client_scopes, subject);
        let mut material = Self {
            realm,
            client,
            subject,
            scopes,
            notes,
            roles: Vec::new(),
            client_names: HashMap::new(),
        };
        let mut added = Vec::new();
        for name in claims::granted_roles(material.mappers()) {
            added.extend(material.role_named(context, name).await?);
        }
        material.roles = roles::visible(
            realm,
            &client.representation,
            &material.scopes.client_scopes,
            subject,
            &added,
        );
        for role in &material.roles {
            if role.client_role == Some(true)
                && let Some(id) = &role.container_id
                && !material.client_names.contains_key(id)
                && let Some(owner) = context.services.store.client_by_id(realm, id).await?
                && let Some(name) = &owner.representation.client_id
            {
                material.client_names.insert(id.clone(), name.clone());
            }
        }
        Ok(material)
    }

    pub(crate) fn claims(&self, target: Target, nonce: Option<&str>) -> Claims {
        let facts = Facts {
            realm: self.realm,
            client: &self.client.representation,
            subject: self.subject,
            notes: &self.notes,
            roles: &self.roles,
            client_names: &self.client_names,
            acr: ACR,
            nonce,
        };
        claims::map(self.mappers(), target, &facts)
    }

    /// Mappers of the scopes in effect, then the client's own.
    fn mappers(&self) -> impl Iterator<Item = &'a ProtocolMapperRepresentation> {
        let client: &'a Client = self.client;
        self.scopes
            .client_scopes
            .clone()
            .into_iter()
            .filter_map(|scope| scope.protocol_mappers.as_ref())
            .chain(client.representation.protocol_mappers.as_ref())
            .flatten()
    }

    /// `role` of the realm, or `client.role`.
    async fn role_named(
        &self,
        context: &Context,
        name: &str,
    ) -> Result<Option<&'a RoleRepresentation>, OAuthError> {
        if let Some(role) = self.realm.roles.realm_role(name) {
            return Ok(Some(role));
        }
        // clientIds may hold dots, and so may role names: the longest clientId that exists wins.
        for (at, _) in name.rmatch_indices('.') {
            let (client_id, rest) = name.split_at(at);
            let Some(owner) = context.services.store.client(self.realm, client_id).await? else {
                continue;
            };
            let id = owner.representation.id.as_deref().unwrap_or_default();
            return Ok(self
                .realm
                .roles
                .client_role(id, rest.trim_start_matches('.')));
        }
        Ok(None)
    }
}

/// Notes of a user session, with those that have a column of their own.
pub(crate) fn session_notes(session: &UserSession) -> BTreeMap<String, String> {
    let mut notes = session.detail.notes.clone();
    if session.detail.auth_time > 0 {
        notes.insert("AUTH_TIME".to_owned(), session.detail.auth_time.to_string());
    }
    notes
}
