//! Events on their way to listeners: written in the batch that stores the event, so that none is lost,
//! and told one after the other in each lane until they arrive or expire.

use realmkeep_representations::{AdminEventRepresentation, EventRepresentation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::db::{Step, statements};
use crate::events::sequence;
use crate::{Store, StoreError};

statements! {
    INSERT = "INSERT INTO event_outbox (id, realm_id, lane, seq, due, attempts, expires, doc) VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, ?7)";
    HEADS = "SELECT o.id, o.realm_id, o.lane, o.due, o.attempts, o.expires, o.doc, r.name FROM (SELECT realm_id, lane, min(seq) AS seq FROM event_outbox GROUP BY realm_id, lane) AS head JOIN event_outbox o ON o.realm_id = head.realm_id AND o.lane = head.lane AND o.seq = head.seq JOIN realm r ON r.id = o.realm_id WHERE o.due <= ?1 ORDER BY o.due LIMIT ?2";
    CLAIM = "UPDATE event_outbox SET due = ?3, attempts = attempts + 1 WHERE id = ?1 AND due = ?2 RETURNING attempts";
    RETRY = "UPDATE event_outbox SET due = ?2 WHERE id = ?1";
    DELETE = "DELETE FROM event_outbox WHERE id = ?1";
    DELETE_LANE = "DELETE FROM event_outbox WHERE realm_id = ?1 AND lane = ?2";
}

/// What a listener is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OutboxEvent {
    User(Box<EventRepresentation>),
    Admin(Box<AdminEventRepresentation>),
}

/// The oldest event of a lane; it may be tried now.
#[derive(Clone, Debug)]
pub struct DueEvent {
    pub id: String,
    pub realm_id: String,
    /// The realm's name.
    pub realm: String,
    pub lane: String,
    /// Times in seconds since 1970.
    pub due: i64,
    pub expires: i64,
    /// How often it was tried before.
    pub attempts: i64,
    pub event: OutboxEvent,
}

impl Store {
    /// The step that puts an event into the lane, to be tried from `due` to `expires` (seconds since
    /// 1970).
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn put_into_event_outbox(
        realm_id: &str,
        lane: &str,
        event: &OutboxEvent,
        due: i64,
        expires: i64,
    ) -> Result<Step, StoreError> {
        let doc = serde_json::to_string(event).map_err(|e| StoreError::corrupt("an event", e))?;
        let params = vec![
            Uuid::new_v4().to_string().into(),
            realm_id.into(),
            lane.into(),
            sequence(due.saturating_mul(1000)).into(),
            due.into(),
            expires.into(),
            doc.into(),
        ];
        Ok(Step::new(&INSERT, params).on_conflict("the realm is gone"))
    }

    /// The oldest event of each lane, of at most `most` lanes, as far as it is due at `now`.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn due_outbox_events(
        &self,
        now: i64,
        most: i64,
    ) -> Result<Vec<DueEvent>, StoreError> {
        let rows = self.query(&HEADS, &[now.into(), most.into()]).await?;
        rows.iter()
            .map(|row| {
                Ok(DueEvent {
                    id: row.text(0)?.to_owned(),
                    realm_id: row.text(1)?.to_owned(),
                    lane: row.text(2)?.to_owned(),
                    due: row.int(3)?,
                    attempts: row.int(4)?,
                    expires: row.int(5)?,
                    event: row.json(6)?,
                    realm: row.text(7)?.to_owned(),
                })
            })
            .collect()
    }

    /// The step that takes the event for one attempt; fails when another replica took it. It is due
    /// again at `next`, should the attempt never end.
    pub fn claim_outbox_event(event: &DueEvent, next: i64) -> Step {
        let params = vec![event.id.as_str().into(), event.due.into(), next.into()];
        Step::new(&CLAIM, params).or_fail("another replica tells it")
    }

    /// The step that has the event tried again at `due`.
    pub fn retry_outbox_event(id: &str, due: i64) -> Step {
        Step::new(&RETRY, vec![id.into(), due.into()])
    }

    pub fn delete_outbox_event(id: &str) -> Step {
        Step::new(&DELETE, vec![id.into()])
    }

    /// The step that empties a lane of the realm.
    pub fn empty_outbox_lane(realm_id: &str, lane: &str) -> Step {
        Step::new(&DELETE_LANE, vec![realm_id.into(), lane.into()])
    }
}
