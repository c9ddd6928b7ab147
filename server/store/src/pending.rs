//! Grants that wait for their user on another device (RFC 8628, OpenID Connect CIBA Core).
//!
//! The client polls with a code that only it has; whoever reads the table finds its hash. The user's
//! answer and the client's redemption are each decided by one conditional statement.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::db::{Row, Step, statements};
use crate::{Store, StoreError};

statements! {
    PUT = "INSERT INTO pending_grant (id, realm_id, client_id, kind, user_code, status, poll_every, next_poll, expires, doc) VALUES (?1, ?2, ?3, ?4, ?5, 'pending', ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING RETURNING id";
    BY_ID = "SELECT id, client_id, user_code, status, poll_every, next_poll, expires, doc, answer FROM pending_grant WHERE id = ?1 AND realm_id = ?2 AND kind = ?3";
    BY_USER_CODE = "SELECT id, client_id, user_code, status, poll_every, next_poll, expires, doc, answer FROM pending_grant WHERE realm_id = ?1 AND user_code = ?2 AND kind = ?3 AND status = 'pending' AND expires > ?4";
    ANSWER = "UPDATE pending_grant SET status = ?2, answer = ?3 WHERE id = ?1 AND status = 'pending' AND expires > ?4 RETURNING id";
    POLLED = "UPDATE pending_grant SET next_poll = ?2, poll_every = ?3 WHERE id = ?1";
    TAKE = "DELETE FROM pending_grant WHERE id = ?1 AND status = ?2 RETURNING id";
    EXPIRE = "DELETE FROM pending_grant WHERE expires < ?1";
}

/// Which grant it is; an id of one kind is never found as another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PendingKind {
    Device,
    Ciba,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PendingStatus {
    Pending,
    Approved,
    Denied,
}

/// A grant that waits, or waited, for its user.
#[derive(Clone, Debug)]
pub struct PendingGrant<T> {
    /// Hash of the code that the client polls with.
    pub id: String,
    /// The client's id, not its clientId.
    pub client_id: String,
    pub user_code: Option<String>,
    pub status: PendingStatus,
    /// Seconds between polls.
    pub poll_every: i64,
    /// The client may not poll before; seconds since 1970.
    pub next_poll: i64,
    /// Seconds since 1970.
    pub expires: i64,
    /// What was asked for.
    pub request: T,
    /// Who approved it.
    pub approval: Option<Approval>,
}

/// A user's consent to a grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Approval {
    pub user_id: String,
    pub session_id: String,
}

impl PendingKind {
    fn name(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Ciba => "ciba",
        }
    }
}

impl PendingStatus {
    fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Denied => "denied",
        }
    }

    fn parse(text: &str) -> Result<Self, StoreError> {
        [Self::Pending, Self::Approved, Self::Denied]
            .into_iter()
            .find(|status| status.name() == text)
            .ok_or_else(|| StoreError::corrupt("the status of a pending grant", text))
    }
}

impl Store {
    /// The step that puts a grant down; fails when its user code is taken, so that another is tried.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn put_pending<T: Serialize>(
        realm_id: &str,
        kind: PendingKind,
        grant: &PendingGrant<T>,
    ) -> Result<Step, StoreError> {
        let doc = serde_json::to_string(&grant.request)
            .map_err(|e| StoreError::corrupt("a pending grant", e))?;
        let step = Step::new(
            &PUT,
            vec![
                grant.id.as_str().into(),
                realm_id.into(),
                grant.client_id.as_str().into(),
                kind.name().into(),
                grant.user_code.clone().into(),
                grant.poll_every.into(),
                grant.next_poll.into(),
                grant.expires.into(),
                doc.into(),
            ],
        );
        Ok(step.or_fail("the code is taken"))
    }

    /// The grant with this id, whatever its status and however old.
    ///
    /// # Errors
    /// When the database fails or the row cannot be read.
    pub async fn find_pending<T: DeserializeOwned>(
        &self,
        realm_id: &str,
        kind: PendingKind,
        id: &str,
    ) -> Result<Option<PendingGrant<T>>, StoreError> {
        let params = [id.into(), realm_id.into(), kind.name().into()];
        let rows = self.query(&BY_ID, &params).await?;
        rows.first().map(pending).transpose()
    }

    /// The grant that waits for the user who has this code.
    ///
    /// # Errors
    /// When the database fails or the row cannot be read.
    pub async fn find_pending_by_user_code<T: DeserializeOwned>(
        &self,
        realm_id: &str,
        kind: PendingKind,
        user_code: &str,
        now: i64,
    ) -> Result<Option<PendingGrant<T>>, StoreError> {
        let params = [
            realm_id.into(),
            user_code.into(),
            kind.name().into(),
            now.into(),
        ];
        let rows = self.query(&BY_USER_CODE, &params).await?;
        rows.first().map(pending).transpose()
    }

    /// The step that notes the user's consent; fails when there was an answer before, or it is too late.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn approve_pending(id: &str, approval: &Approval, now: i64) -> Result<Step, StoreError> {
        let answer =
            serde_json::to_string(approval).map_err(|e| StoreError::corrupt("an approval", e))?;
        let status = PendingStatus::Approved.name();
        let params = vec![id.into(), status.into(), answer.into(), now.into()];
        Ok(Step::new(&ANSWER, params).or_fail("the request was answered before, or has expired"))
    }

    /// The step that notes the user's refusal; fails when there was an answer before, or it is too late.
    pub fn deny_pending(id: &str, now: i64) -> Step {
        let status = PendingStatus::Denied.name();
        let none: Option<String> = None;
        let params = vec![id.into(), status.into(), none.into(), now.into()];
        Step::new(&ANSWER, params).or_fail("the request was answered before, or has expired")
    }

    /// The step that notes a poll: the next one not before `next_poll`.
    pub fn pending_polled(id: &str, next_poll: i64, poll_every: i64) -> Step {
        Step::new(
            &POLLED,
            vec![id.into(), next_poll.into(), poll_every.into()],
        )
    }

    /// The step that takes a grant of this status away; of all callers one succeeds.
    pub fn take_pending(id: &str, status: PendingStatus) -> Step {
        Step::new(&TAKE, vec![id.into(), status.name().into()]).or_fail("it was used before")
    }

    /// The step that drops what is past `now`.
    pub fn expire_pending(now: i64) -> Step {
        Step::new(&EXPIRE, vec![now.into()])
    }
}

fn pending<T: DeserializeOwned>(row: &Row) -> Result<PendingGrant<T>, StoreError> {
    Ok(PendingGrant {
        id: row.text(0)?.to_owned(),
        client_id: row.text(1)?.to_owned(),
        user_code: row.optional_text(2)?.map(str::to_owned),
        status: PendingStatus::parse(row.text(3)?)?,
        poll_every: row.int(4)?,
        next_poll: row.int(5)?,
        expires: row.int(6)?,
        request: row.json(7)?,
        approval: match row.optional_text(8)? {
            Some(_) => Some(row.json(8)?),
            None => None,
        },
    })
}
