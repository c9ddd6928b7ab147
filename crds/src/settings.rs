//! The payload of a resource: a representation without the fields that have another home.
//!
//! The raw JSON is kept, because the planner must see exactly what was written: an absent field is
//! not managed, a value is managed, an explicit null resets.

use std::{borrow::Cow, fmt, marker::PhantomData};

use realmkeep_representations::{
    ClientRepresentation, IdentityProviderRepresentation, RealmRepresentation, strict,
};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use crate::is_secret_key;

/// Whose settings they are.
pub trait SettingsKind: 'static {
    type Representation: DeserializeOwned + JsonSchema;
    const NAME: &'static str;
    /// Fields that are not settings, and what to use instead.
    const ELSEWHERE: &'static [(&'static str, &'static str)];
}

/// Settings as written.
pub struct Settings<K> {
    fields: Map<String, Value>,
    kind: PhantomData<fn() -> K>,
}

pub type RealmSettings = Settings<RealmKind>;
pub type ClientSettings = Settings<ClientKind>;
pub type IdentityProviderSettings = Settings<IdentityProviderKind>;

pub struct RealmKind;
pub struct ClientKind;
pub struct IdentityProviderKind;

const BY_SERVER: &str = "the server assigns it";
const LATER: &str = "no resource declares it yet; use the Admin API";
const OBSOLETE: &str = "it is obsolete and has no effect";
const NOT_ON_REALM: &str = "it cannot be set on an existing realm through the Admin API";

impl SettingsKind for RealmKind {
    type Representation = RealmRepresentation;
    const NAME: &'static str = "RealmSettings";
    const ELSEWHERE: &'static [(&'static str, &'static str)] = &[
        ("id", BY_SERVER),
        ("realm", "use spec.realmName"),
        ("clients", "write a Client resource for each"),
        (
            "identityProviders",
            "write an IdentityProvider resource for each",
        ),
        ("smtpServer", "use spec.smtp"),
        (
            "users",
            "users are data, not declared state; use the Admin API",
        ),
        (
            "federatedUsers",
            "users are data, not declared state; use the Admin API",
        ),
        ("identityProviderMappers", LATER),
        ("roles", LATER),
        ("defaultRole", LATER),
        ("groups", LATER),
        ("defaultGroups", LATER),
        ("components", LATER),
        ("clientScopes", LATER),
        ("defaultDefaultClientScopes", LATER),
        ("defaultOptionalClientScopes", LATER),
        ("scopeMappings", LATER),
        ("clientScopeMappings", LATER),
        ("authenticationFlows", LATER),
        ("authenticatorConfig", LATER),
        ("requiredActions", LATER),
        ("organizations", LATER),
        ("localizationTexts", LATER),
        ("clientPolicies", LATER),
        ("clientProfiles", LATER),
        ("protocolMappers", NOT_ON_REALM),
        ("adminPermissionsClient", BY_SERVER),
        ("keycloakVersion", BY_SERVER),
        ("publicKey", BY_SERVER),
        ("privateKey", "the server makes its keys itself"),
        ("certificate", BY_SERVER),
        ("codeSecret", OBSOLETE),
        ("applications", OBSOLETE),
        ("applicationScopeMappings", OBSOLETE),
        ("oauthClients", OBSOLETE),
        ("clientTemplates", OBSOLETE),
        ("defaultRoles", OBSOLETE),
        ("passwordCredentialGrantAllowed", OBSOLETE),
        ("social", OBSOLETE),
        ("socialProviders", OBSOLETE),
        ("updateProfileOnInitialSocialLogin", OBSOLETE),
        ("userFederationMappers", OBSOLETE),
        ("userFederationProviders", OBSOLETE),
    ];
}

impl SettingsKind for ClientKind {
    type Representation = ClientRepresentation;
    const NAME: &'static str = "ClientSettings";
    const ELSEWHERE: &'static [(&'static str, &'static str)] = &[
        ("id", BY_SERVER),
        ("clientId", "use spec.clientId"),
        ("secret", "use spec.auth.clientSecret.valueFrom"),
        ("clientAuthenticatorType", "use spec.auth"),
        ("publicClient", "use spec.auth.public"),
        ("registrationAccessToken", BY_SERVER),
        ("access", BY_SERVER),
        ("origin", BY_SERVER),
        ("registeredNodes", BY_SERVER),
        ("authorizationSettings", LATER),
        ("clientTemplate", OBSOLETE),
        ("defaultRoles", OBSOLETE),
        ("directGrantsOnly", OBSOLETE),
        ("useTemplateConfig", OBSOLETE),
        ("useTemplateMappers", OBSOLETE),
        ("useTemplateScope", OBSOLETE),
    ];
}

