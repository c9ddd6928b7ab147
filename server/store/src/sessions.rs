//! User sessions and, below each, one client session a client and its lines of refresh tokens: narrow rows, one conditional
//! statement a change, so that any replica can serve any request and a restart logs nobody out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::db::{Row, Step, statements};
use crate::{Store, StoreError};

statements! {
    INSERT = "INSERT INTO user_session (id, realm_id, user_id, started, last_refresh, expires, doc, offline) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    TOUCH = "UPDATE user_session SET last_refresh = ?3, expires = ?4 WHERE id = ?1 AND realm_id = ?2";
    UPDATE_DOC = "UPDATE user_session SET doc = ?3 WHERE id = ?1 AND realm_id = ?2";
    BY_ID = "SELECT id, user_id, started, last_refresh, expires, doc FROM user_session WHERE id = ?1 AND realm_id = ?2";
    OF_USER = "SELECT id, user_id, started, last_refresh, expires, doc FROM user_session WHERE user_id = ?1 AND realm_id = ?2 AND offline = ?3 ORDER BY started";
    OF_CLIENT = "SELECT s.id, s.user_id, s.started, s.last_refresh, s.expires, s.doc FROM client_session c JOIN user_session s ON s.id = c.session_id WHERE c.client_id = ?1 AND s.realm_id = ?2 AND s.offline = ?5 ORDER BY s.started LIMIT ?3 OFFSET ?4";
    DELETE = "DELETE FROM user_session WHERE id = ?1 AND realm_id = ?2 RETURNING id";
    DELETE_OF_USER = "DELETE FROM user_session WHERE user_id = ?1 AND realm_id = ?2 AND offline = ?3";
    DELETE_OF_REALM = "DELETE FROM user_session WHERE realm_id = ?1 AND offline = 0";
    DELETE_OFFLINE_OF_CLIENT = "DELETE FROM user_session WHERE user_id = ?1 AND realm_id = ?2 AND offline = 1 AND id IN (SELECT session_id FROM client_session WHERE client_id = ?3)";
    EXPIRE = "DELETE FROM user_session WHERE expires < ?1 AND id IN (SELECT id FROM user_session WHERE expires < ?1 LIMIT ?2) RETURNING id";
    CLIENT_PUT = "INSERT INTO client_session (session_id, client_id, started, last_refresh, generation, uses, doc) VALUES (?1, ?2, ?3, ?3, 0, 0, ?4) ON CONFLICT (session_id, client_id) DO UPDATE SET last_refresh = ?3, generation = client_session.generation + 1, uses = 0, doc = ?4";
    CLIENTS = "SELECT client_id, started, last_refresh, generation, uses, doc FROM client_session WHERE session_id = ?1";
    CLIENT_DELETE = "DELETE FROM client_session WHERE session_id = ?1 AND client_id = ?2";
    BOTH = "SELECT s.id, s.user_id, s.started, s.last_refresh, s.expires, s.doc, c.client_id, c.started, c.last_refresh, c.generation, c.uses, c.doc FROM user_session s JOIN client_session c ON c.session_id = s.id WHERE s.id = ?1 AND s.realm_id = ?2 AND c.client_id = ?3";
    REFRESH = "SELECT s.id, s.user_id, s.started, s.last_refresh, s.expires, s.doc, c.client_id, c.started, c.last_refresh, c.generation, c.uses, c.doc, f.generation, f.replaced, f.rotated FROM user_session s JOIN client_session c ON c.session_id = s.id LEFT JOIN refresh_family f ON f.id = ?4 AND f.session_id = s.id AND f.client_id = c.client_id WHERE s.id = ?1 AND s.realm_id = ?2 AND c.client_id = ?3";
    FAMILY_BEGIN = "INSERT INTO refresh_family (id, session_id, client_id, generation, replaced, uses, rotated) VALUES (?1, ?2, ?3, 1, 0, 0, ?4) ON CONFLICT DO NOTHING RETURNING generation";
    FAMILY_ROTATE = "UPDATE refresh_family SET generation = generation + 1, replaced = ?2, uses = 0, rotated = ?3 WHERE id = ?1 AND generation = ?2 RETURNING generation";
    FAMILY_REUSE = "UPDATE refresh_family SET uses = uses + 1 WHERE id = ?1 AND replaced = ?2 AND generation > 0 AND uses < ?3 RETURNING generation";
    FAMILY_REPEAT = "UPDATE refresh_family SET generation = generation + 1 WHERE id = ?1 AND replaced = ?2 AND generation > 0 AND rotated >= ?3 RETURNING generation";
    FAMILY_END = "INSERT INTO refresh_family (id, session_id, client_id, generation, replaced, uses, rotated) VALUES (?1, ?2, ?3, -1, -1, 0, ?4) ON CONFLICT (id) DO UPDATE SET generation = -1, replaced = -1";
    CLIENT_TOUCH = "UPDATE client_session SET last_refresh = ?3 WHERE session_id = ?1 AND client_id = ?2";
    COUNT_OF_CLIENT = "SELECT count(*) FROM client_session c JOIN user_session s ON s.id = c.session_id WHERE c.client_id = ?1 AND s.offline = ?2";
}

