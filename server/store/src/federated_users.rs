//! Users found by who they are elsewhere.

use realmkeep_representations::UserRepresentation;

use crate::clients::escaped;
use crate::db::statements;
use crate::{Store, StoreError};

statements! {
    LINKED = "SELECT doc FROM user_account WHERE realm_id = ?1 AND service_client_id IS NULL AND doc LIKE ?2 ESCAPE '\\' LIMIT 100";
}

impl Store {
    /// Ids of the users who are linked to `subject` of the identity provider `alias`. More than one is
    /// a misconfiguration that the caller has to refuse.
    ///
    /// Ask only for subjects that were proven: it costs a scan of the realm's users.
    ///
    /// # Errors
    /// When the database fails or a document cannot be read.
    pub async fn federated_users(
        &self,
        realm_id: &str,
        alias: &str,
        subject: &str,
    ) -> Result<Vec<String>, StoreError> {
        let quoted = serde_json::Value::from(subject).to_string();
        // The text is only a first sieve; what it lets through is compared as parsed.
        let pattern = format!("%{}%", escaped(&quoted));
        let rows = self
            .query(&LINKED, &[realm_id.into(), pattern.into()])
            .await?;
        let mut found = Vec::new();
        for row in &rows {
            let user: UserRepresentation = row.json(0)?;
            let mut links = user.federated_identities.iter().flatten();
            let linked = links.any(|link| {
                link.identity_provider.as_deref() == Some(alias)
                    && link.user_id.as_deref() == Some(subject)
            });
            if linked {
                found.extend(user.id);
            }
        }
        Ok(found)
    }
}
