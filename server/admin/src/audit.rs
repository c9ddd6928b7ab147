//! What is kept of an administrator's request: who changed what, in which realm, and what was sent.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use axum::extract::{ConnectInfo, OriginalUri};
use http::Method;
use http::request::Parts;
use realmkeep_authn::Services;
use realmkeep_events::{Event, EventType};
use realmkeep_representations::{AdminEventRepresentation, AuthDetailsRepresentation};
use realmkeep_store::{Batch, Realm};
use serde_json::Value;

use crate::actor::Actor;
use crate::error::ApiResult;
use crate::request::new_id;

/// What stands in the place of a secret.
const MASK: &str = "**********";
/// Fields whose value is a secret wherever they stand. Credentials are left out as a whole.
const SECRETS: &[&str] = &[
    "authTokenClientSecret",
    "bindCredential",
    "clientSecret",
    "codeSecret",
    "initialAccessToken",
    "keyPassword",
    "keystorePassword",
    "password",
    "privateKey",
    "registrationAccessToken",
    "secret",
    "secretData",
    "client.secret.rotated",
    "jwt.credential.private.key",
    "saml.signing.private.key",
    "saml.encryption.private.key",
    "token",
];
/// Last segments of paths that start something instead of creating an object.
const ACTIONS: &[&str] = &[
    "client-secret",
    "disable-credential-types",
    "execute-actions-email",
    "generate",
    "generate-and-download",
    "impersonation",
    "logout",
    "logout-all",
    "push-revocation",
    "registration-access-token",
    "reset-password",
    "reset-password-email",
    "send-verify-email",
    "sync",
    "upload",
    "upload-certificate",
    "userLabel",
    "moveToFirst",
];

/// Kinds of objects that admin events are about, and those that other servers' events may be about.
pub const RESOURCE_TYPES: &[&str] = &[
    "AUTHENTICATOR_CONFIG",
    "AUTHORIZATION_POLICY",
    "AUTHORIZATION_RESOURCE",
    "AUTHORIZATION_RESOURCE_SERVER",
    "AUTHORIZATION_SCOPE",
    "AUTH_EXECUTION",
    "AUTH_EXECUTION_FLOW",
    "AUTH_FLOW",
    "CLIENT",
    "CLIENT_INITIAL_ACCESS_MODEL",
    "CLIENT_ROLE",
    "CLIENT_ROLE_MAPPING",
    "CLIENT_SCOPE",
    "CLIENT_SCOPE_CLIENT_MAPPING",
    "CLIENT_SCOPE_MAPPING",
    "CLUSTER_NODE",
    "COMPONENT",
    "CUSTOM",
    "GROUP",
    "GROUP_MEMBERSHIP",
    "IDENTITY_PROVIDER",
    "IDENTITY_PROVIDER_MAPPER",
    "ORGANIZATION",
    "ORGANIZATION_GROUP",
    "ORGANIZATION_GROUP_MEMBERSHIP",
    "ORGANIZATION_MEMBERSHIP",
    "PROTOCOL_MAPPER",
    "REALM",
    "REALM_ROLE",
    "REALM_ROLE_MAPPING",
    "REALM_SCOPE_MAPPING",
    "REQUIRED_ACTION",
    "REQUIRED_ACTION_CONFIG",
    "USER",
    "USER_FEDERATION_MAPPER",
    "USER_FEDERATION_PROVIDER",
    "USER_LOGIN_FAILURE",
    "USER_PROFILE",
    "USER_SESSION",
];

/// The JSON of a request, once it was read.
#[derive(Clone, Debug, Default)]
pub struct Sent(Arc<OnceLock<Value>>);

impl Sent {
    pub fn keep(&self, json: &Value) {
        let _ = self.0.set(json.clone());
    }
}

/// What an admin event says about the request itself.
#[derive(Clone, Debug)]
pub struct Audit {
    pub method: Method,
    pub path: String,
    pub ip_address: String,
    sent: Sent,
}

impl Audit {
    pub fn of(parts: &Parts) -> Self {
        // Nested routers see a shortened path.
        let path = parts
            .extensions
            .get::<OriginalUri>()
            .map_or_else(|| parts.uri.path(), |uri| uri.0.path());
        Self {
            method: parts.method.clone(),
            path: path.to_owned(),
            ip_address: parts
                .extensions
                .get::<ConnectInfo<SocketAddr>>()
                .map(|c| c.0.ip().to_string())
                .unwrap_or_default(),
            sent: parts.extensions.get::<Sent>().cloned().unwrap_or_default(),
        }
    }

