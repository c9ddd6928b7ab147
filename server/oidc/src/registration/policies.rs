//! Client registration policies: what clients may be registered, by whom. Components of the realm, one
//! set for requests without a token and one for those with.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use realmkeep_representations::{ClientRepresentation, ComponentRepresentation};
use url::Url;

use super::problem;
use crate::context::Context;
use crate::error::OAuthError;

const TYPE: &str = "org.keycloak.services.clientregistration.policy.ClientRegistrationPolicy";
/// How long the name of a trusted host may take to be found.
const LOOKUP: Duration = Duration::from_secs(3);

/// A request, as policies see it.
pub(super) struct Request<'a> {
    /// The client as it would be, to be changed by policies.
    pub(super) client: &'a mut ClientRepresentation,
    /// The client as it is, for a change.
    pub(super) before: Option<&'a ClientRepresentation>,
}

/// The policies for one kind of request: `anonymous` or `authenticated`.
pub(super) struct Policies(Vec<ComponentRepresentation>);

impl Policies {
    /// # Errors
    /// When the database fails.
    pub(super) async fn of(context: &Context, auth: &str) -> Result<Self, OAuthError> {
        let all: Vec<ComponentRepresentation> =
            context.services.store.list(&context.realm.id).await?;
        let ours = all.into_iter().filter(|component| {
            component.provider_type.as_deref() == Some(TYPE)
                && component.sub_type.as_deref() == Some(auth)
        });
        Ok(Self(ours.collect()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Lets every policy look at the client, and change it.
    ///
    /// # Errors
    /// 403 that names the policy.
    pub(super) async fn check(
        &self,
        context: &Context,
        mut request: Request<'_>,
    ) -> Result<(), OAuthError> {
        // Those that change the client come first, so that the others judge what comes out.
        let changing = ["consent-required", "scope", "client-disabled"];
        let (first, then): (Vec<_>, Vec<_>) = self.0.iter().partition(|policy| {
            let id = policy.provider_id.as_deref().unwrap_or_default();
            changing.contains(&id)
        });
        for policy in first.into_iter().chain(then) {
            let rejected = match policy.provider_id.as_deref().unwrap_or_default() {
                "consent-required" => consent_required(&mut request),
                "scope" => full_scope_disabled(&mut request),
                "client-disabled" => client_disabled(&mut request),
                "max-clients" => max_clients(context, policy, &request).await?,
                "allowed-protocol-mappers" => allowed_mappers(policy, &request),
                "allowed-client-templates" => allowed_scopes(context, policy, &request),
                "trusted-hosts" => trusted_hosts(context, policy, &request).await,
                // Decides about pages, by `origins`.
                "registration-web-origins" => None,
                other => Some(format!("the policy {other} is not supported")),
            };
            if let Some(reason) = rejected {
                let name = policy.name.as_deref().unwrap_or_default();
                let mut error = problem(
                    "insufficient_scope",
                    format!(
                        "Policy '{name}' rejected request to client-registration service. Details: {reason}"
                    ),
                );
                error.status = http::StatusCode::FORBIDDEN;
                return Err(error.event("not_allowed"));
            }
        }
        Ok(())
    }

    /// A client may be looked at, or deleted, from trusted hosts only.
    ///
    /// # Errors
    /// 403 that names the policy.
    pub(super) async fn check_sender(&self, context: &Context) -> Result<(), OAuthError> {
        for policy in &self.0 {
            if policy.provider_id.as_deref() == Some("trusted-hosts")
                && let Some(reason) = untrusted_sender(context, policy).await
            {
                let mut error = problem("insufficient_scope", reason);
                error.status = http::StatusCode::FORBIDDEN;
                return Err(error.event("not_allowed"));
            }
        }
        Ok(())
    }

    /// Origins of pages that may register clients.
    pub(super) fn origins(&self) -> Vec<&str> {
        let ours = self
            .0
            .iter()
            .filter(|policy| policy.provider_id.as_deref() == Some("registration-web-origins"));
        ours.flat_map(|policy| values(policy, "web-origins"))
            .collect()
    }
}

fn consent_required(request: &mut Request<'_>) -> Option<String> {
    match request.before {
        None => request.client.consent_required = Some(true),
        Some(before)
            if before.consent_required == Some(true)
                && request.client.consent_required != Some(true) =>
        {
            return Some("consent has to stay required".to_owned());
        }
        Some(_) => {}
    }
    None
}

fn full_scope_disabled(request: &mut Request<'_>) -> Option<String> {
    let full_before = request
        .before
        .is_some_and(|b| b.full_scope_allowed == Some(true));
    if request.before.is_none() {
        request.client.full_scope_allowed = Some(false);
    } else if request.client.full_scope_allowed == Some(true) && !full_before {
        return Some("full scope is not allowed".to_owned());
    }
    None
}

fn client_disabled(request: &mut Request<'_>) -> Option<String> {
    let enabled_before = request.before.is_some_and(|b| b.enabled != Some(false));
    if request.before.is_none() {
        request.client.enabled = Some(false);
    } else if request.client.enabled != Some(false) && !enabled_before {
        return Some("only an administrator can enable the client".to_owned());
    }
    None
}

async fn max_clients(
    context: &Context,
    policy: &ComponentRepresentation,
    request: &Request<'_>,
) -> Result<Option<String>, OAuthError> {
    if request.before.is_some() {
        return Ok(None);
    }
    let most: i64 = values(policy, "max-clients")
        .next()
        .and_then(|text| text.parse().ok())
        .unwrap_or(200);
    let store = &context.services.store;
    let count = store
        .count::<ClientRepresentation>(&context.realm.id)
        .await?;
    Ok((count >= most).then(|| format!("the realm may have no more than {most} clients")))
}

fn allowed_mappers(policy: &ComponentRepresentation, request: &Request<'_>) -> Option<String> {
    let allowed: BTreeSet<&str> = values(policy, "allowed-protocol-mapper-types").collect();
    let before = request.before.and_then(|b| b.protocol_mappers.as_ref());
    let mappers = request.client.protocol_mappers.iter().flatten();
    let refused = mappers
        .filter(|mapper| !before.is_some_and(|known| known.contains(mapper)))
        .map(|mapper| mapper.protocol_mapper.as_deref().unwrap_or_default())
        .find(|kind| !allowed.contains(kind));
    refused.map(|kind| format!("protocol mappers of type {kind:.100} are not allowed"))
}

fn allowed_scopes(
    context: &Context,
    policy: &ComponentRepresentation,
    request: &Request<'_>,
) -> Option<String> {
    let settings = &context.realm.settings;
    let mut allowed: BTreeSet<&str> = values(policy, "allowed-client-scopes").collect();
    if values(policy, "allow-default-scopes").next() != Some("false") {
        let defaults = [
            &settings.default_default_client_scopes,
            &settings.default_optional_client_scopes,
        ];
        allowed.extend(defaults.into_iter().flatten().flatten().map(String::as_str));
    }
    // Service accounts bring theirs with them.
    allowed.insert("service_account");
    let had = |name: &str| {
        let before = request.before;
        before.is_some_and(|b| scopes(b).any(|known| known == name))
    };
    scopes(request.client)
        .find(|name| !allowed.contains(name) && !had(name))
        .map(|name| format!("the client scope {name:.100} is not allowed"))
}

fn scopes(client: &ClientRepresentation) -> impl Iterator<Item = &str> {
    let lists = [
        &client.default_client_scopes,
        &client.optional_client_scopes,
    ];
    lists.into_iter().flatten().flatten().map(String::as_str)
}

async fn trusted_hosts(
    context: &Context,
    policy: &ComponentRepresentation,
    request: &Request<'_>,
) -> Option<String> {
    if let Some(reason) = untrusted_sender(context, policy).await {
        return Some(reason);
    }
    if !is_on(policy, "client-uris-must-match") {
        return None;
    }
    let trusted: Vec<&str> = values(policy, "trusted-hosts").collect();
    let client = &*request.client;
    let attribute = |name: &str| client.attributes.as_ref().and_then(|all| all.get(name));
    let single = [
        client.root_url.as_ref(),
        client.base_url.as_ref(),
        client.admin_url.as_ref(),
        attribute("logoUri"),
        attribute("policyUri"),
        attribute("tosUri"),
        attribute("jwks.url"),
        attribute("backchannel.logout.url"),
        attribute("frontchannel.logout.url"),
    ];
    let lists = [&client.redirect_uris, &client.web_origins];
    let all = single
        .into_iter()
        .flatten()
        .chain(lists.into_iter().flatten().flatten());
    for uri in all.filter(|uri| !uri.is_empty() && *uri != "+" && !uri.starts_with('/')) {
        let url = Url::parse(uri.trim_end_matches('*')).ok();
        let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
        if !trusted.iter().any(|entry| names(entry, host)) {
            return Some(format!("the host of {uri:.200} is not trusted"));
        }
    }
    None
}

async fn untrusted_sender(context: &Context, policy: &ComponentRepresentation) -> Option<String> {
    if !is_on(policy, "host-sending-registration-request-must-match") {
        return None;
    }
    let Ok(sender) = context.ip.parse::<IpAddr>() else {
        return Some("the host that sends the request is not known".to_owned());
    };
    for entry in values(policy, "trusted-hosts").take(100) {
        if entry
            .parse::<IpAddr>()
            .is_ok_and(|address| address == sender)
        {
            return None;
        }
        // A domain names no address; what is looked up is the administrator's choice.
        if !entry.starts_with('*') && entry.parse::<IpAddr>().is_err() {
            let found = tokio::net::lookup_host((entry, 0));
            if let Ok(Ok(mut found)) = tokio::time::timeout(LOOKUP, found).await
                && found.any(|address| address.ip().to_canonical() == sender)
            {
                return None;
            }
        }
    }
    Some("the host that sends the request is not trusted".to_owned())
}

/// Whether an entry, `host` or `*.domain`, names the host.
fn names(entry: &str, host: &str) -> bool {
    match entry.strip_prefix("*.") {
        Some(domain) => {
            let inside = host.strip_suffix(domain);
            !domain.is_empty() && inside.is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
        }
        None => !host.is_empty() && entry.eq_ignore_ascii_case(host),
    }
}

fn is_on(policy: &ComponentRepresentation, name: &str) -> bool {
    values(policy, name).next() != Some("false")
}

fn values<'a>(policy: &'a ComponentRepresentation, name: &str) -> impl Iterator<Item = &'a str> {
    let list = policy.config.as_ref().and_then(|config| config.get(name));
    list.into_iter()
        .flatten()
        .map(String::as_str)
        .filter(|v| !v.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_name_what_is_inside_them_only() {
        assert!(names("app.test", "APP.test"));
        assert!(names("*.test", "app.test"));
        assert!(names("*.test", "a.b.test"));
        for (entry, host) in [
            ("*.test", "test"),
            ("*.test", "atest"),
            ("*.test", ".test"),
            ("*.", "app.test"),
            ("app.test", "x.app.test"),
            ("app.test", ""),
        ] {
            assert!(!names(entry, host), "{entry} {host}");
        }
    }
}
