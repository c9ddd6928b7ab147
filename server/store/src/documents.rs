//! Configuration objects: one table a kind, one JSON representation a row.

use realmkeep_representations::{
    ClientRepresentation, ClientScopeRepresentation, ComponentRepresentation, GroupRepresentation,
    IdentityProviderMapperRepresentation, IdentityProviderRepresentation, RoleRepresentation,
    SecretString,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::db::{Row, Statement, Step, Value};
use crate::{Store, StoreError};

/// Calls the function on every secret string of a document.
pub(crate) type Secrets = fn(&mut Json, &mut dyn FnMut(&mut String));

/// A kind of configuration object that has a table of its own.
pub trait Document: Serialize + DeserializeOwned + Send + Sync {
    /// What a person calls it, for messages.
    const KIND: &'static str;
    const TABLE: &'static Table;

    fn id(&self) -> &str;
    fn name(&self) -> &str;
    /// The id (or alias) of what contains it inside the realm; empty at the top.
    fn parent(&self) -> &str {
        ""
    }
    /// Calls `each` on every secret string of the document.
    fn secrets(_document: &mut Json, _each: &mut dyn FnMut(&mut String)) {}
}

/// The statements of one table.
#[derive(Debug)]
pub struct Table {
    name: &'static str,
    insert: Statement,
    update: Statement,
    delete: Statement,
    by_id: Statement,
    by_name: Statement,
    list: Statement,
    children: Statement,
    search: Statement,
    count: Statement,
}

/// One private key of a realm; the name is its key id.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RealmKey {
    pub id: String,
    pub kid: String,
    /// `RS256`, `ES256`, `EdDSA`, … as in JOSE.
    pub algorithm: String,
    /// `SIG` or `ENC`.
    pub key_use: String,
    /// `ACTIVE`, `PASSIVE` or `DISABLED`.
    pub status: String,
    /// Higher comes first.
    pub priority: i64,
    /// `rsa-generated`, `ecdsa-generated`, `eddsa-generated`, `hmac-generated`, …
    pub provider_id: String,
    /// PKCS#8 DER or a symmetric secret, base64.
    pub private_key: SecretString,
    /// X.509 DER, base64; made only for RSA keys.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub certificate: Option<String>,
    /// Certificates above it, the nearest first.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub issuers: Vec<String>,
    /// Seconds since 1970.
    pub created: i64,
}

macro_rules! table {
    ($name:literal) => {
        &Table {
            name: $name,
            insert: Statement {
                name: concat!("insert ", $name),
                sql: concat!("INSERT INTO ", $name, " (id, realm_id, parent, name, doc) VALUES (?1, ?2, ?3, ?4, ?5)"),
            },
            update: Statement {
                name: concat!("update ", $name),
                sql: concat!("UPDATE ", $name, " SET parent = ?3, name = ?4, doc = ?5 WHERE id = ?1 AND realm_id = ?2"),
            },
            delete: Statement {
                name: concat!("delete ", $name),
                sql: concat!("DELETE FROM ", $name, " WHERE id = ?1 AND realm_id = ?2"),
            },
            by_id: Statement {
                name: concat!("find ", $name),
                sql: concat!("SELECT doc FROM ", $name, " WHERE id = ?1 AND realm_id = ?2"),
            },
            by_name: Statement {
                name: concat!("find named ", $name),
                sql: concat!("SELECT doc FROM ", $name, " WHERE realm_id = ?1 AND parent = ?2 AND name = ?3"),
            },
            list: Statement {
                name: concat!("list ", $name),
                sql: concat!("SELECT doc FROM ", $name, " WHERE realm_id = ?1 ORDER BY name, id"),
            },
            children: Statement {
                name: concat!("children ", $name),
                sql: concat!("SELECT doc FROM ", $name, " WHERE realm_id = ?1 AND parent = ?2 ORDER BY name, id"),
            },
            search: Statement {
                name: concat!("search ", $name),
                sql: concat!(
                    "SELECT doc FROM ",
                    $name,
                    " WHERE realm_id = ?1 AND parent = ?2 AND lower(name) LIKE ?3 ESCAPE '\\' ORDER BY name, id LIMIT ?4 OFFSET ?5"
                ),
            },
            count: Statement {
                name: concat!("count ", $name),
                sql: concat!("SELECT count(*) FROM ", $name, " WHERE realm_id = ?1"),
            },
        }
    };
}

