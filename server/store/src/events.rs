//! Events that a realm keeps: what users did, and what administrators changed.

use std::sync::atomic::{AtomicI64, Ordering};

use realmkeep_representations::{AdminEventRepresentation, EventRepresentation};

use crate::db::{Step, Value, statements};
use crate::documents::{Page, like_as_is};
use crate::{Store, StoreError};

// A list is given as one text with a comma on both sides of every entry.
statements! {
    USER_INSERT = "INSERT INTO user_event (id, realm_id, seq, time, type, client_id, user_id, ip_address, doc) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    USER_NEWEST = "SELECT doc FROM user_event WHERE realm_id = ?1 AND (?2 LIKE '%,' || type || ',%' OR ?2 IS NULL) AND (client_id = ?3 OR ?3 IS NULL) AND (user_id = ?4 OR ?4 IS NULL) AND (ip_address = ?5 OR ?5 IS NULL) AND time >= ?6 AND time <= ?7 ORDER BY seq DESC LIMIT ?8 OFFSET ?9";
    USER_OLDEST = "SELECT doc FROM user_event WHERE realm_id = ?1 AND (?2 LIKE '%,' || type || ',%' OR ?2 IS NULL) AND (client_id = ?3 OR ?3 IS NULL) AND (user_id = ?4 OR ?4 IS NULL) AND (ip_address = ?5 OR ?5 IS NULL) AND time >= ?6 AND time <= ?7 ORDER BY seq LIMIT ?8 OFFSET ?9";
    USER_CLEAR = "DELETE FROM user_event WHERE realm_id = ?1";
    USER_EXPIRE = "DELETE FROM user_event WHERE realm_id = ?1 AND time < ?2";
    ADMIN_INSERT = "INSERT INTO admin_event (id, realm_id, seq, time, operation, resource_type, path, auth_realm, auth_client, auth_user, ip_address, doc) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    ADMIN_NEWEST = "SELECT doc FROM admin_event WHERE realm_id = ?1 AND (?2 LIKE '%,' || operation || ',%' OR ?2 IS NULL) AND (?3 LIKE '%,' || resource_type || ',%' OR ?3 IS NULL) AND (path LIKE ?4 ESCAPE '\\' OR ?4 IS NULL) AND (auth_realm = ?5 OR ?5 IS NULL) AND (auth_client = ?6 OR ?6 IS NULL) AND (auth_user = ?7 OR ?7 IS NULL) AND (ip_address = ?8 OR ?8 IS NULL) AND time >= ?9 AND time <= ?10 ORDER BY seq DESC LIMIT ?11 OFFSET ?12";
    ADMIN_OLDEST = "SELECT doc FROM admin_event WHERE realm_id = ?1 AND (?2 LIKE '%,' || operation || ',%' OR ?2 IS NULL) AND (?3 LIKE '%,' || resource_type || ',%' OR ?3 IS NULL) AND (path LIKE ?4 ESCAPE '\\' OR ?4 IS NULL) AND (auth_realm = ?5 OR ?5 IS NULL) AND (auth_client = ?6 OR ?6 IS NULL) AND (auth_user = ?7 OR ?7 IS NULL) AND (ip_address = ?8 OR ?8 IS NULL) AND time >= ?9 AND time <= ?10 ORDER BY seq LIMIT ?11 OFFSET ?12";
    ADMIN_CLEAR = "DELETE FROM admin_event WHERE realm_id = ?1";
    ADMIN_EXPIRE = "DELETE FROM admin_event WHERE realm_id = ?1 AND time < ?2";
}

/// Orders the events that this process writes: a little more than the time in microseconds.
static LAST: AtomicI64 = AtomicI64::new(0);

/// When events of a search happened, in milliseconds since 1970, both ends included.
#[derive(Clone, Copy, Debug)]
pub struct Period {
    pub from: i64,
    pub to: i64,
}

impl Default for Period {
    fn default() -> Self {
        Self {
            from: 0,
            to: i64::MAX,
        }
    }
}

/// What a search for user events asks for; all given parts must match.
#[derive(Clone, Debug, Default)]
pub struct UserEventSearch {
    /// Any of these types; empty means all.
    pub types: Vec<String>,
    /// The clientId.
    pub client: Option<String>,
    pub user: Option<String>,
    pub ip_address: Option<String>,
    pub period: Period,
    pub oldest_first: bool,
}

/// What a search for admin events asks for; all given parts must match.
#[derive(Clone, Debug, Default)]
pub struct AdminEventSearch {
    /// Any of these; empty means all.
    pub operations: Vec<String>,
    /// Any of these; empty means all.
    pub resource_types: Vec<String>,
    /// `*` stands for any text.
    pub resource_path: Option<String>,
    pub auth_realm: Option<String>,
    pub auth_client: Option<String>,
    pub auth_user: Option<String>,
    pub ip_address: Option<String>,
    pub period: Period,
    pub oldest_first: bool,
}

