//! Users, their credentials and their groups.

use realmkeep_representations::{CredentialRepresentation, UserRepresentation};
use serde_json::Value as Json;

use crate::db::{Row, Statement, Step, Value, statements};
use crate::documents::{Page, at, like};
use crate::roles::USERS_WITH;
use crate::{Store, StoreError, federated_users, user_attributes};

/// What a search asks of each user, by parameters 2 to 9.
macro_rules! matching {
    () => {
        " AND (username LIKE ?2 ESCAPE '\\' OR email LIKE ?2 ESCAPE '\\' OR first_name LIKE ?2 ESCAPE '\\' OR last_name LIKE ?2 ESCAPE '\\' OR ?2 IS NULL) AND (username LIKE ?3 ESCAPE '\\' OR ?3 IS NULL) AND (email LIKE ?4 ESCAPE '\\' OR ?4 IS NULL) AND (first_name LIKE ?5 ESCAPE '\\' OR ?5 IS NULL) AND (last_name LIKE ?6 ESCAPE '\\' OR ?6 IS NULL) AND (enabled = ?7 OR ?7 IS NULL) AND (created > ?8 OR ?8 IS NULL) AND (created < ?9 OR ?9 IS NULL) AND (service_client_id IS NULL OR ?3 IS NOT NULL)"
    };
}

/// Those whose field lies between two texts: one index has all that is read.
macro_rules! range {
    ($field:literal, $page:literal) => {
        concat!(
            "SELECT id, username FROM (SELECT id, username FROM user_account WHERE realm_id = ?1 AND ",
            $field,
            " >= ?2 AND ",
            $field,
            " <= ?3 AND service_client_id IS NULL AND (enabled = ?4 OR ?4 IS NULL)",
            $page,
            ") AS by_",
            $field
        )
    };
}

