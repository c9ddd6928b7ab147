//! Mails the user about what happened to the account.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use realmkeep_pages::Mail;
use realmkeep_representations::EventRepresentation;
use realmkeep_store::event_outbox::OutboxEvent;
use realmkeep_store::{Realm, StoreError};

use super::Outcome;
use crate::{Services, mail};

/// Nobody is told who has no confirmed address, or whose realm has no mail server.
pub(super) async fn tell(
    services: &Services,
    realm: &Realm,
    event: &OutboxEvent,
) -> Result<Outcome, StoreError> {
    let OutboxEvent::User(event) = event else {
        return Ok(Outcome::Taken);
    };
    let id = event.user_id.as_deref().unwrap_or_default();
    let Some(user) = services.store.find_user(&realm.id, id).await? else {
        return Ok(Outcome::Taken);
    };
    let address = user.email.as_deref().filter(|address| !address.is_empty());
    let (Some(to), Some(true)) = (address, user.email_verified) else {
        return Ok(Outcome::Taken);
    };
    let Some(name) = name(event) else {
        return Ok(Outcome::Taken);
    };
    let credential = event.details.as_ref();
    let credential = credential.and_then(|details| details.get("credential_type"));
    let about = Mail::Event {
        name: &name,
        credential: credential
            .filter(|_| name.ends_with("Credential"))
            .map(String::as_str),
        time: &time(event.time.unwrap_or(0)),
        ip: event.ip_address.as_deref().unwrap_or_default(),
    };
    Ok(match mail::send(services, realm, &user, to, &about).await {
        Ok(()) => Outcome::Taken,
        Err(mail::MailError::Email(error)) => Outcome::Retry(error.to_string()),
        Err(error) => Outcome::Final(error.to_string()),
    })
}

/// `LOGIN_ERROR` is `eventLoginError`.
fn name(event: &EventRepresentation) -> Option<String> {
    let kind = event.r#type.as_deref()?;
    let mut name = "event".to_owned();
    for word in kind.split('_') {
        let (first, rest) = word.split_at_checked(1)?;
        name.push_str(first);
        name.push_str(&rest.to_lowercase());
    }
    Some(name)
}

/// Such as `2026-03-01 12:30 UTC`.
fn time(millis: i64) -> String {
    let moment = Timestamp::from_millisecond(millis).unwrap_or_default();
    let moment = moment.to_zoned(TimeZone::UTC);
    moment.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_name_their_texts() {
        let named = |kind: &str| {
            name(&EventRepresentation {
                r#type: Some(kind.to_owned()),
                ..Default::default()
            })
        };
        assert_eq!(named("LOGIN_ERROR").unwrap(), "eventLoginError");
        assert_eq!(named("UPDATE_TOTP").unwrap(), "eventUpdateTotp");
        assert_eq!(time(0), "1970-01-01 00:00 UTC");
    }
}
