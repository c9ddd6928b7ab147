//! The Kubernetes objects that a server consists of. Pure.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use realmkeep_crds::{FieldError, IdentityServer, ServerStorage};
use serde_json::{Value, json};

use super::MANAGED_BY_KEY;
use crate::{
    context::MANAGER,
    object::{name, owner_reference},
};

/// Key of the master key in its Secret, and its file.
pub const MASTER_KEY: &str = "master.key";
const MASTER_KEY_FOLDER: &str = "/etc/realmkeep/master-key";
const DATA_FOLDER: &str = "/data";
/// User and group of the server's process.
const USER: i64 = 65_532;
const HTTP: u16 = 8080;
const MANAGEMENT: u16 = 9000;
/// More than the server's own time for requests under way (25 s).
const TERMINATION: u32 = 40;
const DEFAULT_SIZE: &str = "1Gi";
/// Variables that follow from other fields, and which.
const OURS: [(&str, &str); 8] = [
    ("REALMKEEP_HOSTNAME", "use spec.url"),
    ("KC_HOSTNAME", "use spec.url"),
    ("REALMKEEP_DATA_DIR", "use spec.storage"),
    (
        "REALMKEEP_MASTER_KEY_FILE",
        "the operator keeps the key in a Secret",
    ),
    (
        "REALMKEEP_HTTP_PORT",
        "the Service and the probes need the port as it is",
    ),
    (
        "REALMKEEP_MANAGEMENT_PORT",
        "the probes need the port as it is",
    ),
    (
        "REALMKEEP_BOOTSTRAP_SERVICE_ACCOUNT_ISSUER",
        "it is how the operator logs in",
    ),
    (
        "REALMKEEP_BOOTSTRAP_SERVICE_ACCOUNT_SUBJECT",
        "it is how the operator logs in",
    ),
];

/// What does not come from the server's resource.
pub struct Settings<'s> {
    pub default_image: &'s str,
    pub default_pull_policy: Option<&'s str>,
    /// Whose token the server trusts from its start, so that no password exists.
    pub operator_issuer: &'s str,
    pub operator_subject: &'s str,
}

/// Rules that need to know what the manifests look like.
pub fn validate(server: &IdentityServer) -> Vec<FieldError> {
    let env = server.spec.env.iter().flatten().enumerate();
    env.filter_map(|(i, variable)| {
        let (_, why) = OURS.iter().find(|(name, _)| *name == variable.name)?;
        Some(FieldError {
            path: format!("spec.env[{i}].name"),
            message: format!("{} is set by the operator; {why}", variable.name),
        })
    })
    .collect()
}

/// Everything but the master key, in the order in which it is applied.
pub fn manifests(server: &IdentityServer, settings: &Settings<'_>) -> Vec<Value> {
    vec![
        service_account(server),
        service(server),
        pods_service(server),
        network_policy(server),
        pod_disruption_budget(server),
        stateful_set(server, settings),
    ]
}

pub fn master_key_name(server: &IdentityServer) -> String {
    format!("{}-master-key", name(server.meta()))
}

/// Whether the database outlives the server's resource.
pub fn keeps_data(server: &IdentityServer) -> bool {
    !matches!(server.spec.storage, Some(ServerStorage::EmptyDir(_)))
}

pub fn labels(server: &IdentityServer) -> BTreeMap<String, String> {
    let mut labels = selector(server);
    labels.insert(MANAGED_BY_KEY.into(), MANAGER.into());
    labels.insert("app.kubernetes.io/part-of".into(), "realmkeep".into());
    labels
}

fn selector(server: &IdentityServer) -> BTreeMap<String, String> {
    [
        ("app.kubernetes.io/name", "realmkeep-server"),
        ("app.kubernetes.io/instance", name(server.meta())),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

fn metadata(server: &IdentityServer, suffix: &str) -> ObjectMeta {
    let meta = server.meta();
    ObjectMeta {
        name: Some(format!("{}{suffix}", name(meta))),
        namespace: meta.namespace.clone(),
        labels: Some(labels(server)),
        owner_references: Some(vec![owner_reference::<IdentityServer>(meta)]),
        ..ObjectMeta::default()
    }
}

fn service_account(server: &IdentityServer) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": metadata(server, ""),
        "automountServiceAccountToken": false,
    })
}

/// For applications and users.
fn service(server: &IdentityServer) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": metadata(server, ""),
        "spec": {
            "selector": selector(server),
            "ports": [{"name": "http", "port": HTTP, "targetPort": "http", "protocol": "TCP"}],
        },
    })
}

/// For the pod's name, and for whoever collects metrics.
fn pods_service(server: &IdentityServer) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": metadata(server, "-pods"),
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": true,
            "selector": selector(server),
            "ports": [{"name": "management", "port": MANAGEMENT, "targetPort": "management", "protocol": "TCP"}],
        },
    })
}

