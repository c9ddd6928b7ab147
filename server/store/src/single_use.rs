//! Things that count once: codes, assertion ids. One table, one key space a kind.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::db::{Step, statements};
use crate::{Batch, Store, StoreError};

statements! {
    PUT = "INSERT INTO single_use (space, key, expires, doc) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING RETURNING key";
    TAKE = "DELETE FROM single_use WHERE space = ?1 AND key = ?2 RETURNING expires, doc";
    PEEK = "SELECT expires, doc FROM single_use WHERE space = ?1 AND key = ?2";
    EXPIRE = "DELETE FROM single_use WHERE expires < ?1 AND (space, key) IN (SELECT space, key FROM single_use WHERE expires < ?1 LIMIT ?2) RETURNING key";
}

/// The kinds of single-use things; a key of one is never found in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// Authorization codes (RFC 6749 §4.1.2).
    Code,
    /// Ids of redeemed codes, so that a second use can revoke the session.
    UsedCode,
    /// `jti` of client assertions (RFC 7523 §3).
    ClientAssertion,
    /// `jti` of access tokens that were revoked before their time (RFC 7009).
    RevokedToken,
    /// Submitted login forms, so that a form counts once.
    Login,
    /// `jti` of DPoP proofs (RFC 9449 §11.1).
    DpopProof,
    /// `jti` of assertions that were grants (RFC 7523 §2.1).
    GrantAssertion,
    /// Answered consent screens, so that an answer counts once.
    Consent,
    /// Pushed authorization requests (RFC 9126).
    PushedRequest,
    /// Wrong user codes (RFC 8628 §5.1), counted by where they come from.
    UserCodeGuess,
    /// Links of mails that were used.
    ActionToken,
}

impl Space {
    fn name(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::UsedCode => "used-code",
            Self::ClientAssertion => "client-assertion",
            Self::RevokedToken => "revoked-token",
            Self::Login => "login",
            Self::DpopProof => "dpop-proof",
            Self::GrantAssertion => "grant-assertion",
            Self::Consent => "consent",
            Self::PushedRequest => "pushed-request",
            Self::UserCodeGuess => "user-code-guess",
            Self::ActionToken => "action-token",
        }
    }
}

impl Store {
    /// The step that puts a thing down; fails when the key is there already.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn put_single_use<T: Serialize>(
        space: Space,
        key: &str,
        expires: i64,
        thing: &T,
    ) -> Result<Step, StoreError> {
        let doc = serde_json::to_string(thing)
            .map_err(|e| StoreError::corrupt("a single-use thing", e))?;
        let step = Step::new(
            &PUT,
            vec![space.name().into(), key.into(), expires.into(), doc.into()],
        );
        Ok(step.or_fail("it was used before"))
    }

    /// Marks `key` as used until `expires`; false when it was marked before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn mark_used(
        &self,
        space: Space,
        key: &str,
        expires: i64,
    ) -> Result<bool, StoreError> {
        let mut batch = Batch::new();
        batch.push(Self::put_single_use(space, key, expires, &())?);
        match self.commit(batch).await {
            Ok(_) => Ok(true),
            Err(StoreError::Guard(_)) => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Takes the thing away: of all callers, one gets it. None when it is not there or is past `now`.
    ///
    /// # Errors
    /// When the database fails or the thing cannot be read.
    pub async fn take_single_use<T: DeserializeOwned>(
        &self,
        space: Space,
        key: &str,
        now: i64,
    ) -> Result<Option<T>, StoreError> {
        let mut batch = Batch::new();
        batch.push(Step::new(&TAKE, vec![space.name().into(), key.into()]));
        let rows = self.commit(batch).await?;
        let Some(row) = rows.first().and_then(|r| r.first()) else {
            return Ok(None);
        };
        if row.int(0)? < now {
            return Ok(None);
        }
        row.json(1).map(Some)
    }

    /// The thing as it lies there, without taking it; None when it is not there or is past `now`.
    ///
    /// # Errors
    /// When the database fails or the thing cannot be read.
    pub async fn peek_single_use<T: DeserializeOwned>(
        &self,
        space: Space,
        key: &str,
        now: i64,
    ) -> Result<Option<T>, StoreError> {
        let rows = self
            .query(&PEEK, &[space.name().into(), key.into()])
            .await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        if row.int(0)? < now {
            return Ok(None);
        }
        row.json(1).map(Some)
    }

    /// The step that takes the thing away; fails when another took it before.
    pub fn take_single_use_step(space: Space, key: &str) -> Step {
        Step::new(&TAKE, vec![space.name().into(), key.into()]).or_fail("it was used before")
    }

    /// The step that drops at most `chunk` things that are past `now`, and returns a row for each.
    pub fn expire_single_use(now: i64, chunk: i64) -> Step {
        Step::new(&EXPIRE, vec![now.into(), chunk.into()])
    }
}
