//! What changed in a realm, as server-sent events or a page at a time.
//!
//! The numbers of the store's own change record are the cursor, so a feed goes on at any server after
//! any of them was restarted. It says `reset` when changes in between are no longer known.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use futures::stream;
use http::{HeaderMap, header};
use realmkeep_authn::Services;
use realmkeep_store::changes::Change;
use realmkeep_store::{StoreError, Touch};
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::actor::Actor;
use crate::error::{ApiError, ApiResult};
use crate::request::Cx;
use crate::rights::{Right, Rights};

/// Feeds that one server keeps open.
const OPEN: usize = 256;
/// Changes read at once.
const PAGE: i64 = 500;
/// Longest time between two looks, at which the caller's rights are looked at again, too.
const LOOK: Duration = Duration::from_secs(15);
/// Changes of other realms after which a quiet feed tells its position.
const BEHIND: i64 = 1_000;
/// What a client waits before it connects again.
const RETRY: Duration = Duration::from_secs(2);

/// Who sees any changes.
const FOLLOWERS: &[Right] = &[
    Right::VIEW_REALM,
    Right::VIEW_CLIENTS,
    Right::VIEW_USERS,
    Right::VIEW_IDENTITY_PROVIDERS,
];

/// Places for open feeds.
#[derive(Clone, Debug)]
pub struct Feeds(Arc<Semaphore>);

impl Default for Feeds {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(OPEN)))
    }
}

/// The changes since a cursor: `Last-Event-ID`, or `since` in the query. Server-sent events where the
/// request accepts them, else one page of JSON.
pub async fn read(
    cx: Cx,
    headers: HeaderMap,
    Extension(feeds): Extension<Feeds>,
) -> ApiResult<Response> {
    cx.require(FOLLOWERS)?;
    let cursor = match headers.get("last-event-id") {
        Some(id) => Some(
            id.to_str()
                .ok()
                .and_then(|id| id.parse().ok())
                .ok_or_else(|| ApiError::bad_request("Last-Event-ID: it is none of ours"))?,
        ),
        None => cx.number("since")?,
    };
    let accepts = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok());
    if !accepts.is_some_and(|kinds| kinds.contains("text/event-stream")) {
        return Ok(Json(page(&cx, cursor).await?).into_response());
    }
    let place = feeds
        .0
        .try_acquire_owned()
        .map_err(|_| ApiError::busy(format!("{OPEN} feeds are open already")))?;
    let feed = Feed {
        changed: cx.services.store.follow_changes(),
        services: cx.services.clone(),
        realm_id: cx.realm.id.clone(),
        realm: cx.realm.name.clone(),
        headers,
        rights: cx.rights.clone(),
        cursor,
        told: cursor,
        waiting: Vec::new(),
        _place: place,
    };
    let events = stream::unfold(Some(feed), |feed| async {
        let mut feed = feed?;
        match feed.next().await {
            Ok(event) => Some((Ok::<_, Infallible>(event), Some(feed))),
            Err(end) => {
                if let End::Failed(e) = end {
                    tracing::warn!(error = %e, "a change feed ended");
                }
                None
            }
        }
    });
    let sse = Sse::new(events).keep_alive(KeepAlive::new().interval(LOOK));
    Ok(sse.into_response())
}

/// One page of changes after the cursor; without one, only how far they have come.
async fn page(cx: &Cx, cursor: Option<i64>) -> ApiResult<Value> {
    let store = cx.store();
    let position = store.change_position().await?;
    let Some(cursor) = cursor else {
        return Ok(json!({ "cursor": position.latest, "reset": false, "changes": [] }));
    };
    if !position.continues(cursor) {
        return Ok(json!({ "cursor": position.latest, "reset": true, "changes": [] }));
    }
    let changes = store
        .changes_of(&cx.realm.id, cursor, position.latest, PAGE)
        .await?;
    let last = match changes.last() {
        Some(last) if i64::try_from(changes.len()) == Ok(PAGE) => last.number,
        _ => position.latest,
    };
    let shown: Vec<Value> = changes
        .iter()
        .filter_map(|change| shown(&cx.rights, change))
        .collect();
    Ok(json!({ "cursor": last, "reset": false, "changes": shown }))
}

