//! What claims are made of: gathered once for a client and a user, used for every token.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use realmkeep_representations::{ProtocolMapperRepresentation, RoleRepresentation};
use realmkeep_store::sessions::{ClientSessionDetail, UserSession};
use realmkeep_store::{Client, Realm, StoreError, Subject};
use serde_json::{Map, Value};

use crate::bearer::Bearer;
use crate::claims::requested::{self, ClaimsRequest};
use crate::claims::{self, Claims, Facts, RoleName, Target};
use crate::context::Context;
use crate::error::OAuthError;
use crate::issue::one_or_many;
use crate::roles;
use crate::scopes::Scopes;

/// Note of a client's part in a session, or of the session: the `acr` that the login reached.
pub const ACR_NOTE: &str = "acr";
/// Note of a session: methods of the login, space separated or a JSON list (RFC 8176).
pub const AMR_NOTE: &str = "amr";
/// Level of a login where nothing says more.
const ACR: &str = "1";

pub(crate) struct Material<'a> {
    realm: &'a Realm,
    client: &'a Client,
    subject: &'a Subject,
    pub(crate) scopes: Scopes<'a>,
    notes: BTreeMap<String, String>,
    roles: Vec<RoleName>,
    named_roles: HashMap<String, RoleName>,
    session_id: Option<String>,
    acr: String,
    amr: Vec<String>,
    requested: Option<ClaimsRequest>,
}

/// The login that claims tell of.
#[derive(Clone, Copy, Default)]
pub(crate) struct Login<'a> {
    pub(crate) session: Option<&'a UserSession>,
    /// The client's part in it.
    pub(crate) part: Option<&'a ClientSessionDetail>,
}

impl<'a> Material<'a> {
    /// # Errors
    /// When the database fails.
    pub(crate) async fn gather(
        context: &'a Context,
        client: &'a Client,
        subject: &'a Subject,
        mut scopes: Scopes<'a>,
        notes: BTreeMap<String, String>,
        login: Login<'_>,
    ) -> Result<Self, OAuthError> {
        let realm: &Realm = &context.realm;
        scopes.client_scopes = roles::applicable_scopes(realm, scopes.client_scopes, subject);
        let note = |name: &str| {
            let own = login.part.and_then(|part| part.notes.get(name));
            own.or_else(|| notes.get(name)).cloned()
        };
        let mut material = Self {
            realm,
            client,
            subject,
            scopes,
            roles: Vec::new(),
            named_roles: HashMap::new(),
            session_id: login.session.map(|session| session.id.clone()),
            acr: note(ACR_NOTE).unwrap_or_else(|| ACR.to_owned()),
            amr: note(AMR_NOTE)
                .map(|text| methods(&text))
                .unwrap_or_default(),
            requested: note(requested::NOTE).and_then(|text| ClaimsRequest::parse(&text)),
            notes,
        };
        let visible = roles::visible(
            realm,
            &client.representation,
            &material.scopes.client_scopes,
            subject,
            &[],
        );
        for role in visible {
            material.roles.extend(role_name(context, role).await?);
        }
        for name in claims::role_settings(material.mappers()) {
            if let Some(role) = role_named(context, name).await? {
                material.named_roles.insert(name.to_owned(), role);
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
            named_roles: &self.named_roles,
            acr: &self.acr,
            amr: &self.amr,
            nonce,
            session_id: self.session_id.as_deref(),
            requested: self.requested.as_ref(),
            target,
        };
        claims::map(self.mappers(), &self.roles, &facts)
    }

    /// Whether the client knows its users by pseudonyms: their ids must not get out then.
    pub(crate) fn is_pairwise(&self) -> bool {
        claims::is_pairwise(self.mappers())
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
}

/// What claims about the bearer of a token are made of.
pub(crate) async fn of_bearer<'a>(
    context: &'a Context,
    bearer: &'a Bearer,
    scopes: Scopes<'a>,
) -> Result<Material<'a>, OAuthError> {
    let client = &bearer.client;
    let own = client.representation.id.as_deref().unwrap_or_default();
    let part = match &bearer.session {
        Some(session) => {
            let store = &context.services.store;
            let found = store
                .find_client_session(&context.realm.id, &session.id, own)
                .await?;
            found.map(|(_, part)| part.detail)
        }
        None => None,
    };
    let notes = match &bearer.session {
        Some(session) => session_notes(session),
        None => BTreeMap::from([(
            "client_id".to_owned(),
            client.representation.client_id.clone().unwrap_or_default(),
        )]),
    };
    let login = Login {
        session: bearer.session.as_ref(),
        part: part.as_ref(),
    };
    Material::gather(context, client, &bearer.subject, scopes, notes, login).await
}

