//! What this server is and what it has, for clients that ask before they offer a choice. Everything that
//! can be chosen comes from the registry that also makes it work.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing::get};
use http::{HeaderMap, header};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use realmkeep_authn::Services;
use realmkeep_authn::flow::registry;
use realmkeep_events::{LISTENERS, type_names};
use realmkeep_jose::{Algorithm, ContentEncryption, KeyManagement};
use realmkeep_keys::HashAlgorithm;
use realmkeep_keys::providers::component_types as key_providers;
use realmkeep_model::features::{self, Kind};
use realmkeep_model::password_policy::POLICY_TYPES;
use realmkeep_oidc::{content_coding, policies};
use realmkeep_pages::{Console, Pages};
use serde_json::{Map, Value, json};

use crate::actor::Actor;
use crate::audit::RESOURCE_TYPES;
use crate::error::{ApiError, ApiResult};
use crate::identity_providers;
use crate::realms::Caller;
use crate::{authentication, installation};

/// The Keycloak version whose Admin API and representations this server speaks. Tools compare it to
/// decide which fields they may send.
pub const COMPATIBLE_VERSION: &str = "26.7.3";

/// Types of components that have no registry of their own.
const COMPONENT_TYPES: &str = include_str!("data/component_types.json");
/// Protocol mappers that the console offers ready made.
const BUILTIN_MAPPERS: &str = include_str!("data/builtin_protocol_mappers.json");
/// The component type of what clients that register themselves have to keep to.
pub const REGISTRATION_POLICY: &str =
    "org.keycloak.services.clientregistration.policy.ClientRegistrationPolicy";

/// How it is known whether the server has a capability.
#[derive(Clone, Copy, Debug)]
enum Has {
    /// It has no registry of its own.
    Always,
    Never,
    /// The grant type is one that works.
    Grant(&'static str),
    /// The required action is one that works.
    Action(&'static str),
}

impl Has {
    fn is_on(self) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Grant(name) => realmkeep_oidc::token::GRANTS.contains(&name),
            Self::Action(id) => registry::required_action(id).is_some(),
        }
    }
}

/// Capabilities that clients look for by name.
const FEATURES: &[(&str, &str, Has)] = &[
    ("ACCOUNT_API", "Account REST API", Has::Always),
    ("ADMIN_API", "Admin REST API", Has::Always),
    (
        "ADMIN_FINE_GRAINED_AUTHZ_V2",
        "Fine-grained admin permissions",
        Has::Never,
    ),
    ("AUTHORIZATION", "Authorization services", Has::Never),
    (
        "CIBA",
        "Client-initiated backchannel authentication",
        Has::Grant("urn:openid:params:grant-type:ciba"),
    ),
    (
        "CLIENT_AUTH_FEDERATED",
        "Client authentication by other issuers",
        Has::Always,
    ),
    ("CLIENT_POLICIES", "Client policies", Has::Always),
    ("CLIENT_TYPES", "Client types", Has::Never),
    (
        "DEVICE_FLOW",
        "Device authorization grant",
        Has::Grant("urn:ietf:params:oauth:grant-type:device_code"),
    ),
    ("DPOP", "Proof of possession (RFC 9449)", Has::Always),
    ("IMPERSONATION", "Impersonation of users", Has::Always),
    ("KERBEROS", "Kerberos", Has::Never),
    (
        "KUBERNETES_SERVICE_ACCOUNTS",
        "Kubernetes service accounts as clients",
        Has::Always,
    ),
    ("ORGANIZATION", "Organizations", Has::Never),
    ("PAR", "Pushed authorization requests", Has::Always),
    ("PASSKEYS", "Passkeys on login forms", Has::Always),
    (
        "TOKEN_EXCHANGE_STANDARD_V2",
        "Token exchange (RFC 8693)",
        Has::Grant("urn:ietf:params:oauth:grant-type:token-exchange"),
    ),
    (
        "WEB_AUTHN",
        "Passkeys and security keys",
        Has::Action("webauthn-register"),
    ),
    ("WORKFLOWS", "Workflows", Has::Never),
];

pub fn routes() -> Router<Arc<Services>> {
    Router::new().route("/serverinfo", get(read))
}

/// # Errors
/// 403 when the actor has no rights in any realm.
async fn require_any_rights(services: &Services, actor: &Actor) -> ApiResult<()> {
    if actor.can_create_realms() {
        return Ok(());
    }
    for name in services.store.realm_names().await? {
        if let Some(realm) = services.store.realm(&name).await?
            && !actor.rights_in(services, &realm).await?.is_empty()
        {
            return Ok(());
        }
    }
    Err(ApiError::forbidden())
}

