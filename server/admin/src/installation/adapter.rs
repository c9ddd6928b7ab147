//! What an OpenID Connect adapter has to know, whatever the format.

use realmkeep_representations::{ClientRepresentation, ProtocolMapperRepresentation};
use serde_json::{Map, Value, json};

use crate::request::Cx;

/// Settings of an adapter, in the order in which files have them.
pub(super) struct Adapter {
    pub(super) realm: String,
    /// With a slash at its end.
    pub(super) server: String,
    /// `external`, `all` or `none`.
    pub(super) ssl_required: String,
    pub(super) resource: String,
    pub(super) bearer_only: bool,
    pub(super) public: bool,
    /// Tokens for others must not pass: the client has roles, or an audience is named after it.
    pub(super) verify_audience: bool,
    /// Roles of the client count, and not those of the realm.
    pub(super) own_roles: bool,
    /// How the client proves itself: `{"secret": …}` or the settings of another way; None where it
    /// does not.
    pub(super) credentials: Option<Map<String, Value>>,
}

impl Adapter {
    /// Without `with_secret` there are no credentials that are secrets.
    pub(super) fn of(cx: &Cx, client: &ClientRepresentation, with_secret: bool) -> Self {
        let id = client.id.as_deref().unwrap_or_default();
        let roles = cx.realm.roles.all.values();
        let mut of_client = roles.filter(|role| role.client_role == Some(true));
        let own_roles = of_client.any(|role| role.container_id.as_deref() == Some(id));
        let bearer_only = client.bearer_only == Some(true);
        let public = client.public_client == Some(true);
        let resource = client.client_id.clone().unwrap_or_default();
        let audience = cx
            .realm
            .client_scopes
            .iter()
            .flat_map(|scope| scope.protocol_mappers.iter().flatten())
            .any(|mapper| is_audience(mapper, &resource));
        Self {
            realm: cx.realm.name.clone(),
            server: format!("{}/", cx.services.base_url.as_str()),
            ssl_required: cx
                .realm
                .settings
                .ssl_required
                .clone()
                .unwrap_or_else(|| "external".to_owned()),
            bearer_only,
            public,
            verify_audience: own_roles || audience,
            own_roles,
            credentials: (!bearer_only && !public)
                .then(|| credentials(client, &resource, with_secret)),
            resource,
        }
    }
}

fn is_audience(mapper: &ProtocolMapperRepresentation, client_id: &str) -> bool {
    mapper.protocol_mapper.as_deref() == Some("oidc-audience-mapper")
        && mapper
            .config
            .as_ref()
            .and_then(|config| config.get("included.client.audience"))
            .is_some_and(|audience| audience == client_id)
}

fn credentials(
    client: &ClientRepresentation,
    client_id: &str,
    with_secret: bool,
) -> Map<String, Value> {
    let secret = client.secret.as_ref().filter(|_| with_secret);
    let secret = secret.map(|secret| json!(secret.expose()));
    let mut all = Map::new();
    match client.client_authenticator_type.as_deref() {
        None | Some("client-secret") => {
            all.extend(secret.map(|secret| ("secret".to_owned(), secret)));
        }
        Some("client-secret-jwt") => {
            all.extend(secret.map(|secret| ("secret-jwt".to_owned(), json!({"secret": secret}))));
        }
        // The key is the application's: where it keeps it is for its owner to fill in.
        Some("client-jwt") => {
            let settings = json!({
                "client-key-password": "PASSWORD-OF-THE-KEY",
                "client-keystore-file": "PATH-OF-THE-KEY-STORE",
                "client-keystore-password": "PASSWORD-OF-THE-KEY-STORE",
                "client-key-alias": client_id,
                "token-timeout": 10,
                "client-keystore-type": "jks",
            });
            all.insert("jwt".to_owned(), settings);
        }
        // A certificate or another issuer's token is nothing that a file could hold.
        Some(_) => {}
    }
    all
}
