use realmkeep_events::EventType;
use realmkeep_store::Store;

use crate::flow::{
    About, ActionAnswer, ActionOutcome, Facts, Login, Page, Progress, RequiredAction, Shown,
    Submitted,
};
use crate::session_end;

/// Deletes the user's own account. It needs the role `delete-account` of the client `account`.
#[derive(Debug)]
pub struct DeleteAccount;

impl RequiredAction for DeleteAccount {
    fn about(&self) -> About {
        About {
            id: "delete_account",
            name: "Delete Account",
            help: "The user deletes the own account",
            properties: &[],
        }
    }

    /// Always proven just now.
    fn max_age(&self, _: &Facts<'_>) -> i64 {
        0
    }

    fn prepare<'a>(&'a self, login: &'a mut Login<'_>) -> ActionAnswer<'a> {
        Box::pin(async move {
            if may_delete(login).await? {
                return Ok(ActionOutcome::Again(Shown::default()));
            }
            Ok(ActionOutcome::Denied {
                message: "access-denied".to_owned(),
                event: "user_delete_error",
            })
        })
    }

    fn page(&self, _: &Facts<'_>, _: &Progress, _: &Shown) -> Page {
        Page::DeleteAccount
    }

    fn answer<'a>(&'a self, login: &'a mut Login<'_>, _: &'a Submitted) -> ActionAnswer<'a> {
        Box::pin(async move {
            if !may_delete(login).await? {
                return Ok(ActionOutcome::Denied {
                    message: "access-denied".to_owned(),
                    event: "user_delete_error",
                });
            }
            let user_id = login.progress.user.clone().unwrap_or_default();
            let realm_id = login.facts.realm.id.clone();
            let facts = &login.facts;
            let steps = session_end::end_of_user(facts.services, facts.realm, &user_id).await?;
            steps.into_iter().for_each(|step| login.push(step));
            login.push(Store::delete_user(&realm_id, &user_id));
            login.notice(
                EventType::DeleteAccount,
                vec![("username", login.facts.username())],
            );
            Ok(ActionOutcome::AccountDeleted)
        })
    }
}

async fn may_delete(login: &Login<'_>) -> Result<bool, realmkeep_store::StoreError> {
    let facts = &login.facts;
    let client = facts.services.store.client(facts.realm, "account").await?;
    let role = client.and_then(|client| {
        let id = client.representation.id.as_deref()?;
        let role = facts.realm.roles.client_role(id, "delete-account")?;
        role.id.clone()
    });
    Ok(role.is_some_and(|role| {
        let subject = facts.subject.as_ref();
        subject.is_some_and(|subject| subject.roles.contains(&role))
    }))
}