impl Store {
    /// The step that stores the event; `id`, `realm_id`, `time` and `type` must be set.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn insert_user_event(event: &EventRepresentation) -> Result<Step, StoreError> {
        let doc = json(event)?;
        let time = event.time.unwrap_or(0);
        Ok(Step::new(
            &USER_INSERT,
            vec![
                event.id.clone().into(),
                event.realm_id.clone().into(),
                sequence(time).into(),
                time.into(),
                event.r#type.clone().into(),
                event.client_id.clone().into(),
                event.user_id.clone().into(),
                event.ip_address.clone().into(),
                doc.into(),
            ],
        )
        .on_conflict("the realm is gone"))
    }

    /// # Errors
    /// When the database fails or a document cannot be read.
    pub async fn user_events(
        &self,
        realm_id: &str,
        search: &UserEventSearch,
        page: Page,
    ) -> Result<Vec<EventRepresentation>, StoreError> {
        let statement = if search.oldest_first {
            &USER_OLDEST
        } else {
            &USER_NEWEST
        };
        let params = [
            realm_id.into(),
            list(&search.types),
            search.client.clone().into(),
            search.user.clone().into(),
            search.ip_address.clone().into(),
            search.period.from.into(),
            search.period.to.into(),
            page.max.into(),
            page.first.into(),
        ];
        let rows = self.query(statement, &params).await?;
        rows.iter().map(|row| row.json(0)).collect()
    }

    /// The step that forgets all user events of the realm.
    pub fn clear_user_events(realm_id: &str) -> Step {
        Step::new(&USER_CLEAR, vec![realm_id.into()])
    }

    /// The step that forgets user events before `time`, milliseconds since 1970.
    pub fn expire_user_events(realm_id: &str, time: i64) -> Step {
        Step::new(&USER_EXPIRE, vec![realm_id.into(), time.into()])
    }

    /// The step that stores the event; `id`, `realm_id`, `time`, `operation_type`, `resource_type` and
    /// `resource_path` must be set.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn insert_admin_event(event: &AdminEventRepresentation) -> Result<Step, StoreError> {
        let doc = json(event)?;
        let time = event.time.unwrap_or(0);
        let auth = event.auth_details.clone().unwrap_or_default();
        Ok(Step::new(
            &ADMIN_INSERT,
            vec![
                event.id.clone().into(),
                event.realm_id.clone().into(),
                sequence(time).into(),
                time.into(),
                event.operation_type.clone().into(),
                event.resource_type.clone().into(),
                event.resource_path.clone().unwrap_or_default().into(),
                auth.realm_id.into(),
                auth.client_id.into(),
                auth.user_id.into(),
                auth.ip_address.into(),
                doc.into(),
            ],
        )
        .on_conflict("the realm is gone"))
    }

    /// # Errors
    /// When the database fails or a document cannot be read.
    pub async fn admin_events(
        &self,
        realm_id: &str,
        search: &AdminEventSearch,
        page: Page,
    ) -> Result<Vec<AdminEventRepresentation>, StoreError> {
        let statement = if search.oldest_first {
            &ADMIN_OLDEST
        } else {
            &ADMIN_NEWEST
        };
        let path = search
            .resource_path
            .as_ref()
            .map(|path| like_as_is(path).replace('*', "%"));
        let params = [
            realm_id.into(),
            list(&search.operations),
            list(&search.resource_types),
            path.into(),
            search.auth_realm.clone().into(),
            search.auth_client.clone().into(),
            search.auth_user.clone().into(),
            search.ip_address.clone().into(),
            search.period.from.into(),
            search.period.to.into(),
            page.max.into(),
            page.first.into(),
        ];
        let rows = self.query(statement, &params).await?;
        rows.iter().map(|row| row.json(0)).collect()
    }

    /// The step that forgets all admin events of the realm.
    pub fn clear_admin_events(realm_id: &str) -> Step {
        Step::new(&ADMIN_CLEAR, vec![realm_id.into()])
    }

    /// The step that forgets admin events before `time`, milliseconds since 1970.
    pub fn expire_admin_events(realm_id: &str, time: i64) -> Step {
        Step::new(&ADMIN_EXPIRE, vec![realm_id.into(), time.into()])
    }
}

/// A number above all that this process gave before; `time` is in milliseconds since 1970.
pub(crate) fn sequence(time: i64) -> i64 {
    let now = time.saturating_mul(1000);
    let next = |last: i64| now.max(last.saturating_add(1));
    match LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| {
        Some(next(last))
    }) {
        Ok(last) | Err(last) => next(last),
    }
}

fn list(entries: &[String]) -> Value {
    if entries.is_empty() {
        Value::Null
    } else {
        format!(",{},", entries.join(",")).into()
    }
}

fn json<T: serde::Serialize>(event: &T) -> Result<String, StoreError> {
    serde_json::to_string(event).map_err(|e| StoreError::corrupt("an event", e))
}
