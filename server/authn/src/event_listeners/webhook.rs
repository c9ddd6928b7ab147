//! Posts events to an address of the realm's, signed as Standard Webhooks has it
//! (https://www.standardwebhooks.com): who knows the secret can tell that the message is ours, unchanged
//! and new.
//!
//! A webhook is a component of the type `org.keycloak.events.EventListenerProvider`:
//!
//! | configuration | what |
//! |---|---|
//! | `url` | where to post to |
//! | `secret` | `whsec_` and 24 to 64 bytes in base64; several while they are exchanged |
//! | `eventTypes` | types of user events; all without it |
//! | `adminEvents` | `true` to post administrators' changes, too |

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use realmkeep_keys::vault;
use realmkeep_representations::{ComponentRepresentation, SecretString};
use realmkeep_store::Realm;
use realmkeep_store::event_outbox::OutboxEvent;
use realmkeep_workload_identity::OutboundHttp;
use serde_json::{Value, json};

use super::Outcome;
use crate::Services;

const PREFIX: &str = "whsec_";

/// Whether the component says where to post to and how to sign.
///
/// # Errors
/// What is wrong, with the name of the entry.
pub fn check(http: &OutboundHttp, component: &ComponentRepresentation) -> Result<(), String> {
    let url = values(component, "url").first();
    let url = url.ok_or("config.url: where to post to is missing")?;
    http.check_url(url)
        .map_err(|e| format!("config.url: {e}"))?;
    let secrets = values(component, "secret");
    if secrets.is_empty() {
        return Err(format!(
            "config.secret: {PREFIX} and 24 to 64 random bytes in base64 are needed"
        ));
    }
    for secret in secrets.iter().filter(|secret| !vault::is_reference(secret)) {
        key(&SecretString::new(secret.as_str()))?;
    }
    let known = realmkeep_events::type_names();
    let types = values(component, "eventTypes");
    if let Some(unknown) = types.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(format!(
            "config.eventTypes: there is no event type '{unknown}'"
        ));
    }
    Ok(())
}

fn values<'a>(component: &'a ComponentRepresentation, name: &str) -> &'a [String] {
    let config = component.config.as_ref();
    config
        .and_then(|config| config.get(name))
        .map_or(&[], Vec::as_slice)
}

fn key(secret: &SecretString) -> Result<hmac::Key, String> {
    let wrong =
        || format!("config.secret: {PREFIX} and 24 to 64 random bytes in base64 are needed");
    let text = secret.expose().strip_prefix(PREFIX).ok_or_else(wrong)?;
    let bytes = STANDARD.decode(text).map_err(|_| wrong())?;
    if !(24..=64).contains(&bytes.len()) {
        return Err(wrong());
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

/// Posts the event once.
pub(super) async fn tell(
    services: &Services,
    realm: &Realm,
    component: &str,
    id: &str,
    event: &OutboxEvent,
) -> Outcome {
    let mut all = realm.event_listeners.iter();
    let Some(component) = all.find(|c| c.id.as_deref() == Some(component)) else {
        return Outcome::Moot;
    };
    let Some(url) = values(component, "url").first() else {
        return Outcome::Moot;
    };
    let body = message(realm, event).to_string();
    let time = services.clock.now().to_string();
    let mut signatures = Vec::new();
    for secret in values(component, "secret") {
        let secret = services.keys.vault().resolve(&realm.name, secret);
        match secret.map_err(|e| e.to_string()).and_then(|s| key(&s)) {
            Ok(key) => signatures.push(signature(&key, id, &time, &body)),
            Err(reason) => return Outcome::Retry(reason),
        }
    }
    let signatures = signatures.join(" ");
    let headers = [
        ("webhook-id", id),
        ("webhook-timestamp", time.as_str()),
        ("webhook-signature", signatures.as_str()),
    ];
    let http = services.remote_keys.http();
    match http
        .post_text_with(url, "application/json", body, &headers)
        .await
    {
        Ok(answer) if (200..300).contains(&answer.status) => Outcome::Taken,
        // The receiver has said that it wants nothing more.
        Ok(answer) if answer.status == 410 => Outcome::Final("it is gone (410)".to_owned()),
        Ok(answer) => Outcome::Retry(format!("it answered with status {}", answer.status)),
        Err(error) => Outcome::Retry(error.to_string()),
    }
}

fn signature(key: &hmac::Key, id: &str, time: &str, body: &str) -> String {
    let tag = hmac::sign(key, format!("{id}.{time}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(tag.as_ref()))
}

/// `type`, `timestamp` and `data`; the type is `user.LOGIN`, or `admin.CLIENT.CREATE`.
fn message(realm: &Realm, event: &OutboxEvent) -> Value {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let (kind, time, data) = match event {
        OutboxEvent::User(event) => (
            format!("user.{}", text(&event.r#type)),
            event.time,
            json!(event),
        ),
        OutboxEvent::Admin(event) => (
            format!(
                "admin.{}.{}",
                text(&event.resource_type),
                text(&event.operation_type)
            ),
            event.time,
            json!(event),
        ),
    };
    let time = Timestamp::from_millisecond(time.unwrap_or(0)).unwrap_or_default();
    let mut message = json!({"type": kind, "timestamp": time.to_string(), "data": data});
    if let Some(Value::Object(data)) = message.get_mut("data") {
        data.insert("realmName".to_owned(), realm.name.as_str().into());
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification.
    #[test]
    fn signatures_are_those_of_standard_webhooks() {
        let secret = SecretString::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let body = r#"{"test": 2432232314}"#;
        assert_eq!(
            signature(
                &key(&secret).unwrap(),
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                "1614265330",
                body
            ),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
        for wrong in [
            "",
            "whsec_",
            "whsec_AAAA",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        ] {
            assert!(key(&SecretString::new(wrong)).is_err(), "{wrong}");
        }
    }
}