/// Which part of a long list is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    pub first: i64,
    /// Negative: all.
    pub max: i64,
}

impl Page {
    pub const ALL: Self = Self { first: 0, max: -1 };

    /// From the `first` and `max` parameters of the Admin API.
    pub fn new(first: Option<i64>, max: Option<i64>) -> Self {
        Self {
            first: first.unwrap_or(0).max(0),
            max: max.unwrap_or(-1).max(-1),
        }
    }
}

impl Store {
    /// The object with this id in this realm.
    ///
    /// # Errors
    /// When the database fails or the document cannot be read.
    pub async fn find<T: Document>(
        &self,
        realm_id: &str,
        id: &str,
    ) -> Result<Option<T>, StoreError> {
        let rows = self
            .query(&T::TABLE.by_id, &[id.into(), realm_id.into()])
            .await?;
        rows.first().map(|row| self.unsealed(row)).transpose()
    }

    /// The object with this name below `parent` (empty: top of the realm).
    ///
    /// # Errors
    /// As [`Store::find`].
    pub async fn find_named<T: Document>(
        &self,
        realm_id: &str,
        parent: &str,
        name: &str,
    ) -> Result<Option<T>, StoreError> {
        let rows = self
            .query(
                &T::TABLE.by_name,
                &[realm_id.into(), parent.into(), name.into()],
            )
            .await?;
        rows.first().map(|row| self.unsealed(row)).transpose()
    }

    /// All objects of the kind in the realm, whatever their parent, by name.
    ///
    /// # Errors
    /// As [`Store::find`].
    pub async fn list<T: Document>(&self, realm_id: &str) -> Result<Vec<T>, StoreError> {
        let rows = self.query(&T::TABLE.list, &[realm_id.into()]).await?;
        rows.iter().map(|row| self.unsealed(row)).collect()
    }

    /// The objects directly below `parent`, by name.
    ///
    /// # Errors
    /// As [`Store::find`].
    pub async fn children<T: Document>(
        &self,
        realm_id: &str,
        parent: &str,
    ) -> Result<Vec<T>, StoreError> {
        let rows = self
            .query(&T::TABLE.children, &[realm_id.into(), parent.into()])
            .await?;
        rows.iter().map(|row| self.unsealed(row)).collect()
    }

    /// The objects below `parent` whose name contains `infix`, without regard to case.
    ///
    /// # Errors
    /// As [`Store::find`].
    pub async fn search<T: Document>(
        &self,
        realm_id: &str,
        parent: &str,
        infix: &str,
        page: Page,
    ) -> Result<Vec<T>, StoreError> {
        let pattern = format!("%{}%", like(infix));
        let params = [
            realm_id.into(),
            parent.into(),
            pattern.into(),
            page.max.into(),
            page.first.into(),
        ];
        let rows = self.query(&T::TABLE.search, &params).await?;
        rows.iter().map(|row| self.unsealed(row)).collect()
    }

    /// # Errors
    /// When the database fails.
    pub async fn count<T: Document>(&self, realm_id: &str) -> Result<i64, StoreError> {
        let rows = self.query(&T::TABLE.count, &[realm_id.into()]).await?;
        rows.first().map_or(Ok(0), |row| row.int(0))
    }

