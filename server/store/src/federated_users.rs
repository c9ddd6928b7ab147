//! Users found by who they are elsewhere.

use realmkeep_representations::UserRepresentation;

use crate::db::{Step, statements};
use crate::{Store, StoreError};

statements! {
    LINKED = "SELECT user_id FROM federated_link WHERE realm_id = ?1 AND alias = ?2 AND subject = ?3 LIMIT 2";
    LINK = "INSERT INTO federated_link (realm_id, alias, subject, user_id) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
    UNLINK = "DELETE FROM federated_link WHERE user_id = ?1";
}

impl Store {
    /// Ids of the users who are linked to `subject` of the identity provider `alias`, two at most. More
    /// than one is a misconfiguration that the caller has to refuse.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn federated_users(
        &self,
        realm_id: &str,
        alias: &str,
        subject: &str,
    ) -> Result<Vec<String>, StoreError> {
        let params = [realm_id.into(), alias.into(), subject.into()];
        let rows = self.query(&LINKED, &params).await?;
        rows.iter()
            .map(|row| row.text(0).map(str::to_owned))
            .collect()
    }
}

/// The steps that make the links of the user those of its document; `before` says whether it had some
/// already.
pub(crate) fn links(realm_id: &str, user: &UserRepresentation, before: bool) -> Vec<Step> {
    let id = user.id.as_deref().unwrap_or_default();
    let mut steps = Vec::new();
    if before {
        steps.push(Step::new(&UNLINK, vec![id.into()]));
    }
    for link in user.federated_identities.iter().flatten() {
        if let (Some(alias), Some(subject)) = (&link.identity_provider, &link.user_id) {
            let params = vec![
                realm_id.into(),
                alias.clone().into(),
                subject.clone().into(),
                id.into(),
            ];
            steps.push(Step::new(&LINK, params));
        }
    }
    steps
}
