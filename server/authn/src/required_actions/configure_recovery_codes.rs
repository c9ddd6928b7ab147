use realmkeep_events::EventType;
use realmkeep_store::Store;
use uuid::Uuid;

use crate::flow::{
    About, ActionAnswer, ActionOutcome, Facts, Login, Page, Progress, RequiredAction, Shown,
    Submitted,
};
use crate::{LoginFailure, Services, recovery_codes};

/// Shows new recovery codes, which replace the ones before.
#[derive(Debug)]
pub struct ConfigureRecoveryCodes;

/// Note with the codes that the page shows.
const CODES: &str = "CONFIGURE_RECOVERY_AUTHN_CODES.codes";
/// Longest label, in characters.
const MAX_LABEL: usize = 64;

impl RequiredAction for ConfigureRecoveryCodes {
    fn about(&self) -> About {
        About {
            id: "CONFIGURE_RECOVERY_AUTHN_CODES",
            name: "Recovery Authentication Codes",
            help: "The user gets recovery codes",
            properties: &[],
        }
    }

    fn is_available(&self, services: &Services) -> bool {
        services.features.recovery_codes
    }

    fn credential<'b>(&self, _: &'b Facts<'_>) -> Option<&'b str> {
        Some(recovery_codes::TYPE)
    }

    fn prepare<'a>(&'a self, login: &'a mut Login<'_>) -> ActionAnswer<'a> {
        Box::pin(async move {
            let notes = &mut login.progress.notes;
            notes
                .entry(CODES.to_owned())
                .or_insert_with(|| recovery_codes::generate().join(" "));
            Ok(ActionOutcome::Again(Shown::default()))
        })
    }

    fn page(&self, _: &Facts<'_>, progress: &Progress, _: &Shown) -> Page {
        Page::ConfigRecoveryCodes {
            codes: codes(progress),
        }
    }

    fn answer<'a>(&'a self, login: &'a mut Login<'_>, form: &'a Submitted) -> ActionAnswer<'a> {
        Box::pin(async move {
            let codes = codes(&login.progress);
            if codes.is_empty() || form.value("kcRecoveryCodesConfirmationCheck").is_none() {
                return Ok(ActionOutcome::Again(Shown::default()));
            }
            let label: String = form
                .value("userLabel")
                .unwrap_or_default()
                .chars()
                .take(MAX_LABEL)
                .collect();
            let services = login.facts.services;
            let mut credential = recovery_codes::credential(
                Uuid::new_v4().to_string(),
                label.trim(),
                &codes,
                services.clock.now_millis(),
            )
            .map_err(|_| LoginFailure::Credential("new".to_owned()))?;
            credential.priority = Some(super::next_priority(&login.facts));
            let user_id = login.progress.user.clone().unwrap_or_default();
            login.push(Store::delete_credentials(&user_id, recovery_codes::TYPE));
            let step = services.store.insert_credential(&user_id, &credential)?;
            login.push(step);
            super::end_other_sessions(login, form).await?;
            login.notice(
                EventType::UpdateCredential,
                vec![("credential_type", recovery_codes::TYPE.to_owned())],
            );
            Ok(ActionOutcome::Done)
        })
    }
}

fn codes(progress: &Progress) -> Vec<String> {
    let note = progress.notes.get(CODES).map_or("", String::as_str);
    note.split(' ')
        .filter(|code| !code.is_empty())
        .map(str::to_owned)
        .collect()
}