/// A login of a user in one browser (or by one direct grant).
#[derive(Clone, Debug)]
pub struct UserSession {
    pub id: String,
    pub user_id: String,
    /// Times in seconds since 1970.
    pub started: i64,
    pub last_refresh: i64,
    /// When it may be dropped, by idle time or age, whichever is sooner.
    pub expires: i64,
    pub detail: UserSessionDetail,
}

/// What does not change at every refresh.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UserSessionDetail {
    pub remember_me: bool,
    pub offline: bool,
    pub ip_address: String,
    /// When the user last proved who they are; seconds since 1970.
    pub auth_time: i64,
    pub notes: BTreeMap<String, String>,
}

/// A client's part in a user session.
#[derive(Clone, Debug)]
pub struct ClientSession {
    /// The client's id, not its clientId.
    pub client_id: String,
    pub started: i64,
    pub last_refresh: i64,
    /// How many logins of the client there were in this session, less one.
    pub generation: i64,
    /// Not used any more; see [`Family`].
    pub uses: i64,
    pub detail: ClientSessionDetail,
}

/// A line of refresh tokens of which one was replaced before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// Of the token that is good now; negative when the line was ended.
    pub generation: i64,
    /// Generation of the token that was used last.
    pub replaced: i64,
    /// When that one was used first; seconds since 1970.
    pub rotated: i64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientSessionDetail {
    /// Granted scope, space separated, as requested and allowed.
    pub scope: String,
    pub redirect_uri: String,
    pub nonce: Option<String>,
    pub notes: BTreeMap<String, String>,
}

impl Store {
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn insert_session(realm_id: &str, session: &UserSession) -> Result<Step, StoreError> {
        let doc = json(&session.detail)?;
        Ok(Step::new(
            &INSERT,
            vec![
                session.id.as_str().into(),
                realm_id.into(),
                session.user_id.as_str().into(),
                session.started.into(),
                session.last_refresh.into(),
                session.expires.into(),
                doc.into(),
                session.detail.offline.into(),
            ],
        )
        .on_conflict("the user is gone"))
    }

    /// The step that moves a session's last use and expiry; fails when it was ended meanwhile.
    pub fn touch_session(realm_id: &str, id: &str, now: i64, expires: i64) -> Step {
        Step::new(
            &TOUCH,
            vec![id.into(), realm_id.into(), now.into(), expires.into()],
        )
        .or_fail("the session has ended")
    }

