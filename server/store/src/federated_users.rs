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

/// The step with those that write the new user's links.
pub(crate) fn linked(step: Step, realm_id: &str, user: &UserRepresentation) -> Step {
    let id = user.id.as_deref().unwrap_or_default();
    let mut step = step;
    for link in user.federated_identities.iter().flatten() {
        if let (Some(alias), Some(subject)) = (&link.identity_provider, &link.user_id) {
            let params = vec![
                realm_id.into(),
                alias.clone().into(),
                subject.clone().into(),
                id.into(),
            ];
            step = step.and(Step::new(&LINK, params));
        }
    }
    step
}

/// The step with those that write the changed user's links.
pub(crate) fn relinked(step: Step, realm_id: &str, user: &UserRepresentation) -> Step {
    let id = user.id.as_deref().unwrap_or_default();
    linked(
        step.and(Step::new(&UNLINK, vec![id.into()])),
        realm_id,
        user,
    )
}
