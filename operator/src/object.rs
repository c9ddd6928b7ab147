//! What the five kinds have in common, for code that does not care which one it has.

use std::{
    collections::hash_map::DefaultHasher,
    fmt::Debug,
    hash::{Hash, Hasher},
    time::Duration,
};

use k8s_openapi::{
    NamespaceResourceScope,
    api::core::v1::ObjectReference,
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use kube::{
    Api, Client as KubeClient, Resource,
    api::{ApiResource, DynamicObject},
    core::DeserializeGuard,
    runtime::reflector::{ObjectRef, Store},
};
use realmkeep_crds::{
    Client, ClientAuth, Condition, ConditionType, ExternalServer, ExternalServerAuth,
    IdentityProvider, IdentityServer, ObjectName, Realm, Validate,
};
use serde::de::DeserializeOwned;

use crate::status::status_of;

/// An object as it came, which may not be what its definition says.
pub type Guarded<K> = DeserializeGuard<K>;
pub type GuardedStore<K> = Store<Guarded<K>>;
pub type GuardedRef<K> = ObjectRef<Guarded<K>>;
/// Objects as plain JSON: writes go through it, so that an answer is never refused.
pub type RawApi = Api<DynamicObject>;

/// One of the five kinds.
pub trait Kind:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Validate
    + Clone
    + Debug
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
    const KIND: &'static str;

    fn conditions(&self) -> &[Condition];

    /// Secrets of its namespace that it names.
    fn secret_names(&self) -> Vec<&str>;

    /// What others depend on; they are looked at again when it changes.
    fn outward(&self) -> String {
        format!("{:?}", status_of(self.conditions(), ConditionType::Ready))
    }
}

impl Kind for IdentityServer {
    const KIND: &'static str = "IdentityServer";

    fn conditions(&self) -> &[Condition] {
        self.status.as_ref().map_or(&[], |s| &s.conditions)
    }

    fn secret_names(&self) -> Vec<&str> {
        Vec::new()
    }
}

impl Kind for ExternalServer {
    const KIND: &'static str = "ExternalServer";

    fn conditions(&self) -> &[Condition] {
        self.status.as_ref().map_or(&[], |s| &s.conditions)
    }

    fn secret_names(&self) -> Vec<&str> {
        let value_from = match &self.spec.auth {
            ExternalServerAuth::ServiceAccount(_) => return Vec::new(),
            ExternalServerAuth::ClientCredentials(auth) => &auth.client_secret,
            ExternalServerAuth::Password(auth) => &auth.password,
            ExternalServerAuth::Token(auth) => &auth.value_from,
        };
        vec![&value_from.secret_key_ref.name]
    }
}

impl Kind for Realm {
    const KIND: &'static str = "Realm";

    fn conditions(&self) -> &[Condition] {
        self.status.as_ref().map_or(&[], |s| &s.conditions)
    }

    fn secret_names(&self) -> Vec<&str> {
        let credentials = self.spec.smtp.as_ref().and_then(|s| s.credentials.as_ref());
        let name = credentials.map(|c| c.password.secret_key_ref.name.as_str());
        name.into_iter().collect()
    }

    fn outward(&self) -> String {
        let id = self.status.as_ref().and_then(|s| s.id.as_deref());
        format!(
            "{:?} {id:?}",
            status_of(self.conditions(), ConditionType::Ready)
        )
    }
}

impl Kind for Client {
    const KIND: &'static str = "Client";

    fn conditions(&self) -> &[Condition] {
        self.status.as_ref().map_or(&[], |s| &s.conditions)
    }

    /// Nobody depends on a client.
    fn outward(&self) -> String {
        String::new()
    }

    fn secret_names(&self) -> Vec<&str> {
        match &self.spec.auth {
            Some(ClientAuth::ClientSecret(secret)) => {
                vec![&secret.value_from.secret_key_ref.name]
            }
            _ => Vec::new(),
        }
    }
}

impl Kind for IdentityProvider {
    const KIND: &'static str = "IdentityProvider";

    fn conditions(&self) -> &[Condition] {
        self.status.as_ref().map_or(&[], |s| &s.conditions)
    }

    fn secret_names(&self) -> Vec<&str> {
        use realmkeep_crds::IdentityProviderType::Oidc;
        let mut names: Vec<&str> = self
            .spec
            .secret_config
            .iter()
            .flatten()
            .map(|(_, value_from)| value_from.secret_key_ref.name.as_str())
            .collect();
        if let Oidc(oidc) = &self.spec.r#type
            && let Some(value_from) = &oidc.client_secret
        {
            names.push(&value_from.secret_key_ref.name);
        }
        names
    }
}

pub fn namespace(meta: &ObjectMeta) -> &str {
    meta.namespace.as_deref().unwrap_or_default()
}

pub fn name(meta: &ObjectMeta) -> &str {
    meta.name.as_deref().unwrap_or_default()
}

pub fn object_name(kind: &'static str, meta: &ObjectMeta) -> ObjectName {
    ObjectName {
        kind,
        namespace: namespace(meta).to_owned(),
        name: name(meta).to_owned(),
    }
}

/// The resources of `K` in a namespace, as plain JSON.
pub fn raw_api<K: Kind>(client: &KubeClient, namespace: &str) -> RawApi {
    Api::namespaced_with(client.clone(), namespace, &ApiResource::erase::<K>(&()))
}

pub fn reference<K: Kind>(meta: &ObjectMeta) -> ObjectReference {
    ObjectReference {
        api_version: Some(K::api_version(&()).into_owned()),
        kind: Some(K::KIND.into()),
        namespace: meta.namespace.clone(),
        name: meta.name.clone(),
        uid: meta.uid.clone(),
        resource_version: meta.resource_version.clone(),
        field_path: None,
    }
}

/// Makes an object go with the resource that it was made for.
pub fn owner_reference<K: Kind>(meta: &ObjectMeta) -> OwnerReference {
    OwnerReference {
        api_version: K::api_version(&()).into_owned(),
        kind: K::KIND.into(),
        name: name(meta).into(),
        uid: meta.uid.clone().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

pub fn is_owned_by(meta: &ObjectMeta, owner: &ObjectMeta) -> bool {
    let mut owners = meta.owner_references.iter().flatten();
    owners.any(|o| Some(&o.uid) == owner.uid.as_ref())
}

/// 80 to 100 percent of `period`, always the same for the same object.
pub fn spread(period: Duration, meta: &ObjectMeta) -> Duration {
    let mut hasher = DefaultHasher::new();
    meta.uid.hash(&mut hasher);
    let share = u32::try_from(hasher.finish() % 21).unwrap_or(0);
    period * (80 + share) / 100
}