/// In: the two ports. Out: anything, for the issuers that realms trust.
fn network_policy(server: &IdentityServer) -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": metadata(server, ""),
        "spec": {
            "podSelector": {"matchLabels": selector(server)},
            "policyTypes": ["Ingress"],
            "ingress": [{"ports": [
                {"port": "http", "protocol": "TCP"},
                {"port": "management", "protocol": "TCP"},
            ]}],
        },
    })
}

/// One pod may go when a node is drained: it cannot be kept from it and has no stand-in.
fn pod_disruption_budget(server: &IdentityServer) -> Value {
    json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": metadata(server, ""),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": selector(server)}},
    })
}

fn stateful_set(server: &IdentityServer, settings: &Settings<'_>) -> Value {
    let spec = &server.spec;
    let volume = match &spec.storage {
        Some(ServerStorage::EmptyDir(dir)) => Some(match &dir.size_limit {
            Some(limit) => json!({"name": "data", "emptyDir": {"sizeLimit": limit}}),
            None => json!({"name": "data", "emptyDir": {}}),
        }),
        _ => None,
    };
    let mut volumes = vec![
        json!({"name": "master-key", "secret": {
            "secretName": master_key_name(server), "defaultMode": 0o440,
        }}),
        // The server's own token, for key sets that the API server gives to accounts only.
        json!({"name": "service-account", "projected": {"defaultMode": 0o440, "sources": [
            {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        ]}}),
    ];
    let claims = volume.is_none().then(|| vec![volume_claim(server)]);
    volumes.extend(volume);
    without_nulls(json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": metadata(server, ""),
        "spec": {
            "replicas": spec.replicas.unwrap_or(1),
            "serviceName": format!("{}-pods", name(server.meta())),
            "selector": {"matchLabels": selector(server)},
            "template": {
                "metadata": {"labels": labels(server)},
                "spec": {
                    "serviceAccountName": name(server.meta()),
                    "automountServiceAccountToken": false,
                    "enableServiceLinks": false,
                    "terminationGracePeriodSeconds": TERMINATION,
                    "securityContext": {
                        "runAsNonRoot": true, "runAsUser": USER, "runAsGroup": USER, "fsGroup": USER,
                        "fsGroupChangePolicy": "OnRootMismatch",
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "containers": [container(server, settings)],
                    "volumes": volumes,
                },
            },
            "volumeClaimTemplates": claims,
        },
    }))
}

/// Leaves out what is not declared.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(
            map.into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| (key, without_nulls(value)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

fn volume_claim(server: &IdentityServer) -> Value {
    let claimed = match &server.spec.storage {
        Some(ServerStorage::PersistentVolumeClaim(claim)) => Some(claim),
        _ => None,
    };
    let size = claimed.map_or(json!(DEFAULT_SIZE), |claim| json!(claim.size));
    let class = claimed.and_then(|claim| claim.storage_class_name.as_ref());
    json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": class,
            "resources": {"requests": {"storage": size}},
        },
    })
}

fn container(server: &IdentityServer, settings: &Settings<'_>) -> Value {
    let spec = &server.spec;
    let probe = |path: &str, period: u32, failures: u32| {
        json!({
            "httpGet": {"path": path, "port": "management"},
            "periodSeconds": period, "failureThreshold": failures, "timeoutSeconds": 3,
        })
    };
    let resources = match &spec.resources {
        Some(resources) => json!(resources),
        None => json!({
            "requests": {"cpu": "100m", "memory": "64Mi"},
            "limits": {"memory": "256Mi"},
        }),
    };
    let pull_policy = spec.image_pull_policy.as_deref();
    json!({
        "name": "server",
        "image": spec.image.as_deref().unwrap_or(settings.default_image),
        "imagePullPolicy": pull_policy.or(settings.default_pull_policy),
        "env": env(server, settings),
        "ports": [
            {"name": "http", "containerPort": HTTP, "protocol": "TCP"},
            {"name": "management", "containerPort": MANAGEMENT, "protocol": "TCP"},
        ],
        "startupProbe": probe("/health/started", 1, 120),
        "livenessProbe": probe("/health/live", 10, 3),
        "readinessProbe": probe("/health/ready", 2, 2),
        "resources": resources,
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "data", "mountPath": DATA_FOLDER},
            {"name": "master-key", "mountPath": MASTER_KEY_FOLDER, "readOnly": true},
            {"name": "service-account", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": true},
        ],
    })
}

