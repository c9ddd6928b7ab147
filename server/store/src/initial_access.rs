//! Tokens of client registration: who holds an initial access token may register clients, so many and
//! so long (RFC 7591 section 3); who holds a client's registration access token may manage it.

use serde::{Deserialize, Serialize};

use crate::db::{Row, Step, statements};
use crate::{Store, StoreError};

statements! {
    INSERT = "INSERT INTO client_initial_access (id, realm_id, created, expires, count, remaining, doc) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    LIST = "SELECT id, created, expires, count, remaining, doc FROM client_initial_access WHERE realm_id = ?1 ORDER BY created, id";
    BY_ID = "SELECT id, created, expires, count, remaining, doc FROM client_initial_access WHERE id = ?1 AND realm_id = ?2";
    USE = "UPDATE client_initial_access SET remaining = remaining - 1 WHERE id = ?1 AND realm_id = ?2 AND remaining > 0 AND (expires = 0 OR expires > ?3) RETURNING remaining";
    DELETE = "DELETE FROM client_initial_access WHERE id = ?1 AND realm_id = ?2";
    OF_CLIENT = "SELECT token_id, auth FROM client_registration_access WHERE client_id = ?1";
    PUT_OF_CLIENT = "INSERT INTO client_registration_access (client_id, token_id, auth) VALUES (?1, ?2, ?3) ON CONFLICT (client_id) DO UPDATE SET token_id = ?2, auth = ?3";
    ROTATE_OF_CLIENT = "UPDATE client_registration_access SET token_id = ?3 WHERE client_id = ?1 AND token_id = ?2 RETURNING token_id";
    EXPIRE = "DELETE FROM client_initial_access WHERE remaining <= 0 OR (expires > 0 AND expires < ?1)";
}

/// What an initial access token stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitialAccess {
    /// `jti` of the token.
    pub id: String,
    /// Times in seconds since 1970.
    pub created: i64,
    /// 0 for never.
    pub expires: i64,
    /// How many clients it was made for, and how many are left.
    pub count: i64,
    pub remaining: i64,
    /// Origins of pages that may register clients with it.
    pub web_origins: Vec<String>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Detail {
    web_origins: Vec<String>,
}

impl Store {
    /// The step that puts it down.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn insert_initial_access(
        realm_id: &str,
        access: &InitialAccess,
    ) -> Result<Step, StoreError> {
        let detail = Detail {
            web_origins: access.web_origins.clone(),
        };
        let doc = serde_json::to_string(&detail)
            .map_err(|e| StoreError::corrupt("an initial access token", e))?;
        let params = vec![
            access.id.as_str().into(),
            realm_id.into(),
            access.created.into(),
            access.expires.into(),
            access.count.into(),
            access.remaining.into(),
            doc.into(),
        ];
        Ok(Step::new(&INSERT, params))
    }

    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn initial_accesses(&self, realm_id: &str) -> Result<Vec<InitialAccess>, StoreError> {
        let rows = self.query(&LIST, &[realm_id.into()]).await?;
        rows.iter().map(access).collect()
    }

    /// # Errors
    /// When the database fails or the row cannot be read.
    pub async fn find_initial_access(
        &self,
        realm_id: &str,
        id: &str,
    ) -> Result<Option<InitialAccess>, StoreError> {
        let rows = self.query(&BY_ID, &[id.into(), realm_id.into()]).await?;
        rows.first().map(access).transpose()
    }

    /// The step that uses the token for one client; fails when it is used up, expired or gone.
    pub fn use_initial_access(realm_id: &str, id: &str, now: i64) -> Step {
        Step::new(&USE, vec![id.into(), realm_id.into(), now.into()])
            .or_fail("the initial access token is used up")
    }

    pub fn delete_initial_access(realm_id: &str, id: &str) -> Step {
        Step::new(&DELETE, vec![id.into(), realm_id.into()])
    }

    /// The step that drops tokens that are good for nothing any more.
    pub fn expire_initial_access(now: i64) -> Step {
        Step::new(&EXPIRE, vec![now.into()])
    }
}

/// Which registration access token is good for a client (RFC 7592 section 3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrationAccess {
    /// `jti` of the token.
    pub token_id: String,
    /// `anonymous` or `authenticated`: whose policies bind the client.
    pub auth: String,
}

impl Store {
    /// # Errors
    /// When the database fails.
    pub async fn registration_access(
        &self,
        client_id: &str,
    ) -> Result<Option<RegistrationAccess>, StoreError> {
        let rows = self.query(&OF_CLIENT, &[client_id.into()]).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        Ok(Some(RegistrationAccess {
            token_id: row.text(0)?.to_owned(),
            auth: row.text(1)?.to_owned(),
        }))
    }

    /// The step that makes this token the client's only one; `client_id` is the id, not the clientId.
    pub fn put_registration_access(client_id: &str, access: &RegistrationAccess) -> Step {
        let params = vec![
            client_id.into(),
            access.token_id.as_str().into(),
            access.auth.as_str().into(),
        ];
        Step::new(&PUT_OF_CLIENT, params).on_conflict("the client is gone")
    }

    /// The step that replaces the client's token; fails when another replaced it before.
    pub fn rotate_registration_access(client_id: &str, from: &str, to: &str) -> Step {
        Step::new(
            &ROTATE_OF_CLIENT,
            vec![client_id.into(), from.into(), to.into()],
        )
        .or_fail("the registration access token was replaced")
    }
}

fn access(row: &Row) -> Result<InitialAccess, StoreError> {
    let detail: Detail = row.json(5)?;
    Ok(InitialAccess {
        id: row.text(0)?.to_owned(),
        created: row.int(1)?,
        expires: row.int(2)?,
        count: row.int(3)?,
        remaining: row.int(4)?,
        web_origins: detail.web_origins,
    })
}