    /// The event as it is logged and counted.
    pub fn event(&self, realm: &str, actor: &Actor) -> Event {
        let actor_client = actor.client.representation.client_id.as_deref();
        Event::new(EventType::AdminChange, realm, &self.ip_address)
            .user(actor.subject.user.id.as_deref().unwrap_or_default())
            .client(actor_client.unwrap_or_default())
            .detail("auth_realm", actor.realm.name.as_str())
            .detail("operation", self.operation())
            .detail("resource_path", self.path.as_str())
    }

    /// Adds the event to the batch of the change, if the realm keeps admin events or has them told.
    /// `created` is the last segment of a new object's path.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn stage(
        &self,
        services: &Services,
        batch: &mut Batch,
        realm: &Realm,
        actor: &Actor,
        created: Option<&str>,
    ) -> ApiResult<()> {
        let settings = &realm.settings;
        if settings.admin_events_enabled != Some(true) && realm.event_listeners.is_empty() {
            return Ok(());
        }
        let details = settings.admin_events_details_enabled == Some(true);
        let below: Vec<&str> = self.below_realm().collect();
        let mut path = below.join("/");
        if let Some(created) = created {
            if !path.is_empty() {
                path.push('/');
            }
            path.push_str(created);
        }
        let mut event = AdminEventRepresentation {
            operation_type: Some(self.operation().to_owned()),
            resource_type: Some(resource_type(&below).to_owned()),
            resource_path: Some(path),
            representation: self
                .sent
                .0
                .get()
                .filter(|_| details)
                .map(|json| without_secrets(json, &below).to_string()),
            ..self.event_by(services, realm, actor)
        };
        Ok(services.events.stage_admin(realm, batch, &mut event)?)
    }

    /// As [`Audit::stage`], an event for each of the objects that one request has written: what was done, and
    /// where the object is below the realm.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn stage_each(
        &self,
        services: &Services,
        batch: &mut Batch,
        realm: &Realm,
        actor: &Actor,
        written: &[(&'static str, String)],
    ) -> ApiResult<()> {
        let settings = &realm.settings;
        if settings.admin_events_enabled != Some(true) && realm.event_listeners.is_empty() {
            return Ok(());
        }
        for (operation, path) in written {
            let mut event = AdminEventRepresentation {
                operation_type: Some((*operation).to_owned()),
                resource_type: Some("REALM".to_owned()),
                resource_path: Some(path.clone()),
                ..self.event_by(services, realm, actor)
            };
            services.events.stage_admin(realm, batch, &mut event)?;
        }
        Ok(())
    }

    /// Who it was, and when.
    fn event_by(
        &self,
        services: &Services,
        realm: &Realm,
        actor: &Actor,
    ) -> AdminEventRepresentation {
        AdminEventRepresentation {
            id: Some(new_id()),
            time: Some(services.clock.now_millis()),
            realm_id: Some(realm.id.clone()),
            auth_details: Some(AuthDetailsRepresentation {
                realm_id: Some(actor.realm.id.clone()),
                client_id: actor.client.representation.id.clone(),
                user_id: actor.subject.user.id.clone(),
                ip_address: Some(self.ip_address.clone()),
            }),
            ..AdminEventRepresentation::default()
        }
    }

    fn below_realm(&self) -> impl Iterator<Item = &str> {
        self.path.split('/').filter(|s| !s.is_empty()).skip(3)
    }

    fn operation(&self) -> &'static str {
        let last = self.below_realm().last().unwrap_or_default();
        let moves = matches!(last, "raise-priority" | "lower-priority");
        match self.method {
            Method::POST | Method::PUT if ACTIONS.contains(&last) => "ACTION",
            Method::POST if moves => "UPDATE",
            Method::POST => "CREATE",
            Method::PUT if self.below_realm().nth(2) == Some("groups") => "CREATE",
            Method::PUT => "UPDATE",
            Method::DELETE => "DELETE",
            _ => "ACTION",
        }
    }
}

