//! What an object on a server is called.

use std::fmt;

use serde::Serialize;

/// An object on one server. The order is that of creation: a realm, its identity providers, its
/// clients.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum ObjectKey {
    Realm {
        realm: String,
    },
    IdentityProvider {
        realm: String,
        alias: String,
    },
    #[serde(rename_all = "camelCase")]
    Client {
        realm: String,
        client_id: String,
    },
}

impl ObjectKey {
    pub fn realm(&self) -> &str {
        match self {
            Self::Realm { realm }
            | Self::IdentityProvider { realm, .. }
            | Self::Client { realm, .. } => realm,
        }
    }

    /// The object's own name.
    pub fn external_name(&self) -> &str {
        match self {
            Self::Realm { realm } => realm,
            Self::IdentityProvider { alias, .. } => alias,
            Self::Client { client_id, .. } => client_id,
        }
    }

    /// The map of the representation that can hold what is not the server's business.
    pub(crate) fn free_map(&self) -> &'static str {
        match self {
            Self::Realm { .. } | Self::Client { .. } => "attributes",
            Self::IdentityProvider { .. } => "config",
        }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Realm { realm } => write!(f, "realm {realm:?}"),
            Self::IdentityProvider { realm, alias } => {
                write!(f, "identity provider {alias:?} of realm {realm:?}")
            }
            Self::Client { realm, client_id } => {
                write!(f, "client {client_id:?} of realm {realm:?}")
            }
        }
    }
}
