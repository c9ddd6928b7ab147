//! Which requests are worked on when there are too many: those that are not are told so at once,
//! before anything is read or hashed for them, and no realm takes the places of all others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// The places; cheap to clone.
#[derive(Clone, Debug)]
pub struct Admission {
    most: usize,
    state: Arc<Mutex<Places>>,
}

#[derive(Debug, Default)]
struct Places {
    taken: usize,
    /// By the realm's name as the path has it; only those with requests under way.
    by_realm: HashMap<String, usize>,
}

/// A request's place, until it is answered.
struct Place {
    admission: Admission,
    realm: String,
}

impl Admission {
    /// `most` requests at once.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            state: Arc::default(),
        }
    }

    /// A place, unless all are taken or the realm has its share. Below half of the places there are
    /// no shares; above it a realm has an equal part, and never more than three quarters, so that
    /// another that comes finds a place.
    fn place(&self, realm: &str) -> Option<Place> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.taken >= self.most {
            return None;
        }
        let mine = state.by_realm.get(realm).copied().unwrap_or(0);
        if state.taken >= self.most / 2 {
            let realms = state.by_realm.len() + usize::from(mine == 0);
            let share = (self.most / realms.max(1)).min(self.most * 3 / 4).max(1);
            if mine >= share {
                return None;
            }
        }
        state.taken += 1;
        *state.by_realm.entry(realm.to_owned()).or_default() += 1;
        Some(Place {
            admission: self.clone(),
            realm: realm.to_owned(),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self
            .admission
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        state.taken = state.taken.saturating_sub(1);
        if let Some(mine) = state.by_realm.get_mut(&self.realm) {
            *mine = mine.saturating_sub(1);
            if *mine == 0 {
                state.by_realm.remove(&self.realm);
            }
        }
    }
}

/// Answers with 503 what finds no place.
pub async fn admit(State(admission): State<Admission>, request: Request, next: Next) -> Response {
    let Some(_place) = admission.place(realm_of(request.uri().path())) else {
        let body = json!({
            "error": "temporarily_unavailable",
            "error_description": "The server is busy; try again in a moment",
        });
        let retry = [(header::RETRY_AFTER, HeaderValue::from_static("1"))];
        return (StatusCode::SERVICE_UNAVAILABLE, retry, Json(body)).into_response();
    };
    next.run(request).await
}

/// The realm's name in `/realms/{realm}/…` and `/admin/realms/{realm}/…`; empty elsewhere.
fn realm_of(path: &str) -> &str {
    let rest = path.strip_prefix("/admin").unwrap_or(path);
    rest.strip_prefix("/realms/")
        .and_then(|rest| rest.split('/').next())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_realm_leaves_places_to_others() {
        let admission = Admission::new(8);
        let busy: Vec<Place> = std::iter::from_fn(|| admission.place("busy")).collect();
        assert_eq!(busy.len(), 6);
        // Two more realms: there are two places, and the busy one is beyond its share.
        let other = admission.place("other").unwrap();
        assert!(admission.place("busy").is_none());
        let third = admission.place("third").unwrap();
        assert!(admission.place("fourth").is_none(), "all places are taken");
        drop(busy);
        assert!(admission.place("busy").is_some());
        drop((other, third));
        let state = admission.state.lock().unwrap();
        assert_eq!((state.taken, state.by_realm.len()), (0, 0));
    }

    #[test]
    fn the_realm_of_a_path() {
        assert_eq!(realm_of("/realms/a/protocol/openid-connect/token"), "a");
        assert_eq!(realm_of("/admin/realms/b"), "b");
        assert_eq!(realm_of("/admin/realms"), "");
        assert_eq!(realm_of("/realms/"), "");
    }
}
