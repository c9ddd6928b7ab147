//! The rules of the definitions' CEL expressions and a few more, for where no API server checks
//! them: a folder on a laptop, or an object stored before a rule existed.

use std::fmt;

use kube::ResourceExt;

use crate::{
    AllowedNamespaces, Client, ClientAuth, DeletionPolicy, ExternalServer, IdentityProvider,
    IdentityProviderType, IdentityServer, NamespacesFrom, Realm, Settings, SettingsKind,
    is_secret_key, settings,
};

/// Clients that every realm has.
const BUILT_IN_CLIENTS: [&str; 6] = [
    "account",
    "account-console",
    "admin-cli",
    "broker",
    "realm-management",
    "security-admin-console",
];

/// A rule that a field breaks, and the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    pub path: String,
    pub message: String,
}

/// Checks that need nothing but the object itself.
pub trait Validate {
    fn validate(&self) -> Vec<FieldError>;
}

struct Check(Vec<FieldError>);

impl Check {
    fn rule(&mut self, holds: bool, path: &str, message: &str) {
        if !holds {
            self.0.push(FieldError {
                path: path.into(),
                message: message.into(),
            });
        }
    }

    fn length(&mut self, value: &str, max: usize, path: &str) {
        let length = value.chars().count();
        self.rule(
            (1..=max).contains(&length),
            path,
            &format!("must have 1 to {max} characters"),
        );
        self.rule(
            !value.chars().any(char::is_control),
            path,
            "must not have control characters",
        );
    }

    fn namespaces(&mut self, allowed: Option<&AllowedNamespaces>, path: &str) {
        if let Some(allowed) = allowed {
            let by_selector = allowed.from == Some(NamespacesFrom::Selector);
            self.rule(
                by_selector == allowed.selector.is_some(),
                &format!("{path}.selector"),
                "selector belongs to from: Selector, and only to it",
            );
        }
    }

    fn url(&mut self, url: &str, path: &str) {
        let rest = url
            .strip_prefix("https://")
            .or_else(|| url.strip_prefix("http://"));
        let good = rest.is_some_and(|rest| {
            !rest.is_empty()
                && !rest.contains(['?', '#', '@'])
                && !rest.contains(char::is_whitespace)
        });
        self.rule(
            good,
            path,
            "must be an http or https URL without credentials, query and fragment",
        );
    }

    fn overrides<K: SettingsKind>(
        &mut self,
        overrides: Option<&serde_json::Map<String, serde_json::Value>>,
    ) {
        for field in overrides.into_iter().flat_map(serde_json::Map::keys) {
            let path = format!("spec.overrides.{field}");
            let elsewhere = K::ELSEWHERE.iter().find(|(name, _)| name == field);
            if let Some((_, home)) = elsewhere {
                self.rule(false, &path, home);
            } else if Settings::<K>::has_field(field) {
                self.rule(
                    false,
                    &path,
                    "this field has a home; write it in spec.settings",
                );
            }
        }
    }
}

impl Validate for Realm {
    fn validate(&self) -> Vec<FieldError> {
        let mut check = Check(Vec::new());
        let name = self.realm_name();
        check.length(name, 255, "spec.realmName");
        check.rule(
            name.chars()
                .all(|c| c.is_ascii_alphanumeric() || "._~-".contains(c)),
            "spec.realmName",
            "is part of URLs: letters, digits, '.', '_', '~' and '-' only",
        );
        check.rule(
            name != "master",
            "spec.realmName",
            "the realm master administers the server and is not declared; choose another name",
        );
        let allowed = self.spec.allowed_clients.as_ref();
        check.namespaces(
            allowed.and_then(|a| a.namespaces.as_ref()),
            "spec.allowedClients.namespaces",
        );
        if let Some(smtp) = &self.spec.smtp {
            check.length(&smtp.host, 253, "spec.smtp.host");
            check.rule(
                smtp.port.is_none_or(|port| (1..=65535).contains(&port)),
                "spec.smtp.port",
                "must be 1 to 65535",
            );
        }
        check.overrides::<settings::RealmKind>(self.spec.overrides.as_ref());
        check.0
    }
}

