use realmkeep_events::EventType;
use realmkeep_representations::CredentialRepresentation;
use realmkeep_store::Store;

use super::requested;
use crate::flow::{
    About, ActionAnswer, ActionOutcome, Facts, Login, Page, Progress, RequiredAction, Shown,
    Submitted,
};
use crate::otp;

/// Deletes one of the user's credentials: `delete_credential:{id}`.
#[derive(Debug)]
pub struct DeleteCredential;

impl RequiredAction for DeleteCredential {
    fn about(&self) -> About {
        About {
            id: "delete_credential",
            name: "Delete Credential",
            help: "The user deletes one of the own credentials",
            properties: &[],
        }
    }

    fn credential<'b>(&self, facts: &'b Facts<'_>) -> Option<&'b str> {
        wanted(facts)?.r#type.as_deref()
    }

    fn prepare<'a>(&'a self, login: &'a mut Login<'_>) -> ActionAnswer<'a> {
        Box::pin(async move {
            // There is nothing to delete, or it is gone already.
            if wanted(&login.facts).is_none() {
                return Ok(ActionOutcome::Cancelled);
            }
            Ok(ActionOutcome::Again(Shown::default()))
        })
    }

    fn page(&self, facts: &Facts<'_>, _: &Progress, _: &Shown) -> Page {
        let label = wanted(facts).map(|credential| {
            let kind = || credential.r#type.clone();
            credential.user_label.clone().or_else(kind)
        });
        Page::DeleteCredential {
            label: label.flatten().unwrap_or_default(),
        }
    }

    fn answer<'a>(&'a self, login: &'a mut Login<'_>, _: &'a Submitted) -> ActionAnswer<'a> {
        Box::pin(async move {
            let Some(credential) = wanted(&login.facts).cloned() else {
                return Ok(ActionOutcome::Cancelled);
            };
            let user_id = login.progress.user.clone().unwrap_or_default();
            let id = credential.id.unwrap_or_default();
            login.push(Store::delete_credential(&user_id, &id));
            let kind = credential.r#type.unwrap_or_default();
            // The older name for those that listen for it.
            let names = match kind == otp::TYPE {
                true => &[EventType::RemoveTotp, EventType::RemoveCredential][..],
                false => &[EventType::RemoveCredential][..],
            };
            for name in names {
                let details = vec![
                    ("credential_id", id.clone()),
                    ("credential_type", kind.clone()),
                ];
                login.notice(*name, details);
            }
            Ok(ActionOutcome::Done)
        })
    }
}

/// The credential asked for, if it is the user's; a password is changed, not deleted.
fn wanted<'a>(facts: &'a Facts<'_>) -> Option<&'a CredentialRepresentation> {
    let (_, id) = requested(facts)?;
    let id = id?;
    facts
        .credentials
        .iter()
        .find(|c| c.id.as_deref() == Some(id))
        .filter(|c| c.r#type.as_deref() != Some("password"))
}