impl SettingsKind for IdentityProviderKind {
    type Representation = IdentityProviderRepresentation;
    const NAME: &'static str = "IdentityProviderSettings";
    const ELSEWHERE: &'static [(&'static str, &'static str)] = &[
        ("alias", "use spec.alias"),
        ("internalId", BY_SERVER),
        ("providerId", "use spec.type"),
        (
            "config",
            "use spec.config, and spec.secretConfig for secrets",
        ),
        ("types", BY_SERVER),
        ("organizationId", LATER),
        ("updateProfileFirstLogin", OBSOLETE),
        ("updateProfileFirstLoginMode", OBSOLETE),
    ];
}

impl<K: SettingsKind> Settings<K> {
    /// # Errors
    /// Names the fields that are unknown, of a wrong type, or that have another home.
    pub fn new(fields: Map<String, Value>) -> Result<Self, String> {
        for (field, home) in K::ELSEWHERE {
            if fields.contains_key(*field) {
                return Err(format!("{field}: not a setting; {home}"));
            }
        }
        let value = Value::Object(fields);
        strict::refuse_unknown::<K::Representation>(&value).map_err(|e| e.to_string())?;
        if let Some(path) = literal_secret(&value, "") {
            return Err(format!(
                "{path}: secrets are not written in a resource; refer to a Secret instead"
            ));
        }
        match value {
            Value::Object(fields) => Ok(Self {
                fields,
                kind: PhantomData,
            }),
            _ => Err("an object was expected".into()),
        }
    }

    /// The fields as written, explicit nulls included.
    pub fn fields(&self) -> &Map<String, Value> {
        &self.fields
    }

    /// Whether `field` of the representation can be written here.
    pub fn has_field(field: &str) -> bool {
        let mut generator = SchemaGenerator::default();
        K::Representation::json_schema(&mut generator)
            .get("properties")
            .is_some_and(|p| p.get(field).is_some())
    }
}

/// The path of the first secret-like key of a free-form map that has a literal value.
fn literal_secret(value: &Value, path: &str) -> Option<String> {
    match value {
        Value::Object(map) => map.iter().find_map(|(key, value)| {
            let here = if path.is_empty() {
                key.clone()
            } else {
                format!("{path}.{key}")
            };
            // Top-level names are the representation's own; only free-form maps are in question.
            let literal = value.as_str().is_some_and(|s| !s.is_empty());
            if !path.is_empty() && literal && is_secret_key(key) {
                Some(here)
            } else {
                literal_secret(value, &here)
            }
        }),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(i, item)| literal_secret(item, &format!("{path}[{i}]"))),
        _ => None,
    }
}

impl<K> Default for Settings<K> {
    fn default() -> Self {
        Self {
            fields: Map::new(),
            kind: PhantomData,
        }
    }
}

impl<K> Clone for Settings<K> {
    fn clone(&self) -> Self {
        Self {
            fields: self.fields.clone(),
            kind: PhantomData,
        }
    }
}

impl<K> PartialEq for Settings<K> {
    fn eq(&self, other: &Self) -> bool {
        self.fields == other.fields
    }
}

impl<K> fmt::Debug for Settings<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fields.fmt(f)
    }
}

impl<K> Serialize for Settings<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.fields.serialize(serializer)
    }
}

impl<'de, K: SettingsKind> Deserialize<'de> for Settings<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Map::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl<K: SettingsKind> JsonSchema for Settings<K> {
    fn schema_name() -> Cow<'static, str> {
        K::NAME.into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = K::Representation::json_schema(generator);
        schema.remove("title");
        schema.insert(
            "description".into(),
            json!(
                "Settings by the names of the Admin API. Absent: not managed; a value: kept at it; \
                 null: reset to the server's default (a null needs `kubectl apply --server-side`: \
                 without it kubectl leaves nulls out)."
            ),
        );
        if let Some(Value::Object(properties)) = schema.get_mut("properties") {
            for (field, _) in K::ELSEWHERE {
                properties.shift_remove(*field);
            }
            for property in properties.values_mut() {
                let map_of_strings =
                    property.pointer("/additionalProperties/type") == Some(&json!("string"));
                // A null value of a key resets that key alone.
                if map_of_strings && let Some(values) = property.get_mut("additionalProperties") {
                    *values = json!({"type": ["string", "null"]});
                }
            }
        }
        schema
    }
}