fn env(server: &IdentityServer, settings: &Settings<'_>) -> Vec<Value> {
    let ours = [
        ("REALMKEEP_HOSTNAME", server.public_url()),
        ("REALMKEEP_DATA_DIR", DATA_FOLDER.to_owned()),
        (
            "REALMKEEP_MASTER_KEY_FILE",
            format!("{MASTER_KEY_FOLDER}/{MASTER_KEY}"),
        ),
        ("REALMKEEP_HTTP_PORT", HTTP.to_string()),
        ("REALMKEEP_MANAGEMENT_PORT", MANAGEMENT.to_string()),
        (
            "REALMKEEP_BOOTSTRAP_SERVICE_ACCOUNT_ISSUER",
            settings.operator_issuer.to_owned(),
        ),
        (
            "REALMKEEP_BOOTSTRAP_SERVICE_ACCOUNT_SUBJECT",
            settings.operator_subject.to_owned(),
        ),
    ];
    let ours = ours.map(|(name, value)| json!({"name": name, "value": value}));
    let theirs = server
        .spec
        .env
        .iter()
        .flatten()
        .map(|variable| json!(variable));
    ours.into_iter().chain(theirs).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    const SETTINGS: Settings<'_> = Settings {
        default_image: "realmkeep-server:0",
        default_pull_policy: Some("Never"),
        operator_issuer: "https://kubernetes.default.svc.cluster.local",
        operator_subject: "system:serviceaccount:realmkeep-system:realmkeep-operator",
    };

    fn server(spec: Value) -> IdentityServer {
        serde_json::from_value(json!({
            "apiVersion": "realmkeep.dev/v1alpha1", "kind": "IdentityServer",
            "metadata": {"name": "main", "namespace": "identity", "uid": "u-1"},
            "spec": spec,
        }))
        .unwrap()
    }

    fn set_of(server: &IdentityServer) -> Value {
        let all = manifests(server, &SETTINGS);
        all.into_iter()
            .find(|m| m["kind"] == "StatefulSet")
            .unwrap()
    }

    #[test]
    fn the_pod_is_restricted() {
        let set = set_of(&server(json!({})));
        let pod = &set["spec"]["template"]["spec"];
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        assert_eq!(
            pod["securityContext"]["seccompProfile"]["type"],
            "RuntimeDefault"
        );
        assert_eq!(pod["automountServiceAccountToken"], false);
        let container = &pod["containers"][0]["securityContext"];
        assert_eq!(container["readOnlyRootFilesystem"], true);
        assert_eq!(container["allowPrivilegeEscalation"], false);
        assert_eq!(container["capabilities"], json!({"drop": ["ALL"]}));
    }

    #[test]
    fn no_password_is_in_it_and_the_operators_account_is_trusted() {
        let set = set_of(&server(json!({"url": "https://id.example.com/"})));
        let env = set["spec"]["template"]["spec"]["containers"][0]["env"].clone();
        let value = |name: &str| {
            let env = env.as_array().unwrap();
            env.iter().find(|e| e["name"] == name).unwrap()["value"].clone()
        };
        assert_eq!(value("REALMKEEP_HOSTNAME"), "https://id.example.com");
        assert_eq!(
            value("REALMKEEP_BOOTSTRAP_SERVICE_ACCOUNT_SUBJECT"),
            SETTINGS.operator_subject
        );
        assert!(!env.to_string().to_lowercase().contains("password"));
    }

    #[test]
    fn everything_goes_with_its_server() {
        let server = server(json!({"storage": {"emptyDir": {}}}));
        for manifest in manifests(&server, &SETTINGS) {
            let owner = &manifest["metadata"]["ownerReferences"][0];
            assert_eq!(
                (&owner["kind"], &owner["uid"]),
                (&json!("IdentityServer"), &json!("u-1"))
            );
            assert_eq!(manifest["metadata"]["labels"][MANAGED_BY_KEY], MANAGER);
        }
    }

    #[test]
    fn the_database_is_on_a_claimed_volume_unless_it_is_said_otherwise() {
        let kept = server(json!({}));
        assert!(keeps_data(&kept));
        let claim = &set_of(&kept)["spec"]["volumeClaimTemplates"][0];
        assert_eq!(claim["spec"]["resources"]["requests"]["storage"], "1Gi");
        let lost = server(json!({"storage": {"emptyDir": {"sizeLimit": "64Mi"}}}));
        assert!(!keeps_data(&lost));
        let set = set_of(&lost);
        assert!(set["spec"].get("volumeClaimTemplates").is_none());
        let volumes = set["spec"]["template"]["spec"]["volumes"]
            .as_array()
            .unwrap();
        let data = volumes.iter().find(|v| v["name"] == "data").unwrap();
        assert_eq!(data["emptyDir"]["sizeLimit"], "64Mi");
    }

    #[test]
    fn what_a_person_sets_is_used() {
        let set = set_of(&server(json!({
            "image": "example.com/server:2", "imagePullPolicy": "Always", "replicas": 0,
            "env": [{"name": "REALMKEEP_LOG_LEVEL", "value": "debug"}],
        })));
        assert_eq!(set["spec"]["replicas"], 0);
        let container = &set["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["image"], "example.com/server:2");
        assert_eq!(container["imagePullPolicy"], "Always");
        let env = container["env"].as_array().unwrap();
        assert!(env.contains(&json!({"name": "REALMKEEP_LOG_LEVEL", "value": "debug"})));
    }

    #[test]
    fn a_variable_that_the_operator_sets_is_refused() {
        let server = server(json!({"env": [{"name": "REALMKEEP_HOSTNAME", "value": "x"}]}));
        let errors = validate(&server);
        assert_eq!(errors.len(), 1);
        assert_eq!(errors[0].path, "spec.env[0].name");
    }
}
