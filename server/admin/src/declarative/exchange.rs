//! What a handler and what stands around it tell each other about one request.

use std::sync::{Arc, Mutex, PoisonError};

use realmkeep_store::Realm;

/// Travels with the request; cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Exchange(Arc<Told>);

#[derive(Debug, Default)]
struct Told {
    path: String,
    realm: Mutex<Option<Arc<Realm>>>,
}

impl Exchange {
    /// Of a request to this path.
    pub fn of(path: &str) -> Self {
        Self(Arc::new(Told {
            path: path.to_owned(),
            realm: Mutex::default(),
        }))
    }

    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// The request is about this realm, and comes from somebody with rights in it.
    pub fn tell_realm(&self, realm: &Arc<Realm>) {
        *self.0.realm.lock().unwrap_or_else(PoisonError::into_inner) = Some(realm.clone());
    }

    pub fn realm(&self) -> Option<Arc<Realm>> {
        let told = self.0.realm.lock().unwrap_or_else(PoisonError::into_inner);
        told.clone()
    }
}