    /// The step that replaces a session's detail.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn update_session_detail(
        realm_id: &str,
        id: &str,
        detail: &UserSessionDetail,
    ) -> Result<Step, StoreError> {
        let step = Step::new(
            &UPDATE_DOC,
            vec![id.into(), realm_id.into(), json(detail)?.into()],
        );
        Ok(step.or_fail("the session has ended"))
    }

    /// The step that starts the client's part in a session, or notes another login of it. Refresh
    /// tokens of earlier logins stay good: each login has a line of its own.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn put_client_session(
        session_id: &str,
        client_id: &str,
        now: i64,
        detail: &ClientSessionDetail,
    ) -> Result<Step, StoreError> {
        let params = vec![
            session_id.into(),
            client_id.into(),
            now.into(),
            json(detail)?.into(),
        ];
        Ok(Step::new(&CLIENT_PUT, params).on_conflict("the session has ended"))
    }

    /// # Errors
    /// When the database fails or the row cannot be read.
    pub async fn find_session(
        &self,
        realm_id: &str,
        id: &str,
    ) -> Result<Option<UserSession>, StoreError> {
        let rows = self.query(&BY_ID, &[id.into(), realm_id.into()]).await?;
        rows.first().map(user_session).transpose()
    }

    /// The session and the client's part in it, in one statement.
    ///
    /// # Errors
    /// When the database fails or the row cannot be read.
    pub async fn find_client_session(
        &self,
        realm_id: &str,
        session_id: &str,
        client_id: &str,
    ) -> Result<Option<(UserSession, ClientSession)>, StoreError> {
        let rows = self
            .query(
                &BOTH,
                &[session_id.into(), realm_id.into(), client_id.into()],
            )
            .await?;
        rows.first()
            .map(|row| Ok((user_session(row)?, client_session(row, 6)?)))
            .transpose()
    }

    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn sessions_of_user(
        &self,
        realm_id: &str,
        user_id: &str,
    ) -> Result<Vec<UserSession>, StoreError> {
        self.sessions_by_user(realm_id, user_id, false).await
    }

    /// The offline sessions of a user: what offline tokens stand for.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn offline_sessions_of_user(
        &self,
        realm_id: &str,
        user_id: &str,
    ) -> Result<Vec<UserSession>, StoreError> {
        self.sessions_by_user(realm_id, user_id, true).await
    }

    async fn sessions_by_user(
        &self,
        realm_id: &str,
        user_id: &str,
        offline: bool,
    ) -> Result<Vec<UserSession>, StoreError> {
        let rows = self
            .query(&OF_USER, &[user_id.into(), realm_id.into(), offline.into()])
            .await?;
        rows.iter().map(user_session).collect()
    }

    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn sessions_of_client(
        &self,
        realm_id: &str,
        client_id: &str,
        page: crate::documents::Page,
    ) -> Result<Vec<UserSession>, StoreError> {
        self.sessions_by_client(realm_id, client_id, page, false)
            .await
    }

    /// The offline sessions that a client has tokens for.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn offline_sessions_of_client(
        &self,
        realm_id: &str,
        client_id: &str,
        page: crate::documents::Page,
    ) -> Result<Vec<UserSession>, StoreError> {
        self.sessions_by_client(realm_id, client_id, page, true)
            .await
    }

    async fn sessions_by_client(
        &self,
        realm_id: &str,
        client_id: &str,
        page: crate::documents::Page,
        offline: bool,
    ) -> Result<Vec<UserSession>, StoreError> {
        let params = [
            client_id.into(),
            realm_id.into(),
            page.max.into(),
            page.first.into(),
            offline.into(),
        ];
        self.query(&OF_CLIENT, &params)
            .await?
            .iter()
            .map(user_session)
            .collect()
    }

    /// The clients' parts in a session.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn client_sessions(
        &self,
        session_id: &str,
    ) -> Result<Vec<ClientSession>, StoreError> {
        let rows = self.query(&CLIENTS, &[session_id.into()]).await?;
        rows.iter().map(|row| client_session(row, 0)).collect()
    }

    /// The session, the client's part in it, and the line of refresh tokens if one of it was
    /// replaced before; in one statement.
    ///
    /// # Errors
    /// When the database fails or the row cannot be read.
    pub async fn find_refresh(
        &self,
        realm_id: &str,
        session_id: &str,
        client_id: &str,
        family: &str,
    ) -> Result<Option<(UserSession, ClientSession, Option<Family>)>, StoreError> {
        let params = [
            session_id.into(),
            realm_id.into(),
            client_id.into(),
            family.into(),
        ];
        let rows = self.query(&REFRESH, &params).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let family = match row.optional_int(12)? {
            None => None,
            Some(generation) => Some(Family {
                generation,
                replaced: row.int(13)?,
                rotated: row.int(14)?,
            }),
        };
        Ok(Some((user_session(row)?, client_session(row, 6)?, family)))
    }

    /// The step that replaces the first token (generation 0) of a line; of all callers one succeeds.
    /// It returns the generation of the next token.
    pub fn begin_family(family: &str, session_id: &str, client_id: &str, now: i64) -> Step {
        let params = vec![
            family.into(),
            session_id.into(),
            client_id.into(),
            now.into(),
        ];
        Step::new(&FAMILY_BEGIN, params)
            .or_fail("the refresh token was replaced")
            .on_conflict("the session has ended")
    }

    /// The step that replaces the token of generation `from`; of all callers one succeeds. It returns
    /// the generation of the next token.
    pub fn rotate_family(family: &str, from: i64, now: i64) -> Step {
        Step::new(&FAMILY_ROTATE, vec![family.into(), from.into(), now.into()])
            .or_fail("the refresh token was replaced")
    }

    /// The step that counts one more use of the token that was replaced last, up to `most`. It returns
    /// the generation of the token that is good now.
    pub fn reuse_family(family: &str, replaced: i64, most: i64) -> Step {
        Step::new(
            &FAMILY_REUSE,
            vec![family.into(), replaced.into(), most.into()],
        )
        .or_fail("the refresh token was used too often")
    }

    /// The step that replaces the successor of the token that was replaced last, when that was not
    /// before `since`: the answer with the successor got lost. It returns the generation of the new
    /// successor; the lost one is good for nothing.
    pub fn repeat_family(family: &str, replaced: i64, since: i64) -> Step {
        Step::new(
            &FAMILY_REPEAT,
            vec![family.into(), replaced.into(), since.into()],
        )
        .or_fail("the refresh token was replaced")
    }

    /// The step that ends a line of refresh tokens for good.
    pub fn end_family(family: &str, session_id: &str, client_id: &str, now: i64) -> Step {
        let params = vec![
            family.into(),
            session_id.into(),
            client_id.into(),
            now.into(),
        ];
        Step::new(&FAMILY_END, params).on_conflict("the session has ended")
    }

    /// The step that notes the client's last use without counting it.
    pub fn touch_client_session(session_id: &str, client_id: &str, now: i64) -> Step {
        Step::new(
            &CLIENT_TOUCH,
            vec![session_id.into(), client_id.into(), now.into()],
        )
        .or_fail("the session has ended")
    }

    /// The step that ends a session; it returns a row when there was one.
    pub fn end_session(realm_id: &str, id: &str) -> Step {
        Step::new(&DELETE, vec![id.into(), realm_id.into()])
    }

    pub fn end_client_session(session_id: &str, client_id: &str) -> Step {
        Step::new(&CLIENT_DELETE, vec![session_id.into(), client_id.into()])
    }

    /// The step that ends all logins of a user. Offline sessions stay.
    pub fn end_sessions_of_user(realm_id: &str, user_id: &str) -> Step {
        Step::new(
            &DELETE_OF_USER,
            vec![user_id.into(), realm_id.into(), false.into()],
        )
    }

    /// The step that ends all offline sessions of a user.
    pub fn end_offline_sessions_of_user(realm_id: &str, user_id: &str) -> Step {
        Step::new(
            &DELETE_OF_USER,
            vec![user_id.into(), realm_id.into(), true.into()],
        )
    }

    /// The step that ends the offline sessions that a client has tokens of a user for.
    pub fn end_offline_sessions_of_client(realm_id: &str, user_id: &str, client_id: &str) -> Step {
        Step::new(
            &DELETE_OFFLINE_OF_CLIENT,
            vec![user_id.into(), realm_id.into(), client_id.into()],
        )
    }

    /// The step that ends all logins of a realm. Offline sessions stay.
    pub fn end_sessions_of_realm(realm_id: &str) -> Step {
        Step::new(&DELETE_OF_REALM, vec![realm_id.into()])
    }

    /// The step that drops at most `chunk` sessions that ended before `now`.
    pub fn expire_sessions(now: i64, chunk: i64) -> Step {
        Step::new(&EXPIRE, vec![now.into(), chunk.into()])
    }

    /// # Errors
    /// When the database fails.
    pub async fn count_client_sessions(&self, client_id: &str) -> Result<i64, StoreError> {
        self.count_by_client(client_id, false).await
    }

    /// # Errors
    /// When the database fails.
    pub async fn count_offline_client_sessions(&self, client_id: &str) -> Result<i64, StoreError> {
        self.count_by_client(client_id, true).await
    }

    async fn count_by_client(&self, client_id: &str, offline: bool) -> Result<i64, StoreError> {
        let rows = self
            .query(&COUNT_OF_CLIENT, &[client_id.into(), offline.into()])
            .await?;
        rows.first().map_or(Ok(0), |row| row.int(0))
    }
}

fn json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| StoreError::corrupt("a session", e))
}

fn user_session(row: &Row) -> Result<UserSession, StoreError> {
    Ok(UserSession {
        id: row.text(0)?.to_owned(),
        user_id: row.text(1)?.to_owned(),
        started: row.int(2)?,
        last_refresh: row.int(3)?,
        expires: row.int(4)?,
        detail: row.json(5)?,
    })
}

fn client_session(row: &Row, at: usize) -> Result<ClientSession, StoreError> {
    Ok(ClientSession {
        client_id: row.text(at)?.to_owned(),
        started: row.int(at + 1)?,
        last_refresh: row.int(at + 2)?,
        generation: row.int(at + 3)?,
        uses: row.int(at + 4)?,
        detail: row.json(at + 5)?,
    })
}