    /// The step that creates the object.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn insert<T: Document>(&self, realm_id: &str, object: &T) -> Result<Step, StoreError> {
        let step = Step::new(&T::TABLE.insert, self.columns(realm_id, object)?);
        Ok(step.on_conflict(format!("{} {} already exists", T::KIND, object.name())))
    }

    /// The step that replaces the object; fails when it is gone.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn update<T: Document>(&self, realm_id: &str, object: &T) -> Result<Step, StoreError> {
        let step = Step::new(&T::TABLE.update, self.columns(realm_id, object)?);
        Ok(step.or_fail("the object is gone").on_conflict(format!(
            "{} {} already exists",
            T::KIND,
            object.name()
        )))
    }

    /// The step that deletes the object; fails when it is gone.
    pub fn delete<T: Document>(realm_id: &str, id: &str) -> Step {
        Step::new(&T::TABLE.delete, vec![id.into(), realm_id.into()]).or_fail("the object is gone")
    }

    fn columns<T: Document>(&self, realm_id: &str, object: &T) -> Result<Vec<Value>, StoreError> {
        let doc = self.sealed_json(object, T::KIND, T::TABLE.name, T::secrets)?;
        Ok(vec![
            object.id().into(),
            realm_id.into(),
            object.parent().into(),
            object.name().into(),
            doc.into(),
        ])
    }

    fn unsealed<T: Document>(&self, row: &Row) -> Result<T, StoreError> {
        self.unsealed_json(row, 0, T::KIND, T::TABLE.name, T::secrets)
    }

    pub(crate) fn sealed_json<T: Serialize>(
        &self,
        object: &T,
        kind: &'static str,
        context: &str,
        secrets: Secrets,
    ) -> Result<String, StoreError> {
        let mut document =
            serde_json::to_value(object).map_err(|e| StoreError::corrupt(kind, e))?;
        let mut failed = None;
        secrets(
            &mut document,
            &mut |secret| match self.seal().seal(secret, context) {
                Ok(sealed) => *secret = sealed,
                Err(e) => failed = Some(e),
            },
        );
        if let Some(e) = failed {
            return Err(e);
        }
        Ok(document.to_string())
    }

    pub(crate) fn unsealed_json<T: DeserializeOwned>(
        &self,
        row: &Row,
        column: usize,
        kind: &'static str,
        context: &str,
        secrets: Secrets,
    ) -> Result<T, StoreError> {
        let mut document: Json = row.json(column)?;
        let mut failed = None;
        secrets(
            &mut document,
            &mut |secret| match self.seal().open(secret, context) {
                Ok(open) => *secret = open,
                Err(e) => failed = Some(e),
            },
        );
        if let Some(e) = failed {
            return Err(e);
        }
        serde_json::from_value(document).map_err(|e| StoreError::corrupt(kind, e))
    }
}

/// Escapes what LIKE takes for wildcards, and folds case.
pub(crate) fn like(text: &str) -> String {
    like_as_is(&text.to_lowercase())
}