statements! {
    INSERT = "INSERT INTO user_account (id, realm_id, username, email, first_name, last_name, enabled, created, service_client_id, doc, unique_email) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, CASE WHEN EXISTS (SELECT 1 FROM realm WHERE id = ?2 AND duplicate_emails = 1) THEN NULL ELSE NULLIF(?4, '') END)";
    UPDATE = "UPDATE user_account SET username = ?3, email = ?4, first_name = ?5, last_name = ?6, enabled = ?7, created = ?8, service_client_id = ?9, doc = ?10, unique_email = CASE WHEN EXISTS (SELECT 1 FROM realm WHERE id = ?2 AND duplicate_emails = 1) THEN NULL WHEN email = ?4 AND unique_email IS NULL AND EXISTS (SELECT 1 FROM user_account o WHERE o.realm_id = ?2 AND o.unique_email = ?4) THEN NULL ELSE NULLIF(?4, '') END WHERE id = ?1 AND realm_id = ?2";
    DELETE = "DELETE FROM user_account WHERE id = ?1 AND realm_id = ?2";
    BY_ID = "SELECT doc FROM user_account WHERE id = ?1 AND realm_id = ?2";
    BY_USERNAME = "SELECT doc FROM user_account WHERE realm_id = ?1 AND username = ?2";
    BY_EMAIL = "SELECT doc FROM user_account WHERE realm_id = ?1 AND email = ?2 ORDER BY created LIMIT 2";
    EMAIL_OF_OTHERS = "SELECT count(*) FROM user_account WHERE realm_id = ?1 AND email = ?2 AND id <> ?3";
    BY_SERVICE_CLIENT = "SELECT doc FROM user_account WHERE service_client_id = ?1 AND realm_id = ?2";
    SEARCH = concat!("SELECT doc FROM user_account WHERE realm_id = ?1", matching!(), " AND (username > ?10 OR ?10 IS NULL) ORDER BY username LIMIT ?11 OFFSET ?12");
    SEARCH_USERNAME = concat!("SELECT doc FROM user_account WHERE realm_id = ?1 AND username = ?10", matching!(), " ORDER BY username LIMIT ?11 OFFSET ?12");
    SEARCH_EMAIL = concat!("SELECT doc FROM user_account WHERE realm_id = ?1 AND email = ?10", matching!(), " ORDER BY username LIMIT ?11 OFFSET ?12");
    SEARCH_FIRST_NAME = concat!("SELECT doc FROM user_account WHERE realm_id = ?1 AND first_name = ?10", matching!(), " ORDER BY username LIMIT ?11 OFFSET ?12");
    SEARCH_LAST_NAME = concat!("SELECT doc FROM user_account WHERE realm_id = ?1 AND last_name = ?10", matching!(), " ORDER BY username LIMIT ?11 OFFSET ?12");
    SEARCH_ATTRIBUTE = concat!("SELECT doc FROM user_account WHERE realm_id = ?1 AND id IN (SELECT user_id FROM user_attribute WHERE realm_id = ?1 AND name = ?13 AND value = ?10)", matching!(), " ORDER BY username LIMIT ?11 OFFSET ?12");
    COUNT_ATTRIBUTE = concat!("SELECT count(*) FROM user_account WHERE realm_id = ?1 AND id IN (SELECT user_id FROM user_attribute WHERE realm_id = ?1 AND name = ?11 AND value = ?10)", matching!());
    SEARCH_COUNT = concat!("SELECT count(*) FROM user_account WHERE realm_id = ?1", matching!());
    RANGE = concat!("SELECT u.doc FROM (", range!("username", " ORDER BY username LIMIT ?5"), " UNION ", range!("email", " ORDER BY username LIMIT ?5"), " UNION ", range!("first_name", " ORDER BY username LIMIT ?5"), " UNION ", range!("last_name", " ORDER BY username LIMIT ?5"), ") AS found JOIN user_account u ON u.id = found.id ORDER BY found.username LIMIT ?6 OFFSET ?7");
    RANGE_COUNT = concat!("SELECT count(*) FROM (", range!("username", ""), " UNION ", range!("email", ""), " UNION ", range!("first_name", ""), " UNION ", range!("last_name", ""), ") AS found");
    ALL_OF_REALM = "SELECT doc FROM user_account WHERE realm_id = ?1 ORDER BY username LIMIT ?2 OFFSET ?3";
    GROUP_JOIN = "INSERT INTO user_group (user_id, group_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    GROUP_LEAVE = "DELETE FROM user_group WHERE user_id = ?1 AND group_id = ?2";
    GROUPS = "SELECT group_id FROM user_group WHERE user_id = ?1";
    MEMBERS = "SELECT u.doc FROM user_group g JOIN user_account u ON u.id = g.user_id WHERE g.group_id = ?1 AND u.realm_id = ?2 ORDER BY u.username LIMIT ?3 OFFSET ?4";
    CREDENTIALS = "SELECT doc FROM credential WHERE user_id = ?1 ORDER BY priority, id";
    CREDENTIAL_INSERT = "INSERT INTO credential (id, user_id, type, priority, doc) VALUES (?1, ?2, ?3, ?4, ?5)";
    CREDENTIAL_UPDATE = "UPDATE credential SET type = ?3, priority = ?4, doc = ?5 WHERE id = ?1 AND user_id = ?2";
    CREDENTIAL_DELETE = "DELETE FROM credential WHERE id = ?1 AND user_id = ?2";
    CREDENTIALS_DELETE = "DELETE FROM credential WHERE user_id = ?1 AND type = ?2";
}

/// Why a user cannot be written whose username is another one's.
pub const USERNAME_TAKEN: &str = "User exists with same username";
/// Why a user cannot be written whose e-mail address is another one's, in a realm where an address is
/// one user's. The database decides, by the realm's setting at that moment: of many who take one at the
/// same time, one gets it.
pub const EMAIL_TAKEN: &str = "User exists with same email";