/// A change as those with these rights may see it.
fn shown(rights: &Rights, change: &Change) -> Option<Value> {
    Some(match &change.touched {
        Touch::Realm(_) => json!({ "kind": "realm" }),
        Touch::Client(_, client_id) if rights.has(Right::VIEW_CLIENTS) => {
            json!({ "kind": "client", "clientId": client_id })
        }
        Touch::User(_, id) if rights.has(Right::VIEW_USERS) => json!({ "kind": "user", "id": id }),
        Touch::Client(..) | Touch::User(..) => return None,
    })
}

/// One open feed.
struct Feed {
    services: Arc<Services>,
    realm_id: String,
    realm: String,
    /// Of the request, for its token.
    headers: HeaderMap,
    rights: Rights,
    changed: watch::Receiver<u64>,
    /// Number of the last change that was looked at; None before the first look.
    cursor: Option<i64>,
    /// The number that the client knows.
    told: Option<i64>,
    /// Read, and not yet sent; the latest first.
    waiting: Vec<Change>,
    _place: OwnedSemaphorePermit,
}

/// Why a feed ends.
enum End {
    /// The caller's token, rights or realm.
    NoLongerAllowed,
    Failed(StoreError),
}

impl From<StoreError> for End {
    fn from(e: StoreError) -> Self {
        Self::Failed(e)
    }
}

impl Feed {
    async fn next(&mut self) -> Result<Event, End> {
        loop {
            while let Some(change) = self.waiting.pop() {
                if let Some(data) = shown(&self.rights, &change) {
                    return Ok(self.event("change", change.number, &data));
                }
            }
            if let Some(event) = self.look().await? {
                return Ok(event);
            }
            if self.waiting.is_empty() {
                let _ = tokio::time::timeout(LOOK, self.changed.changed()).await;
                self.look_at_rights().await?;
            }
        }
    }

    /// Reads what is new; an event that says where the feed stands comes before it.
    async fn look(&mut self) -> Result<Option<Event>, StoreError> {
        self.changed.mark_unchanged();
        let store = &self.services.store;
        let position = store.change_position().await?;
        let Some(cursor) = self.cursor else {
            self.cursor = Some(position.latest);
            return Ok(Some(self.event("ready", position.latest, &json!({}))));
        };
        if !position.continues(cursor) {
            self.cursor = Some(position.latest);
            return Ok(Some(self.event("reset", position.latest, &json!({}))));
        }
        let mut changes = store
            .changes_of(&self.realm_id, cursor, position.latest, PAGE)
            .await?;
        let last = match changes.last() {
            Some(last) if i64::try_from(changes.len()) == Ok(PAGE) => last.number,
            _ => position.latest,
        };
        self.cursor = Some(last);
        changes.reverse();
        self.waiting = changes;
        let far = self.told.is_none_or(|told| last - told > BEHIND);
        if self.waiting.is_empty() && far {
            return Ok(Some(self.event("position", last, &json!({}))));
        }
        Ok(None)
    }

    fn event(&mut self, name: &str, number: i64, data: &Value) -> Event {
        self.told = Some(number);
        Event::default()
            .id(number.to_string())
            .event(name)
            .retry(RETRY)
            .data(data.to_string())
    }

    async fn look_at_rights(&mut self) -> Result<(), End> {
        let refused = |_: ApiError| End::NoLongerAllowed;
        let actor = Actor::authenticate(&self.services, &self.headers)
            .await
            .map_err(refused)?;
        let realm = self.services.store.realm(&self.realm).await?;
        let realm = realm
            .filter(|realm| realm.id == self.realm_id)
            .ok_or(End::NoLongerAllowed)?;
        self.rights = actor
            .rights_in(&self.services, &realm)
            .await
            .map_err(refused)?;
        match self.rights.has_any(FOLLOWERS) {
            true => Ok(()),
            false => Err(End::NoLongerAllowed),
        }
    }
}