/// The longest answer of the API, and the first one that the console asks for: compressed for who takes
/// it.
async fn read(
    services: State<Arc<Services>>,
    caller: Caller,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let info = info(services, caller).await?;
    let vary = (header::VARY, "accept-encoding");
    if content_coding::takes(&headers, "gzip")
        && let Ok(plain) = serde_json::to_vec(&info.0)
        && let Some(compressed) = content_coding::gzip(&plain)
    {
        let kind = [
            vary,
            (header::CONTENT_TYPE, "application/json"),
            (header::CONTENT_ENCODING, "gzip"),
        ];
        return Ok((kind, compressed).into_response());
    }
    Ok(([vary], info).into_response())
}

async fn info(State(services): State<Arc<Services>>, caller: Caller) -> ApiResult<Json<Value>> {
    require_any_rights(&services, &caller.actor).await?;
    let always = FEATURES.iter();
    let always =
        always.map(|(name, label, has)| ((*name).to_owned(), *label, "DEFAULT", has.is_on()));
    let switched = features::FEATURES.iter().map(|feature| {
        let on = feature.is_on(&services.features);
        (
            feature.upper_name(),
            feature.label,
            feature.kind.as_str(),
            on,
        )
    });
    let all: Vec<_> = always.chain(switched).collect();
    let disabled = all.iter().filter(|(.., on)| !on).map(|(name, ..)| name);
    let disabled: Vec<&String> = disabled.collect();
    let preview = all
        .iter()
        .filter(|(_, _, kind, _)| *kind == Kind::Preview.as_str());
    let preview: Vec<&String> = preview.map(|(name, ..)| name).collect();
    let mappers: Value = serde_json::from_str(BUILTIN_MAPPERS).map_err(ApiError::internal)?;
    Ok(Json(json!({
        "systemInfo": system(services.clock.now_millis()),
        "cpuInfo": {
            "processorCount": std::thread::available_parallelism().map_or(1, usize::from),
        },
        "memoryInfo": memory(),
        "profileInfo": {
            "name": "realmkeep",
            "disabledFeatures": disabled,
            "previewFeatures": preview,
            "experimentalFeatures": [],
        },
        "features": all.iter().map(|(name, label, kind, on)| json!({
            "name": name, "label": label, "type": kind, "dependencies": [], "enabled": on,
        })).collect::<Vec<_>>(),
        "cryptoInfo": {
            "cryptoProvider": "aws-lc-rs",
            "supportedKeystoreTypes": ["PKCS12"],
            "clientSignatureSymmetricAlgorithms": ["HS256", "HS384", "HS512"],
            "clientSignatureAsymmetricAlgorithms": [
                "ES256", "ES384", "ES512", "EdDSA", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512",
            ],
        },
        "themes": themes(&services.pages),
        "socialProviders": [],
        "identityProviders": identity_providers::listed(),
        "providers": providers(&services)?,
        "protocolMapperTypes": realmkeep_oidc::protocol_mapper_types(),
        "builtinProtocolMappers": {"openid-connect": mappers},
        "clientInstallations": installation::listed(),
        "componentTypes": component_types()?,
        "passwordPolicies": POLICY_TYPES.iter().map(|policy| {
            let mut shown = json!({
                "id": policy.id, "displayName": policy.display_name,
                "multipleSupported": policy.multiple_supported,
            });
            if let Value::Object(fields) = &mut shown {
                for (key, value) in [("configType", policy.config_type), ("defaultValue", policy.default_value)] {
                    if let Some(value) = value {
                        fields.insert(key.to_owned(), value.into());
                    }
                }
            }
            shown
        }).collect::<Vec<_>>(),
        "enums": {
            "operationType": ["ACTION", "CREATE", "DELETE", "UPDATE"],
            "eventType": type_names(),
            "resourceType": RESOURCE_TYPES,
            "type": ["ORGANIZATION", "REALM"],
        },
        "parameterizedScopeTypes": [],
    })))
}