/// What a user search asks for; all given parts must match.
#[derive(Clone, Debug, Default)]
pub struct UserSearch {
    /// In username, e-mail, first or last name; words are given one by one by the caller. In quotes it
    /// is the whole text, `*` stands for any text, and without one at its end it is a beginning.
    pub anywhere: Option<String>,
    pub username: Option<String>,
    pub email: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub enabled: Option<bool>,
    /// Milliseconds since 1970, left out themselves.
    pub created_after: Option<i64>,
    pub created_before: Option<i64>,
    /// Name and value of an attribute.
    pub attribute: Option<(String, String)>,
    /// The parts must be equal, not contained.
    pub exact: bool,
}

impl UserSearch {
    fn params(&self, realm_id: &str) -> Vec<Value> {
        let pattern = |part: &Option<String>| -> Value {
            match part {
                None => Value::Null,
                Some(p) if self.exact => like(p).into(),
                Some(p) => format!("%{}%", like(p)).into(),
            }
        };
        vec![
            realm_id.into(),
            self.anywhere
                .as_deref()
                .map(|word| {
                    if self.exact {
                        like(word.trim_matches('"'))
                    } else {
                        word_pattern(word)
                    }
                })
                .into(),
            pattern(&self.username),
            pattern(&self.email),
            pattern(&self.first_name),
            pattern(&self.last_name),
            self.enabled.into(),
            self.created_after.into(),
            self.created_before.into(),
        ]
    }

    /// Where nothing but a beginning, or a whole text, is looked for in any field: the first and the last
    /// text that fits.
    fn range(&self) -> Option<(String, String)> {
        let one = self.username.is_none()
            && self.email.is_none()
            && self.first_name.is_none()
            && self.last_name.is_none()
            && self.created_after.is_none()
            && self.created_before.is_none()
            && self.attribute.is_none();
        let word = self.anywhere.as_deref().filter(|_| one)?.to_lowercase();
        let whole = word.strip_prefix('"').and_then(|w| w.strip_suffix('"'));
        if let Some(whole) = whole.or_else(|| self.exact.then_some(word.as_str())) {
            return Some((whole.to_owned(), whole.to_owned()));
        }
        let beginning = word.strip_suffix('*').unwrap_or(&word);
        let plain = !beginning.is_empty() && !beginning.contains('*');
        plain.then(|| (beginning.to_owned(), format!("{beginning}{}", char::MAX)))
    }

    /// The statement that begins at the index of a field that is known, and the field's text.
    fn known_field(&self) -> Option<(&'static Statement, String)> {
        let fields = [
            (&SEARCH_USERNAME, &self.username),
            (&SEARCH_EMAIL, &self.email),
            (&SEARCH_LAST_NAME, &self.last_name),
            (&SEARCH_FIRST_NAME, &self.first_name),
        ];
        let mut known = fields.into_iter().filter(|_| self.exact);
        known.find_map(|(statement, text)| Some((statement, text.as_ref()?.to_lowercase())))
    }
}

impl Store {
    /// # Errors
    /// When the database fails or the document cannot be read.
    pub async fn find_user(
        &self,
        realm_id: &str,
        id: &str,
    ) -> Result<Option<UserRepresentation>, StoreError> {
        self.one_user(&BY_ID, &[id.into(), realm_id.into()]).await
    }

    /// Usernames are stored in lower case; so is the comparison.
    ///
    /// # Errors
    /// As [`Store::find_user`].
    pub async fn find_user_named(
        &self,
        realm_id: &str,
        username: &str,
    ) -> Result<Option<UserRepresentation>, StoreError> {
        self.one_user(
            &BY_USERNAME,
            &[realm_id.into(), username.to_lowercase().into()],
        )
        .await
    }

    /// None when no user, or more than one user, has the address.
    ///
    /// # Errors
    /// As [`Store::find_user`].
    pub async fn find_user_by_email(
        &self,
        realm_id: &str,
        email: &str,
    ) -> Result<Option<UserRepresentation>, StoreError> {
        let rows = self
            .query(&BY_EMAIL, &[realm_id.into(), email.to_lowercase().into()])
            .await?;
        match rows.as_slice() {
            [row] => row.json(0).map(Some),
            _ => Ok(None),
        }
    }