/// The kind of object that a path below a realm is about.
fn resource_type(path: &[&str]) -> &'static str {
    match path {
        ["users", "profile", ..] => "USER_PROFILE",
        ["users" | "groups", _, "role-mappings", "clients", ..] => "CLIENT_ROLE_MAPPING",
        ["users" | "groups", _, "role-mappings", ..] => "REALM_ROLE_MAPPING",
        ["users", _, "groups", ..] => "GROUP_MEMBERSHIP",
        ["users", ..] => "USER",
        ["groups" | "default-groups", ..] => "GROUP",
        ["clients" | "client-scopes", _, "protocol-mappers", ..] => "PROTOCOL_MAPPER",
        [
            "clients" | "client-scopes",
            _,
            "scope-mappings",
            "clients",
            ..,
        ] => "CLIENT_SCOPE_MAPPING",
        ["clients" | "client-scopes", _, "scope-mappings", ..] => "REALM_SCOPE_MAPPING",
        ["clients", _, "roles", ..] => "CLIENT_ROLE",
        ["clients", _, "nodes", ..] => "CLUSTER_NODE",
        [
            "clients",
            _,
            "default-client-scopes" | "optional-client-scopes",
            ..,
        ] => "CLIENT_SCOPE_CLIENT_MAPPING",
        ["clients", ..] => "CLIENT",
        ["client-scopes", ..] => "CLIENT_SCOPE",
        [
            "default-default-client-scopes" | "default-optional-client-scopes",
            ..,
        ] => "CLIENT_SCOPE",
        ["roles" | "roles-by-id", ..] => "REALM_ROLE",
        ["identity-provider", "instances", _, "mappers", ..] => "IDENTITY_PROVIDER_MAPPER",
        ["identity-provider", ..] => "IDENTITY_PROVIDER",
        ["authentication", "flows", _, "executions", "flow"] => "AUTH_EXECUTION_FLOW",
        ["authentication", "flows", _, "executions", ..] => "AUTH_EXECUTION",
        ["authentication", "flows", ..] => "AUTH_FLOW",
        ["authentication", "executions", ..] => "AUTH_EXECUTION",
        ["authentication", "config", ..] => "AUTHENTICATOR_CONFIG",
        ["authentication", "required-actions", _, "config"] => "REQUIRED_ACTION_CONFIG",
        ["authentication", ..] => "REQUIRED_ACTION",
        ["clients-initial-access", ..] => "CLIENT_INITIAL_ACCESS_MODEL",
        ["components", ..] => "COMPONENT",
        ["attack-detection", ..] => "USER_LOGIN_FAILURE",
        ["sessions", ..] => "USER_SESSION",
        ["organizations", ..] => "ORGANIZATION",
        _ => "REALM",
    }
}

/// What was sent, with masks in the place of secrets.
fn without_secrets(json: &Value, path: &[&str]) -> Value {
    // A credential is nothing but a secret.
    if path.contains(&"reset-password") {
        return Value::Object(serde_json::Map::new());
    }
    match json {
        Value::Object(fields) => fields
            .iter()
            .filter(|(key, _)| *key != "credentials")
            .map(|(key, value)| (key.clone(), masked(key, value, path)))
            .collect(),
        Value::Array(list) => list.iter().map(|v| without_secrets(v, path)).collect(),
        other => other.clone(),
    }
}

fn masked(key: &str, value: &Value, path: &[&str]) -> Value {
    let folded = key.to_lowercase();
    let secret = SECRETS.contains(&key)
        || ["password", "secret", "privatekey", "private.key"]
            .iter()
            .any(|end| folded.ends_with(end));
    match value {
        Value::String(text) if secret && !text.is_empty() => Value::from(MASK),
        Value::Array(list) if secret => list.iter().map(|_| Value::from(MASK)).collect(),
        Value::Object(_) | Value::Array(_) => without_secrets(value, path),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn kinds_follow_from_paths() {
        for (path, kind) in [
            ("", "REALM"),
            ("users", "USER"),
            ("users/1/groups/2", "GROUP_MEMBERSHIP"),
            ("users/1/role-mappings/clients/2", "CLIENT_ROLE_MAPPING"),
            ("clients/1/roles/x", "CLIENT_ROLE"),
            (
                "authentication/flows/browser/executions/execution",
                "AUTH_EXECUTION",
            ),
            ("events/config", "REALM"),
        ] {
            let segments: Vec<&str> = path.split('/').filter(|s| !s.is_empty()).collect();
            assert!(RESOURCE_TYPES.contains(&kind));
            assert_eq!(resource_type(&segments), kind, "{path}");
        }
    }

    #[test]
    fn secrets_are_masked_at_any_depth() {
        let sent = json!({
            "clientId": "c", "secret": "canary", "attributes": {"jwt.credential.private.key": "canary", "x": "y"},
            "smtpServer": {"password": "canary"}, "credentials": [{"value": "canary"}],
            "config": {"bindCredential": ["canary"]},
        });
        let kept = without_secrets(&sent, &["clients"]);
        assert!(!kept.to_string().contains("canary"), "{kept}");
        assert_eq!(kept["clientId"], "c");
        assert_eq!(kept["attributes"]["x"], "y");
        let password = json!({"type": "password", "value": "canary"});
        let kept = without_secrets(&password, &["users", "1", "reset-password"]);
        assert!(!kept.to_string().contains("canary"));
    }
}
