//! Whom the operator's own tokens are for.
//!
//! The operator administers every server that trusts it, and a token proves it to whoever is its
//! audience. A resource that could choose the audience freely would have the operator hand its
//! token for one server to another: so an audience belongs to one resource, and the resource that
//! was given it first keeps it.

use kube::Resource;
use realmkeep_crds::{
    ExternalServer, ExternalServerAuth, FieldError, IdentityServer, OperatorAuth, Reason,
};

use crate::{
    conflict::is_older,
    object::{Kind, name, namespace, object_name},
    problem::Problem,
    stores::{Stores, living},
};

/// Label of namespaces whose external servers may be called with the operator's own account.
pub const ALLOW_ACCOUNT_LABEL: &str = "realmkeep.dev/allow-operator-account";
const MASTER: &str = "master";
const IN_CLUSTER: &str = ".svc.cluster.local";

/// The audience of tokens for an identity server.
pub fn of_identity_server(server: &IdentityServer) -> String {
    format!("{}/realms/{MASTER}", server.public_url())
}

/// The audience of tokens for an external server.
pub fn of_external_server(server: &ExternalServer, auth: &OperatorAuth) -> String {
    let realm = auth.realm.as_deref().unwrap_or(MASTER);
    let own = || format!("{}/realms/{realm}", server.spec.url.trim_end_matches('/'));
    auth.audience.clone().unwrap_or_else(own)
}

/// A URL inside the cluster is its own Service's.
pub fn validate(server: &IdentityServer) -> Option<FieldError> {
    let url = server.spec.url.as_deref()?;
    let host = url.split("://").nth(1)?.split(['/', ':']).next()?;
    let meta = server.meta();
    let own = format!("{}.{}{IN_CLUSTER}", name(meta), namespace(meta));
    let others = host.to_ascii_lowercase().ends_with(IN_CLUSTER) && host != own;
    others.then(|| FieldError {
        path: "spec.url".into(),
        message: format!("{host} is another Service's name; this server's is {own}"),
    })
}

/// # Errors
/// The URL is another server's.
pub fn claim_identity_server(server: &IdentityServer, stores: &Stores) -> Result<(), Problem> {
    let url = server.public_url();
    let has = |server: &IdentityServer| {
        let status = server.status.as_ref();
        status.is_some_and(|status| status.url.as_deref() == Some(&url))
    };
    let taken = |by: String| {
        let message = format!("spec.url: {url} is {by}'s; give this server a URL of its own");
        Problem::accepted(Reason::IdentityConflict, message)
    };
    for other in living(&stores.identity_servers) {
        let Ok(other) = &other.0 else { continue };
        if other.meta().uid == server.meta().uid || other.public_url() != url {
            continue;
        }
        if has(other) || (!has(server) && is_older(other.meta(), server.meta())) {
            let by = object_name(IdentityServer::KIND, other.meta());
            return Err(taken(by.to_string()));
        }
    }
    if has(server) {
        return Ok(());
    }
    let audience = of_identity_server(server);
    for other in living(&stores.external_servers) {
        let Ok(other) = &other.0 else { continue };
        if let ExternalServerAuth::ServiceAccount(auth) = &other.spec.auth
            && of_external_server(other, auth) == audience
            && stores.has_label(namespace(other.meta()), ALLOW_ACCOUNT_LABEL)
        {
            let by = object_name(ExternalServer::KIND, other.meta());
            return Err(taken(by.to_string()));
        }
    }
    Ok(())
}

/// # Errors
/// The namespace may not use the operator's account, or the audience is not this server's.
pub fn claim_external_server(
    server: &ExternalServer,
    auth: &OperatorAuth,
    own_namespace: &str,
    stores: &Stores,
) -> Result<(), Problem> {
    let from = namespace(server.meta());
    if from != own_namespace && !stores.has_label(from, ALLOW_ACCOUNT_LABEL) {
        let message = format!(
            "spec.auth.serviceAccount: the namespace {from} may not use the operator's own account; an administrator of the cluster can allow it with the label {ALLOW_ACCOUNT_LABEL}: \"true\" on the namespace, or use other credentials"
        );
        return Err(Problem::accepted(Reason::PrivilegeDenied, message));
    }
    let realm = auth.realm.as_deref().unwrap_or(MASTER);
    let audience = of_external_server(server, auth);
    // Never a token for something that is no realm, such as the Kubernetes API server.
    if realm.contains('/') || !audience.ends_with(&format!("/realms/{realm}")) {
        let message = format!(
            "spec.auth.serviceAccount.audience: must be the issuer of the realm {realm:?}, so end in /realms/{realm}"
        );
        return Err(Problem::accepted(Reason::Invalid, message));
    }
    for other in living(&stores.identity_servers) {
        let Ok(other) = &other.0 else { continue };
        if of_identity_server(other) == audience
            || other
                .status
                .as_ref()
                .and_then(|s| s.url.as_deref())
                .is_some_and(|url| audience.starts_with(&format!("{url}/realms/")))
        {
            let other = object_name(IdentityServer::KIND, other.meta());
            let message =
                format!("spec.url: this is {other}; refer to it with kind: IdentityServer");
            return Err(Problem::accepted(Reason::IdentityConflict, message));
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn server(url: &str) -> IdentityServer {
        let metadata = json!({"name": "main", "namespace": "identity"});
        serde_json::from_value(json!({"metadata": metadata, "spec": {"url": url}})).unwrap()
    }

    #[test]
    fn a_name_inside_the_cluster_is_ones_own() {
        assert!(validate(&server("https://id.example.com")).is_none());
        assert!(validate(&server("http://main.identity.svc.cluster.local:8080")).is_none());
        for url in [
            "http://main.other.svc.cluster.local:8080",
            "http://MAIN.other.SVC.cluster.local/x",
        ] {
            assert_eq!(validate(&server(url)).unwrap().path, "spec.url", "{url}");
        }
    }

    #[test]
    fn an_audience_is_a_realms_issuer() {
        let server = server("https://id.example.com/auth/");
        assert_eq!(
            of_identity_server(&server),
            "https://id.example.com/auth/realms/master"
        );
    }
}