    /// Whether a user other than the one with this id has the address.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn others_have_email(
        &self,
        realm_id: &str,
        email: &str,
        id: &str,
    ) -> Result<bool, StoreError> {
        let params = [realm_id.into(), email.to_lowercase().into(), id.into()];
        let rows = self.query(&EMAIL_OF_OTHERS, &params).await?;
        let count = rows.first().map_or(Ok(0), |row| row.int(0))?;
        Ok(count > 0)
    }

    /// The service account of the client with this id.
    ///
    /// # Errors
    /// As [`Store::find_user`].
    pub async fn find_service_account(
        &self,
        realm_id: &str,
        client_id: &str,
    ) -> Result<Option<UserRepresentation>, StoreError> {
        self.one_user(&BY_SERVICE_CLIENT, &[client_id.into(), realm_id.into()])
            .await
    }

    /// Users that match, by username; service accounts only when a username is looked for.
    ///
    /// # Errors
    /// As [`Store::find_user`].
    pub async fn search_users(
        &self,
        realm_id: &str,
        search: &UserSearch,
        page: Page,
    ) -> Result<Vec<UserRepresentation>, StoreError> {
        if let Some((from, to)) = search.range() {
            let most = match page.max {
                max if max < 0 => -1,
                max => max.saturating_add(page.first),
            };
            let params = [
                realm_id.into(),
                from.into(),
                to.into(),
                search.enabled.into(),
                most.into(),
                page.max.into(),
                page.first.into(),
            ];
            return documents(&self.query(&RANGE, &params).await?);
        }
        let mut params = search.params(realm_id);
        if let Some((name, value)) = &search.attribute {
            params.extend([
                user_attributes::key(value).into(),
                page.max.into(),
                page.first.into(),
                name.as_str().into(),
            ]);
            return documents(&self.query(&SEARCH_ATTRIBUTE, &params).await?);
        }
        let (statement, known) = search
            .known_field()
            .map_or((&SEARCH, None), |(statement, text)| (statement, Some(text)));
        params.extend([known.into(), page.max.into(), page.first.into()]);
        documents(&self.query(statement, &params).await?)
    }

    /// As [`Store::search_users`], the next `most` after a username; for those who read all, piece by
    /// piece.
    ///
    /// # Errors
    /// As [`Store::find_user`].
    pub async fn search_users_after(
        &self,
        realm_id: &str,
        search: &UserSearch,
        after: Option<&str>,
        most: i64,
    ) -> Result<Vec<UserRepresentation>, StoreError> {
        let mut params = search.params(realm_id);
        params.extend([after.into(), most.into(), 0_i64.into()]);
        documents(&self.query(&SEARCH, &params).await?)
    }

    /// # Errors
    /// When the database fails.
    pub async fn count_users(
        &self,
        realm_id: &str,
        search: &UserSearch,
    ) -> Result<i64, StoreError> {
        let rows = match search.range() {
            Some((from, to)) => {
                let params = [
                    realm_id.into(),
                    from.into(),
                    to.into(),
                    search.enabled.into(),
                ];
                self.query(&RANGE_COUNT, &params).await?
            }
            None => {
                let mut params = search.params(realm_id);
                if let Some((statement, text)) = search.known_field()
                    && search.attribute.is_none()
                {
                    // Few have the same.
                    params.extend([text.into(), (-1_i64).into(), 0_i64.into()]);
                    let rows = self.query(statement, &params).await?;
                    return Ok(i64::try_from(rows.len()).unwrap_or(i64::MAX));
                }
                match &search.attribute {
                    Some((name, value)) => {
                        let value = user_attributes::key(value);
                        params.extend([value.into(), name.as_str().into()]);
                        self.query(&COUNT_ATTRIBUTE, &params).await?
                    }
                    None => self.query(&SEARCH_COUNT, &params).await?,
                }
            }
        };
        rows.first().map_or(Ok(0), |row| row.int(0))
    }

    /// All users, service accounts too, by username; for export.
    ///
    /// # Errors
    /// As [`Store::find_user`].
    pub async fn all_users(
        &self,
        realm_id: &str,
        page: Page,
    ) -> Result<Vec<UserRepresentation>, StoreError> {
        documents(
            &self
                .query(
                    &ALL_OF_REALM,
                    &[realm_id.into(), page.max.into(), page.first.into()],
                )
                .await?,
        )
    }

    /// # Errors
    /// As [`Store::find_user`].
    pub async fn users_with_role(
        &self,
        realm_id: &str,
        role_id: &str,
        page: Page,
    ) -> Result<Vec<UserRepresentation>, StoreError> {
        let params = [
            role_id.into(),
            realm_id.into(),
            page.max.into(),
            page.first.into(),
        ];
        documents(&self.query(&USERS_WITH, &params).await?)
    }

    /// The step that creates the user; `id` and `username` must be set, `service_client_id` is the
    /// id (not the clientId) of the client whose service account it is.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn insert_user(
        &self,
        realm_id: &str,
        user: &UserRepresentation,
        service_client_id: Option<&str>,
    ) -> Result<Step, StoreError> {
        let step = Step::new(&INSERT, user_columns(realm_id, user, service_client_id)?);
        Ok(step
            .on_conflict(USERNAME_TAKEN)
            .on_conflict_in("unique_email", EMAIL_TAKEN)
            .followed_by(rows_of(realm_id, user, false)))
    }

    /// The step that replaces the user; touch it in the same batch.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn update_user(
        &self,
        realm_id: &str,
        user: &UserRepresentation,
        service_client_id: Option<&str>,
    ) -> Result<Step, StoreError> {
        let step = Step::new(&UPDATE, user_columns(realm_id, user, service_client_id)?);
        Ok(step
            .or_fail("the user is gone")
            .on_conflict(USERNAME_TAKEN)
            .on_conflict_in("unique_email", EMAIL_TAKEN)
            .followed_by(rows_of(realm_id, user, true)))
    }

    pub fn delete_user(realm_id: &str, id: &str) -> Step {
        Step::new(&DELETE, vec![id.into(), realm_id.into()]).or_fail("the user is gone")
    }

    pub fn join_group(user_id: &str, group_id: &str) -> Step {
        Step::new(&GROUP_JOIN, vec![user_id.into(), group_id.into()])
            .on_conflict("the group or user is gone")
    }

    pub fn leave_group(user_id: &str, group_id: &str) -> Step {
        Step::new(&GROUP_LEAVE, vec![user_id.into(), group_id.into()])
    }

    /// Ids of the groups that the user is a direct member of.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn groups_of_user(&self, user_id: &str) -> Result<Vec<String>, StoreError> {
        let rows = self.query(&GROUPS, &[user_id.into()]).await?;
        rows.iter()
            .map(|row| row.text(0).map(str::to_owned))
            .collect()
    }

    /// # Errors
    /// As [`Store::find_user`].
    pub async fn members_of_group(
        &self,
        realm_id: &str,
        group_id: &str,
        page: Page,
    ) -> Result<Vec<UserRepresentation>, StoreError> {
        let params = [
            group_id.into(),
            realm_id.into(),
            page.max.into(),
            page.first.into(),
        ];
        documents(&self.query(&MEMBERS, &params).await?)
    }

    /// The user's credentials with their secret data, in order of priority.
    ///
    /// # Errors
    /// When the database fails or a document cannot be opened.
    pub async fn credentials(
        &self,
        user_id: &str,
    ) -> Result<Vec<CredentialRepresentation>, StoreError> {
        let rows = self.query(&CREDENTIALS, &[user_id.into()]).await?;
        rows.iter()
            .map(|row| self.unsealed_json(row, 0, "Credential", "credential", credential_secrets))
            .collect()
    }

    /// The step that adds the credential; `id` and `type` must be set.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn insert_credential(
        &self,
        user_id: &str,
        credential: &CredentialRepresentation,
    ) -> Result<Step, StoreError> {
        Ok(Step::new(
            &CREDENTIAL_INSERT,
            self.credential_columns(user_id, credential)?,
        ))
    }

    /// # Errors
    /// When it cannot be written as JSON.
    pub fn update_credential(
        &self,
        user_id: &str,
        credential: &CredentialRepresentation,
    ) -> Result<Step, StoreError> {
        let step = Step::new(
            &CREDENTIAL_UPDATE,
            self.credential_columns(user_id, credential)?,
        );
        Ok(step.or_fail("the credential is gone"))
    }

    pub fn delete_credential(user_id: &str, id: &str) -> Step {
        Step::new(&CREDENTIAL_DELETE, vec![id.into(), user_id.into()])
            .or_fail("the credential is gone")
    }

    /// The step that deletes all credentials of a type, such as `password`.
    pub fn delete_credentials(user_id: &str, kind: &str) -> Step {
        Step::new(&CREDENTIALS_DELETE, vec![user_id.into(), kind.into()])
    }

    fn credential_columns(
        &self,
        user_id: &str,
        credential: &CredentialRepresentation,
    ) -> Result<Vec<Value>, StoreError> {
        let doc = self.sealed_json(credential, "Credential", "credential", credential_secrets)?;
        Ok(vec![
            credential.id.clone().into(),
            user_id.into(),
            credential.r#type.clone().into(),
            i64::from(credential.priority.unwrap_or(10)).into(),
            doc.into(),
        ])
    }

    async fn one_user(
        &self,
        statement: &'static Statement,
        params: &[Value],
    ) -> Result<Option<UserRepresentation>, StoreError> {
        let rows = self.query(statement, params).await?;
        rows.first().map(|row| row.json(0)).transpose()
    }
}