/// What introspection tells of a good token: the claims that no mapper decides on as they stand in
/// it, the others as mappers fill them for introspection.
pub(crate) async fn introspected(
    context: &Context,
    bearer: &Bearer,
) -> Result<Map<String, Value>, OAuthError> {
    const FIXED: [&str; 14] = [
        "exp",
        "iat",
        "nbf",
        "auth_time",
        "jti",
        "iss",
        "aud",
        "sub",
        "typ",
        "azp",
        "sid",
        "scope",
        "cnf",
        "act",
    ];
    // What was true of the request, and is nowhere else.
    const OF_REQUEST: [&str; 2] = ["clientHost", "clientAddress"];
    let token = bearer.token.claims();
    let scope = bearer.token.str("scope").unwrap_or_default();
    let scopes = Scopes::granted(&context.realm, &bearer.client.representation, scope);
    let material = of_bearer(context, bearer, scopes).await?;
    let mapped = material.claims(Target::Introspection, bearer.token.str("nonce"));
    let mut claims = Map::new();
    for name in FIXED.iter().chain(&OF_REQUEST) {
        if let Some(value) = token.get(*name) {
            claims.insert((*name).to_owned(), value.clone());
        }
    }
    if !token.contains_key("aud") && !mapped.audience.is_empty() {
        claims.insert("aud".to_owned(), one_or_many(mapped.audience));
    }
    for (name, value) in mapped.values {
        claims.entry(name).or_insert(value);
    }
    Ok(claims)
}

/// What tokens call the role; None when its client is gone.
pub(crate) async fn role_name(
    context: &Context,
    role: &RoleRepresentation,
) -> Result<Option<RoleName>, StoreError> {
    let Some(name) = role.name.clone() else {
        return Ok(None);
    };
    if role.client_role != Some(true) {
        return Ok(Some(RoleName { client: None, name }));
    }
    let owner = role.container_id.as_deref().unwrap_or_default();
    let owner = context
        .services
        .store
        .client_by_id(&context.realm, owner)
        .await?;
    Ok(owner
        .and_then(|owner| owner.representation.client_id.clone())
        .map(|client| RoleName {
            client: Some(client),
            name,
        }))
}

/// `role` of the realm, or `client.role`.
async fn role_named(context: &Context, name: &str) -> Result<Option<RoleName>, StoreError> {
    if let Some(role) = context.realm.roles.realm_role(name) {
        return role_name(context, role).await;
    }
    // clientIds may hold dots, and so may role names: the longest clientId that exists wins.
    for (at, _) in name.rmatch_indices('.') {
        let (client_id, rest) = name.split_at(at);
        let Some(owner) = context
            .services
            .store
            .client(&context.realm, client_id)
            .await?
        else {
            continue;
        };
        let id = owner.representation.id.as_deref().unwrap_or_default();
        let role = rest.trim_start_matches('.');
        return match context.realm.roles.client_role(id, role) {
            Some(role) => role_name(context, role).await,
            None => Ok(None),
        };
    }
    Ok(None)
}

/// Notes of a user session, with those that have a column of their own.
pub(crate) fn session_notes(session: &UserSession) -> BTreeMap<String, String> {
    let mut notes = session.detail.notes.clone();
    if session.detail.auth_time > 0 {
        notes.insert("AUTH_TIME".to_owned(), session.detail.auth_time.to_string());
    }
    notes
}

fn methods(text: &str) -> Vec<String> {
    let mut list: Vec<String> = match serde_json::from_str(text) {
        Ok(Value::Array(list)) => list
            .iter()
            .filter_map(|item| item.as_str().map(str::to_owned))
            .collect(),
        _ => text.split([' ', ',']).map(str::to_owned).collect(),
    };
    let mut seen = BTreeSet::new();
    list.retain(|method| !method.is_empty() && seen.insert(method.clone()));
    list
}