impl Validate for Client {
    fn validate(&self) -> Vec<FieldError> {
        let mut check = Check(Vec::new());
        let client_id = self.client_id();
        check.length(client_id, 255, "spec.clientId");
        check.rule(
            !BUILT_IN_CLIENTS.contains(&client_id)
                || self.spec.lifecycle().deletion == DeletionPolicy::Orphan,
            "spec.deletionPolicy",
            "this client is built into every realm; declare it with deletionPolicy: Orphan",
        );
        match &self.spec.auth {
            Some(ClientAuth::SignedJwt(jwt)) => check.rule(
                jwt.jwks.is_some() != jwt.jwks_url.is_some(),
                "spec.auth.signedJwt",
                "give jwks or jwksUrl, and only one of them",
            ),
            Some(ClientAuth::Federated(federated)) => {
                check.length(&federated.provider, 255, "spec.auth.federated.provider");
                check.length(&federated.subject, 2048, "spec.auth.federated.subject");
            }
            Some(ClientAuth::ServiceAccount(account)) => {
                check.length(&account.name, 253, "spec.auth.serviceAccount.name");
                let dns = |s: &str| {
                    s.chars()
                        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c))
                };
                check.rule(
                    dns(&account.name) && account.namespace.as_deref().is_none_or(dns),
                    "spec.auth.serviceAccount",
                    "names of Kubernetes objects have small letters, digits, '-' and '.' only",
                );
            }
            _ => {}
        }
        // Managed by `auth`; the same attribute in two places would be set back and forth.
        let attributes = self.spec.settings.as_ref();
        let attributes = attributes.and_then(|s| s.fields().get("attributes")?.as_object());
        for key in attributes.into_iter().flat_map(serde_json::Map::keys) {
            let by_auth = key.starts_with("jwt.credential.") || {
                matches!(
                    key.as_str(),
                    "use.jwks.string" | "jwks.string" | "use.jwks.url" | "jwks.url"
                )
            };
            check.rule(
                !(by_auth && self.spec.auth.is_some()),
                &format!("spec.settings.attributes.{key}"),
                "spec.auth sets it; leave it out",
            );
            check.rule(
                !key.starts_with("realmkeep.dev/"),
                &format!("spec.settings.attributes.{key}"),
                "attributes of this prefix are reserved",
            );
        }
        check.overrides::<settings::ClientKind>(self.spec.overrides.as_ref());
        check.0
    }
}

impl Validate for IdentityProvider {
    fn validate(&self) -> Vec<FieldError> {
        let mut check = Check(Vec::new());
        let alias = self.alias();
        check.length(alias, 255, "spec.alias");
        check.rule(
            alias
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)),
            "spec.alias",
            "is part of URLs: letters, digits, '.', '_' and '-' only",
        );
        let secret_config = self.spec.secret_config.as_ref();
        for (key, value) in self.spec.config.iter().flatten() {
            let path = format!("spec.config.{key}");
            check.rule(
                !(is_secret_key(key) && value.as_deref().is_some_and(|v| !v.is_empty())),
                &path,
                "secrets are not written in a resource; use spec.secretConfig",
            );
            check.rule(
                secret_config.is_none_or(|s| !s.contains_key(key)),
                &path,
                "is in spec.secretConfig too; keep one of them",
            );
            check.rule(
                !key.starts_with("realmkeep.dev/"),
                &path,
                "keys of this prefix are reserved",
            );
        }
        match &self.spec.r#type {
            IdentityProviderType::Oidc(oidc) => {
                let urls = [
                    (Some(&oidc.issuer), "issuer"),
                    (oidc.jwks_url.as_ref(), "jwksUrl"),
                    (oidc.authorization_url.as_ref(), "authorizationUrl"),
                    (oidc.token_url.as_ref(), "tokenUrl"),
                    (oidc.user_info_url.as_ref(), "userInfoUrl"),
                    (oidc.logout_url.as_ref(), "logoutUrl"),
                ];
                for (url, field) in urls {
                    if let Some(url) = url {
                        let url = url.split(['?', '#']).next().unwrap_or_default();
                        check.url(url, &format!("spec.type.oidc.{field}"));
                    }
                }
            }
            IdentityProviderType::Kubernetes(kubernetes) => {
                if let Some(issuer) = &kubernetes.issuer {
                    check.url(issuer, "spec.type.kubernetes.issuer");
                }
            }
            IdentityProviderType::Generic(generic) => {
                check.length(&generic.provider_id, 255, "spec.type.generic.providerId");
            }
        }
        check.overrides::<settings::IdentityProviderKind>(self.spec.overrides.as_ref());
        check.0
    }
}

impl Validate for ExternalServer {
    fn validate(&self) -> Vec<FieldError> {
        let mut check = Check(Vec::new());
        check.url(&self.spec.url, "spec.url");
        let allowed = self.spec.allowed_realms.as_ref();
        check.namespaces(
            allowed.and_then(|a| a.namespaces.as_ref()),
            "spec.allowedRealms.namespaces",
        );
        check.0
    }
}

impl Validate for IdentityServer {
    fn validate(&self) -> Vec<FieldError> {
        let mut check = Check(Vec::new());
        check.rule(
            self.name_any().len() <= 52,
            "metadata.name",
            "is part of pod names; use at most 52 characters",
        );
        check.rule(
            self.spec.replicas.is_none_or(|n| (0..=1).contains(&n)),
            "spec.replicas",
            "SQLite has one writer: 0 or 1",
        );
        if let Some(url) = &self.spec.url {
            check.url(url, "spec.url");
        }
        let allowed = self.spec.allowed_realms.as_ref();
        check.namespaces(
            allowed.and_then(|a| a.namespaces.as_ref()),
            "spec.allowedRealms.namespaces",
        );
        check.0
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}