/// The steps that write what of the user's document is to be found by index; `before` says whether there
/// was something already.
fn rows_of(realm_id: &str, user: &UserRepresentation, before: bool) -> Vec<Step> {
    let mut steps = federated_users::links(realm_id, user, before);
    steps.extend(user_attributes::attributes(realm_id, user, before));
    steps
}

/// The LIKE pattern of a search word.
fn word_pattern(word: &str) -> String {
    if let Some(exact) = word.strip_prefix('"').and_then(|w| w.strip_suffix('"')) {
        return like(exact);
    }
    let mut pattern = like(word).replace('*', "%");
    if !pattern.ends_with('%') {
        pattern.push('%');
    }
    pattern
}

fn documents(rows: &[Row]) -> Result<Vec<UserRepresentation>, StoreError> {
    rows.iter().map(|row| row.json(0)).collect()
}

fn user_columns(
    realm_id: &str,
    user: &UserRepresentation,
    service_client_id: Option<&str>,
) -> Result<Vec<Value>, StoreError> {
    let doc = serde_json::to_string(user).map_err(|e| StoreError::corrupt("User", e))?;
    Ok(vec![
        user.id.clone().into(),
        realm_id.into(),
        user.username.as_ref().map(|u| u.to_lowercase()).into(),
        user.email.as_ref().map(|e| e.to_lowercase()).into(),
        user.first_name.as_ref().map(|n| n.to_lowercase()).into(),
        user.last_name.as_ref().map(|n| n.to_lowercase()).into(),
        user.enabled.unwrap_or(false).into(),
        user.created_timestamp.unwrap_or(0).into(),
        service_client_id.into(),
        doc.into(),
    ])
}

fn credential_secrets(document: &mut Json, each: &mut dyn FnMut(&mut String)) {
    at(document, &["secretData"], each);
}
