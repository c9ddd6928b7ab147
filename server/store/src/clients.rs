//! Clients found by what is written inside them.

use std::sync::Arc;

use realmkeep_representations::ClientRepresentation;

use crate::cache::{Client, Realm, Subject};
use crate::db::statements;
use crate::{Store, StoreError};

/// Attribute of a client that names the identity provider which vouches for it, by alias.
pub const FEDERATED_ISSUER: &str = "jwt.credential.issuer";
/// Attribute of a client: the subject it has there.
pub const FEDERATED_SUBJECT: &str = "jwt.credential.sub";

statements! {
    NAMES = "SELECT id, name FROM client WHERE realm_id = ?1";
    CONTAINING = "SELECT doc FROM client WHERE realm_id = ?1 AND doc LIKE ?2 ESCAPE '\\' ORDER BY name LIMIT 100";
    ALL_CONTAINING = "SELECT doc FROM client WHERE realm_id = ?1 AND doc LIKE ?2 ESCAPE '\\' ORDER BY name LIMIT ?3";
}

impl Store {
    /// clientIds of the clients that are bound to `subject` of the identity provider `alias`.
    /// More than one is a misconfiguration that the caller has to refuse.
    ///
    /// Ask only for subjects that were proven: an unknown one costs a scan of the realm's clients.
    ///
    /// # Errors
    /// When the database fails or a document cannot be read.
    pub async fn federated_clients(
        &self,
        realm: &Realm,
        alias: &str,
        subject: &str,
    ) -> Result<Arc<Vec<String>>, StoreError> {
        let key = (alias.to_owned(), subject.to_owned());
        if let Some(found) = realm.federated.get(&key) {
            return Ok(found);
        }
        let changes = self.caches().changes();
        let quoted = serde_json::Value::from(subject).to_string();
        // The text is only a first sieve; what it lets through is compared as parsed.
        let pattern = format!(
            "%{}%",
            escaped(&format!("\"{FEDERATED_SUBJECT}\":{quoted}"))
        );
        let rows = self
            .query(&CONTAINING, &[realm.id.as_str().into(), pattern.into()])
            .await?;
        let mut found = Vec::new();
        for row in &rows {
            let client: ClientRepresentation = row.json(0)?;
            let has = |name: &str, value: &str| {
                client
                    .attributes
                    .as_ref()
                    .and_then(|attributes| attributes.get(name))
                    .is_some_and(|v| v == value)
            };
            if has(FEDERATED_ISSUER, alias) && has(FEDERATED_SUBJECT, subject) {
                found.extend(client.client_id);
            }
        }
        let found = Arc::new(found);
        if !found.is_empty() {
            self.caches()
                .keep(&realm.federated, changes, key, found.clone());
        }
        Ok(found)
    }

    /// At most `max` clients that have a value for this attribute, by clientId.
    ///
    /// # Errors
    /// When the database fails or a document cannot be read.
    pub async fn clients_with_attribute(
        &self,
        realm_id: &str,
        attribute: &str,
        max: i64,
    ) -> Result<Vec<ClientRepresentation>, StoreError> {
        let pattern = format!("%{}%", escaped(&format!("\"{attribute}\":")));
        let params = [realm_id.into(), pattern.into(), max.into()];
        let rows = self.query(&ALL_CONTAINING, &params).await?;
        let mut found = Vec::new();
        for row in &rows {
            let client: ClientRepresentation = row.json(0)?;
            let attributes = client.attributes.as_ref();
            if attributes.is_some_and(|all| all.get(attribute).is_some_and(|v| !v.is_empty())) {
                found.push(client);
            }
        }
        Ok(found)
    }

    /// The service account of the client with this id (not clientId).
    ///
    /// # Errors
    /// When the database fails or a document cannot be read.
    pub async fn service_account(
        &self,
        realm: &Realm,
        client_id: &str,
    ) -> Result<Option<Arc<Subject>>, StoreError> {
        if let Some(user_id) = realm.service_accounts.get(client_id)
            && let Some(subject) = self.subject(realm, &user_id).await?
        {
            return Ok(Some(subject));
        }
        let Some(user) = self.find_service_account(&realm.id, client_id).await? else {
            realm.service_accounts.invalidate(client_id);
            return Ok(None);
        };
        let user_id = user.id.unwrap_or_default();
        // An account never changes its client, so what is cached is right as long as it exists.
        realm
            .service_accounts
            .insert(client_id.to_owned(), user_id.clone());
        self.subject(realm, &user_id).await
    }

    /// Id and clientId of every client of the realm.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn client_names(&self, realm_id: &str) -> Result<Vec<(String, String)>, StoreError> {
        let rows = self.query(&NAMES, &[realm_id.into()]).await?;
        rows.iter()
            .map(|row| Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned())))
            .collect()
    }

    /// The client with this id (not clientId).
    ///
    /// # Errors
    /// When the database fails or the document cannot be read.
    pub async fn client_by_id(
        &self,
        realm: &Realm,
        id: &str,
    ) -> Result<Option<Arc<Client>>, StoreError> {
        let name = match realm.client_names.get(id) {
            Some(name) => name,
            None => {
                let changes = self.caches().changes();
                let Some(found) = self.find::<ClientRepresentation>(&realm.id, id).await? else {
                    return Ok(None);
                };
                let name = found.client_id.unwrap_or_default();
                self.caches()
                    .keep(&realm.client_names, changes, id.to_owned(), name.clone());
                name
            }
        };
        self.client(realm, &name).await
    }
}

/// Escapes what LIKE takes for wildcards.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}