/// Escapes what LIKE takes for wildcards.
pub(crate) fn like_as_is(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// Calls `each` on the string at `path`, if there is one.
pub(crate) fn at(document: &mut Json, path: &[&str], each: &mut dyn FnMut(&mut String)) {
    let mut here = document;
    for key in path {
        match here.get_mut(*key) {
            Some(next) => here = next,
            None => return,
        }
    }
    match here {
        Json::String(s) => each(s),
        Json::Array(items) => {
            for item in items {
                if let Json::String(s) = item {
                    each(s);
                }
            }
        }
        _ => {}
    }
}

fn text(value: &Option<String>) -> &str {
    value.as_deref().unwrap_or_default()
}

impl Document for ClientRepresentation {
    const KIND: &'static str = "Client";
    const TABLE: &'static Table = table!("client");

    fn id(&self) -> &str {
        text(&self.id)
    }

    fn name(&self) -> &str {
        text(&self.client_id)
    }

    fn secrets(document: &mut Json, each: &mut dyn FnMut(&mut String)) {
        at(document, &["secret"], each);
        at(document, &["registrationAccessToken"], each);
        at(document, &["attributes", "client.secret.rotated"], each);
    }
}

impl Document for ClientScopeRepresentation {
    const KIND: &'static str = "Client Scope";
    const TABLE: &'static Table = table!("client_scope");

    fn id(&self) -> &str {
        text(&self.id)
    }

    fn name(&self) -> &str {
        text(&self.name)
    }
}

impl Document for RoleRepresentation {
    const KIND: &'static str = "Role with name";
    const TABLE: &'static Table = table!("role");

    fn id(&self) -> &str {
        text(&self.id)
    }

    fn name(&self) -> &str {
        text(&self.name)
    }

    fn parent(&self) -> &str {
        if self.client_role == Some(true) {
            text(&self.container_id)
        } else {
            ""
        }
    }
}

impl Document for GroupRepresentation {
    const KIND: &'static str = "Group";
    const TABLE: &'static Table = table!("realm_group");

    fn id(&self) -> &str {
        text(&self.id)
    }

    fn name(&self) -> &str {
        text(&self.name)
    }

    fn parent(&self) -> &str {
        text(&self.parent_id)
    }
}

impl Document for IdentityProviderRepresentation {
    const KIND: &'static str = "Identity Provider";
    const TABLE: &'static Table = table!("identity_provider");

    fn id(&self) -> &str {
        text(&self.internal_id)
    }

    fn name(&self) -> &str {
        text(&self.alias)
    }

    fn secrets(document: &mut Json, each: &mut dyn FnMut(&mut String)) {
        at(document, &["config", "clientSecret"], each);
    }
}

impl Document for IdentityProviderMapperRepresentation {
    const KIND: &'static str = "Identity provider mapper";
    const TABLE: &'static Table = table!("identity_provider_mapper");

    fn id(&self) -> &str {
        text(&self.id)
    }

    fn name(&self) -> &str {
        text(&self.name)
    }

    fn parent(&self) -> &str {
        text(&self.identity_provider_alias)
    }
}

impl Document for ComponentRepresentation {
    const KIND: &'static str = "Component";
    const TABLE: &'static Table = table!("component");

    fn id(&self) -> &str {
        text(&self.id)
    }

    fn name(&self) -> &str {
        text(&self.name)
    }

    fn parent(&self) -> &str {
        text(&self.parent_id)
    }

    fn secrets(document: &mut Json, each: &mut dyn FnMut(&mut String)) {
        for key in [
            "privateKey",
            "secret",
            "bindCredential",
            "keystorePassword",
            "keyPassword",
        ] {
            at(document, &["config", key], each);
        }
    }
}

impl Document for RealmKey {
    const KIND: &'static str = "Key";
    const TABLE: &'static Table = table!("realm_key");

    fn id(&self) -> &str {
        &self.id
    }

    fn name(&self) -> &str {
        &self.kid
    }

    fn secrets(document: &mut Json, each: &mut dyn FnMut(&mut String)) {
        at(document, &["privateKey"], each);
    }
}

#[cfg(test)]
pub(crate) fn all_statements() -> Vec<&'static Statement> {
    let tables: [&'static Table; 8] = [
        ClientRepresentation::TABLE,
        ClientScopeRepresentation::TABLE,
        RoleRepresentation::TABLE,
        GroupRepresentation::TABLE,
        IdentityProviderRepresentation::TABLE,
        IdentityProviderMapperRepresentation::TABLE,
        ComponentRepresentation::TABLE,
        RealmKey::TABLE,
    ];
    tables
        .into_iter()
        .flat_map(|t| {
            [
                &t.insert,
                &t.update,
                &t.delete,
                &t.by_id,
                &t.by_name,
                &t.list,
                &t.children,
                &t.search,
                &t.count,
            ]
        })
        .collect()
}