fn system(now_millis: i64) -> Value {
    static STARTED: OnceLock<Instant> = OnceLock::new();
    let up = STARTED.get_or_init(Instant::now).elapsed();
    let seconds = up.as_secs();
    let time = Timestamp::from_millisecond(now_millis)
        .map(|t| {
            t.to_zoned(TimeZone::UTC)
                .strftime("%a %b %d %H:%M:%S UTC %Y")
                .to_string()
        })
        .unwrap_or_default();
    json!({
        "version": COMPATIBLE_VERSION,
        "serverTime": time,
        "uptime": format!(
            "{} days, {} hours, {} minutes, {} seconds",
            seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60,
        ),
        "uptimeMillis": u64::try_from(up.as_millis()).unwrap_or(u64::MAX),
        "osName": std::env::consts::OS,
        "osArchitecture": std::env::consts::ARCH,
        "fileEncoding": "UTF-8",
        "userTimezone": "Etc/UTC",
        "userLocale": "en",
    })
}

/// Bytes that the process holds and what the machine has, as Linux tells; zeros elsewhere.
fn memory() -> Value {
    let kilobytes = |file: &str, key: &str| -> u64 {
        std::fs::read_to_string(file)
            .ok()
            .and_then(|text| {
                let line = text.lines().find_map(|l| l.strip_prefix(key))?;
                line.split_whitespace().next()?.parse().ok()
            })
            .unwrap_or(0)
    };
    let used = kilobytes("/proc/self/status", "VmRSS:").saturating_mul(1024);
    let total = kilobytes("/proc/meminfo", "MemTotal:").saturating_mul(1024);
    let free = total.saturating_sub(used);
    let shown = |bytes: u64| format!("{} MB", bytes / 1_048_576);
    json!({
        "total": total, "totalFormated": shown(total),
        "used": used, "usedFormated": shown(used),
        "free": free, "freeFormated": shown(free),
        "freePercentage": free.saturating_mul(100).checked_div(total).unwrap_or(0),
    })
}

/// What a realm may choose from. The theme of the login is the mails', too.
fn themes(pages: &Pages) -> Value {
    let locales = realmkeep_pages::built_in_locales();
    let list = |names: Vec<&str>, locales: &[&str]| {
        let names = names.into_iter();
        names
            .map(|name| json!({"name": name, "locales": locales}))
            .collect::<Vec<_>>()
    };
    let own = || vec![realmkeep_pages::BUILT_IN_THEME];
    json!({
        "common": list(own(), &[]),
        "admin": list(pages.console_theme_names(Console::Admin), locales),
        "login": list(pages.theme_names(), locales),
        "account": list(pages.console_theme_names(Console::Account), locales),
        "email": list(pages.theme_names(), locales),
        "welcome": list(own(), &[]),
    })
}

/// Ids of providers by what they are for.
fn providers(services: &Services) -> ApiResult<Value> {
    let features = &services.features;
    let mut all = Map::new();
    let mut put = |kind: &str, ids: Vec<String>| {
        let listed: Map<String, Value> = ids
            .into_iter()
            .map(|id| (id, json!({"order": 0})))
            .collect();
        all.insert(
            kind.to_owned(),
            json!({"internal": false, "providers": listed}),
        );
    };
    let fixed = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    for (kind, spi) in [
        ("authenticator", "authenticator"),
        ("client-authenticator", "client-authenticator"),
        ("form", "form-authenticator"),
        ("form-action", "form-action"),
    ] {
        let ids = authentication::listed(kind)?;
        let ids = ids.iter().filter_map(id_of);
        put(spi, ids.filter(|id| works(kind, id)).collect());
    }
    put(
        "required-action",
        authentication::required_action_names()
            .into_keys()
            .collect(),
    );
    put(
        "eventsListener",
        LISTENERS.iter().map(|l| l.id.to_owned()).collect(),
    );
    put(
        "password-policy",
        POLICY_TYPES.iter().map(|p| p.id.to_owned()).collect(),
    );
    put(
        "password-hashing",
        fixed(&HashAlgorithm::ALL.map(HashAlgorithm::name)),
    );
    put(
        "keys",
        key_providers().into_iter().filter_map(|t| t.id).collect(),
    );
    put(
        "protocol-mapper",
        realmkeep_oidc::protocol_mapper_types()
            .into_values()
            .flatten()
            .filter_map(|t| t.id)
            .collect(),
    );
    let mut protocols = vec!["openid-connect"];
    if features.docker {
        protocols.push(realmkeep_oidc::docker::PROTOCOL);
    }
    put("login-protocol", fixed(&protocols));
    // The console's forms offer these, and do not open without them.
    let asymmetric = Algorithm::ASYMMETRIC.map(Algorithm::as_str);
    put("signature", fixed(&asymmetric));
    let symmetric = Algorithm::SYMMETRIC.map(Algorithm::as_str);
    put(
        "clientSignature",
        [fixed(&asymmetric), fixed(&symmetric)].concat(),
    );
    put(
        "cekmanagement",
        fixed(&KeyManagement::ALL.map(KeyManagement::as_str)),
    );
    put(
        "contentencryption",
        fixed(&ContentEncryption::ALL.map(ContentEncryption::as_str)),
    );
    put("hash", fixed(&["SHA-256", "SHA-384", "SHA-512"]));
    put(
        "vault",
        services
            .keys
            .vault()
            .providers()
            .map(str::to_owned)
            .collect(),
    );
    put(
        "identity_provider",
        identity_providers::listed()
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(id_of)
            .collect(),
    );
    put("client-installation", installation::ids());
    put(
        "client-policy-condition",
        policies::condition_ids().map(str::to_owned).collect(),
    );
    put(
        "client-policy-executor",
        policies::executor_ids().map(str::to_owned).collect(),
    );
    let types: BTreeMap<String, Vec<Value>> =
        serde_json::from_str(COMPONENT_TYPES).map_err(ApiError::internal)?;
    for (kind, spi) in [
        (REGISTRATION_POLICY, "client-registration-policy"),
        ("org.keycloak.validate.Validator", "validator"),
    ] {
        let ids = types.get(kind).into_iter().flatten();
        put(spi, ids.filter_map(id_of).collect());
    }
    Ok(Value::Object(all))
}

