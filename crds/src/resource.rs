//! Any resource that a folder may hold.

use std::fmt;

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;

use crate::{
    Client, ExternalServer, FieldError, IdentityProvider, IdentityServer, Realm, Validate,
};

/// A resource of one of our kinds, or a Secret that one of them refers to.
#[derive(Clone)]
pub enum AnyResource {
    IdentityServer(Box<IdentityServer>),
    ExternalServer(Box<ExternalServer>),
    Realm(Box<Realm>),
    Client(Box<Client>),
    IdentityProvider(Box<IdentityProvider>),
    Secret(Box<Secret>),
}

/// What a person calls a resource: `Client shop/shop-web`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName {
    pub kind: &'static str,
    pub namespace: String,
    pub name: String,
}

impl AnyResource {
    pub fn name(&self) -> ObjectName {
        fn of<K: ResourceExt>(kind: &'static str, object: &K) -> ObjectName {
            ObjectName {
                kind,
                namespace: object.namespace().unwrap_or_else(|| "default".into()),
                name: object.name_any(),
            }
        }
        match self {
            Self::IdentityServer(object) => of("IdentityServer", &**object),
            Self::ExternalServer(object) => of("ExternalServer", &**object),
            Self::Realm(object) => of("Realm", &**object),
            Self::Client(object) => of("Client", &**object),
            Self::IdentityProvider(object) => of("IdentityProvider", &**object),
            Self::Secret(object) => of("Secret", &**object),
        }
    }

    /// Rules that the schema cannot express.
    pub fn validate(&self) -> Vec<FieldError> {
        match self {
            Self::IdentityServer(object) => object.validate(),
            Self::ExternalServer(object) => object.validate(),
            Self::Realm(object) => object.validate(),
            Self::Client(object) => object.validate(),
            Self::IdentityProvider(object) => object.validate(),
            Self::Secret(_) => Vec::new(),
        }
    }
}

impl fmt::Debug for AnyResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IdentityServer(object) => object.fmt(f),
            Self::ExternalServer(object) => object.fmt(f),
            Self::Realm(object) => object.fmt(f),
            Self::Client(object) => object.fmt(f),
            Self::IdentityProvider(object) => object.fmt(f),
            // Its data is what must not be seen.
            Self::Secret(_) => write!(f, "{}", self.name()),
        }
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
    }
}
