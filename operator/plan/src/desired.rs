//! From resources to the objects they declare, in the Admin API's words.

use std::collections::BTreeMap;

use realmkeep_crds::{
    Client, ClientAuth, IdentityProvider, IdentityProviderType, Lifecycle, ObjectName, Realm,
    SmtpSpec,
};
use realmkeep_representations::SecretString;
use serde_json::{Map, Value, json};

use crate::{ObjectKey, Owner, SERVICE_ACCOUNT_ROLES};

/// A secret that a reference led to.
#[derive(Clone, Debug)]
pub struct SecretInput {
    pub value: SecretString,
    /// Changes whenever the value does and tells nothing about it. Servers show secrets masked;
    /// this is how a new value is noticed.
    pub version: String,
}

/// Resolved secrets by the path of the Admin API's field (`secret`, `config.clientSecret`,
/// `smtpServer.password`).
pub type SecretInputs = BTreeMap<String, SecretInput>;

/// What one resource declares.
#[derive(Clone, Debug)]
pub struct DesiredObject {
    pub key: ObjectKey,
    pub resource: ObjectName,
    pub owner: Owner,
    pub lifecycle: Lifecycle,
    /// Managed fields; an explicit null resets.
    pub fields: Map<String, Value>,
    pub secrets: SecretInputs,
    /// The issuer's alias and the subject that a client authenticates with.
    pub federation: Option<(String, String)>,
}

/// What a Realm declares.
pub fn realm(resource: &Realm, owner: Owner, secrets: SecretInputs) -> DesiredObject {
    let spec = &resource.spec;
    let mut fields = spec.settings.clone().unwrap_or_default().fields().clone();
    if let Some(smtp) = &spec.smtp {
        fields.insert("smtpServer".into(), smtp_server(smtp));
    }
    fields.extend(spec.overrides.clone().unwrap_or_default());
    DesiredObject {
        key: ObjectKey::Realm {
            realm: resource.realm_name().to_owned(),
        },
        resource: resource_name("Realm", &owner),
        owner,
        lifecycle: spec.lifecycle(),
        fields,
        secrets,
        federation: None,
    }
}

/// What a Client declares in `realm`.
pub fn client(
    resource: &Client,
    realm: &str,
    owner: Owner,
    secrets: SecretInputs,
) -> DesiredObject {
    let spec = &resource.spec;
    let mut fields = Map::new();
    let federation = spec
        .auth
        .as_ref()
        .and_then(|auth| auth.federation(&owner.namespace));
    if let Some(auth) = &spec.auth {
        authentication(auth, federation.as_ref(), &mut fields);
    }
    let settings = spec.settings.clone().unwrap_or_default();
    for (field, value) in settings.fields() {
        merge(&mut fields, field, value);
    }
    if let Some(roles) = &spec.service_account_roles {
        let mut grants = Map::new();
        if let Some(realm) = &roles.realm {
            grants.insert("realm".into(), json!(realm));
        }
        if let Some(clients) = &roles.clients {
            grants.insert("clients".into(), json!(clients));
        }
        fields.insert(SERVICE_ACCOUNT_ROLES.into(), Value::Object(grants));
    }
    fields.extend(spec.overrides.clone().unwrap_or_default());
    DesiredObject {
        key: ObjectKey::Client {
            realm: realm.to_owned(),
            client_id: resource.client_id().to_owned(),
        },
        resource: resource_name("Client", &owner),
        owner,
        lifecycle: spec.lifecycle(),
        fields,
        secrets,
        federation,
    }
}