/// Whether it is more than a name that flows may have: steps and conditions have registries.
fn works(kind: &str, id: &str) -> bool {
    kind != "authenticator"
        || registry::authenticator(id).is_some()
        || registry::condition(id).is_some()
}

fn id_of(value: &Value) -> Option<String> {
    value.get("id")?.as_str().map(str::to_owned)
}

/// Types of components with what each is configured with.
fn component_types() -> ApiResult<Value> {
    let mut all = Map::new();
    let types: BTreeMap<String, Vec<Value>> =
        serde_json::from_str(COMPONENT_TYPES).map_err(ApiError::internal)?;
    for (kind, list) in types {
        all.insert(kind, list.into_iter().map(complete).collect());
    }
    for (kind, list) in policies::component_types() {
        let list = serde_json::to_value(list).map_err(ApiError::internal)?;
        all.insert(kind.to_owned(), list);
    }
    let keys = serde_json::to_value(key_providers()).map_err(ApiError::internal)?;
    all.insert(crate::whole_realm::KEY_PROVIDER.to_owned(), keys);
    for (kind, name) in [
        ("authenticator", "org.keycloak.authentication.Authenticator"),
        (
            "client-authenticator",
            "org.keycloak.authentication.ClientAuthenticator",
        ),
        ("form", "org.keycloak.authentication.FormAuthenticator"),
        ("form-action", "org.keycloak.authentication.FormAction"),
    ] {
        let described = authentication::described(kind)?.into_iter();
        let described = described.filter(|v| id_of(v).is_some_and(|id| works(kind, &id)));
        all.insert(name.to_owned(), described.collect());
    }
    Ok(Value::Object(all))
}

/// The types of one kind of component, such as [`REGISTRATION_POLICY`].
///
/// # Errors
/// When the table cannot be read, which only a defect can cause.
pub fn types_of(kind: &str) -> ApiResult<Vec<Value>> {
    let types: BTreeMap<String, Vec<Value>> =
        serde_json::from_str(COMPONENT_TYPES).map_err(ApiError::internal)?;
    Ok(types
        .get(kind)
        .into_iter()
        .flatten()
        .cloned()
        .map(complete)
        .collect())
}

/// With what the table leaves out because it is the same everywhere.
fn complete(mut kind: Value) -> Value {
    if let Value::Object(fields) = &mut kind {
        fields.entry("helpText").or_insert_with(|| json!(""));
        fields.entry("metadata").or_insert_with(|| json!({}));
        if let Some(Value::Array(properties)) = fields.get_mut("properties") {
            for property in properties.iter_mut().filter_map(Value::as_object_mut) {
                property.entry("helpText").or_insert_with(|| json!(""));
                for flag in ["secret", "required", "readOnly"] {
                    property.entry(flag).or_insert_with(|| json!(false));
                }
            }
        }
    }
    kind
}