/// What an IdentityProvider declares in `realm`.
pub fn identity_provider(
    resource: &IdentityProvider,
    realm: &str,
    owner: Owner,
    secrets: SecretInputs,
) -> DesiredObject {
    let spec = &resource.spec;
    let mut fields = spec.settings.clone().unwrap_or_default().fields().clone();
    let (provider_id, mut config) = provider(&spec.r#type);
    for (key, value) in spec.config.iter().flatten() {
        config.insert(key.clone(), json!(value));
    }
    fields.insert("providerId".into(), Value::from(provider_id));
    fields.insert("config".into(), Value::Object(config));
    fields.extend(spec.overrides.clone().unwrap_or_default());
    DesiredObject {
        key: ObjectKey::IdentityProvider {
            realm: realm.to_owned(),
            alias: resource.alias().to_owned(),
        },
        resource: resource_name("IdentityProvider", &owner),
        owner,
        lifecycle: spec.lifecycle(),
        fields,
        secrets,
        federation: None,
    }
}

/// The mail settings as a whole: what the resource leaves out is reset.
fn smtp_server(smtp: &SmtpSpec) -> Value {
    let port = smtp.port.map(|port| port.to_string());
    json!({
        "host": smtp.host,
        "port": port,
        "from": smtp.from,
        "fromDisplayName": smtp.from_display_name,
        "replyTo": smtp.reply_to,
        "replyToDisplayName": smtp.reply_to_display_name,
        "envelopeFrom": smtp.envelope_from,
        "ssl": smtp.ssl.unwrap_or(false).to_string(),
        "starttls": smtp.starttls.unwrap_or(false).to_string(),
        "auth": smtp.credentials.is_some().to_string(),
        "user": smtp.credentials.as_ref().map(|c| &c.user),
    })
}

/// The fields of one way to authenticate, with those of the other ways reset.
fn authentication(
    auth: &ClientAuth,
    federation: Option<&(String, String)>,
    fields: &mut Map<String, Value>,
) {
    let mut attributes = json!({
        "jwt.credential.issuer": null, "jwt.credential.sub": null,
        "use.jwks.string": null, "jwks.string": null, "use.jwks.url": null, "jwks.url": null,
    });
    let mut set = |key: &str, value: &str| {
        if let Some(attributes) = attributes.as_object_mut() {
            attributes.insert(key.to_owned(), Value::from(value));
        }
    };
    let mut field = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    if let Some((issuer, subject)) = federation {
        set("jwt.credential.issuer", issuer);
        set("jwt.credential.sub", subject);
    }
    match auth {
        ClientAuth::ServiceAccount(_) | ClientAuth::Federated(_) => {
            field("clientAuthenticatorType", "federated-jwt".into());
            field("serviceAccountsEnabled", true.into());
        }
        ClientAuth::SignedJwt(jwt) => {
            field("clientAuthenticatorType", "client-jwt".into());
            if let Some(jwks) = &jwt.jwks {
                set("use.jwks.string", "true");
                set("jwks.string", jwks);
            }
            if let Some(url) = &jwt.jwks_url {
                set("use.jwks.url", "true");
                set("jwks.url", url);
            }
        }
        ClientAuth::ClientSecret(_) => {
            field("clientAuthenticatorType", "client-secret".into());
        }
        ClientAuth::Public(_) => {}
    }
    field("publicClient", matches!(auth, ClientAuth::Public(_)).into());
    field("attributes", attributes);
}

fn provider(kind: &IdentityProviderType) -> (String, Map<String, Value>) {
    let mut config = Map::new();
    let mut set = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            config.insert(key.to_owned(), Value::from(value));
        }
    };
    let provider_id = match kind {
        IdentityProviderType::Kubernetes(kubernetes) => {
            set("issuer", kubernetes.issuer.clone());
            let seconds = |n: Option<i32>| n.map(|n| n.to_string());
            set(
                "fedClientAssertionMaxExp",
                seconds(kubernetes.max_assertion_lifetime),
            );
            set("allowedClockSkew", seconds(kubernetes.allowed_clock_skew));
            "kubernetes".to_owned()
        }
        IdentityProviderType::Oidc(oidc) => {
            set("issuer", Some(oidc.issuer.clone()));
            set("authorizationUrl", oidc.authorization_url.clone());
            set("tokenUrl", oidc.token_url.clone());
            set("userInfoUrl", oidc.user_info_url.clone());
            set("logoutUrl", oidc.logout_url.clone());
            set("clientId", oidc.client_id.clone());
            set("defaultScope", oidc.default_scope.clone());
            let yes_or_no = |b: Option<bool>| b.map(|b| b.to_string());
            set(
                "supportsClientAssertions",
                yes_or_no(oidc.client_assertions),
            );
            set(
                "supportsClientAssertionReuse",
                yes_or_no(oidc.client_assertion_reuse),
            );
            if oidc.jwks_url.is_some() {
                set("jwksUrl", oidc.jwks_url.clone());
                set("useJwksUrl", Some("true".into()));
                set("validateSignature", Some("true".into()));
            }
            "oidc".to_owned()
        }
        IdentityProviderType::Generic(generic) => generic.provider_id.clone(),
    };
    (provider_id, config)
}

/// `value` over what is there; maps by key.
fn merge(fields: &mut Map<String, Value>, field: &str, value: &Value) {
    match (fields.get_mut(field), value) {
        (Some(Value::Object(into)), Value::Object(from)) => {
            for (key, value) in from {
                into.insert(key.clone(), value.clone());
            }
        }
        _ => {
            fields.insert(field.to_owned(), value.clone());
        }
    }
}

fn resource_name(kind: &'static str, owner: &Owner) -> ObjectName {
    ObjectName {
        kind,
        namespace: owner.namespace.clone(),
        name: owner.name.clone(),
    }
}
