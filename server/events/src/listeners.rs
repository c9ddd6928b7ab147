//! Event listeners: what is told of an event besides the database.

use realmkeep_representations::ComponentRepresentation;
use realmkeep_store::Realm;

use crate::settings::{Level, Settings};
use crate::{Event, EventType};

/// An event listener that a realm can name in `eventsListeners`.
#[derive(Clone, Copy, Debug)]
pub struct Listener {
    pub id: &'static str,
    /// It hears of every realm's events, whether the realm names it or not.
    pub global: bool,
}

/// The listeners that this server has.
pub const LISTENERS: &[Listener] = &[
    Listener {
        id: EMAIL,
        global: false,
    },
    Listener {
        id: LOG,
        global: false,
    },
    Listener {
        id: WEBHOOK,
        global: false,
    },
];

/// Writes log lines.
const LOG: &str = "jboss-logging";
/// Sends the user a mail.
pub const EMAIL: &str = "email";
/// Posts to the addresses of the realm's webhook components.
pub const WEBHOOK: &str = "webhook";
/// Provider type of components that configure a listener.
pub const LISTENER_COMPONENT: &str = "org.keycloak.events.EventListenerProvider";

/// What users get mails about.
pub const MAILED: &[(EventType, bool)] = &[
    (EventType::Login, true),
    (EventType::RemoveCredential, false),
    (EventType::RemoveTotp, false),
    (EventType::UpdateCredential, false),
    (EventType::UpdatePassword, false),
    (EventType::UpdateTotp, false),
];

/// Whether the realm names the listener.
fn names(realm: &Realm, listener: &str) -> bool {
    let all = realm.settings.events_listeners.as_deref();
    all.unwrap_or_default().iter().any(|name| name == listener)
}

/// The lanes of the outbox that the event goes into; one for each listener that wants it. A webhook's is
/// `webhook/` with the id of its component.
pub(crate) fn lanes(realm: &Realm, settings: &Settings, event: &Event) -> Vec<String> {
    let mut lanes = Vec::new();
    if event.user_id.is_some() && is_mailed(settings, event) && names(realm, EMAIL) {
        lanes.push(EMAIL.to_owned());
    }
    let wanted = |webhook: &&ComponentRepresentation| {
        let types = values(webhook, "eventTypes");
        types.is_empty() || types.iter().any(|name| name == event.name())
    };
    lanes.extend(webhooks(realm).filter(wanted).filter_map(lane));
    lanes
}

/// As [`lanes`], for an administrator's change.
pub(crate) fn admin_lanes(realm: &Realm) -> Vec<String> {
    let wanted = |webhook: &&ComponentRepresentation| {
        let flag = values(webhook, "adminEvents").first();
        flag.is_some_and(|flag| flag == "true")
    };
    webhooks(realm).filter(wanted).filter_map(lane).collect()
}

fn webhooks(realm: &Realm) -> impl Iterator<Item = &ComponentRepresentation> {
    let listens = !realm.event_listeners.is_empty() && names(realm, WEBHOOK);
    let all = realm.event_listeners.iter().filter(move |_| listens);
    all.filter(|component| component.provider_id.as_deref() == Some(WEBHOOK))
}

fn lane(webhook: &ComponentRepresentation) -> Option<String> {
    webhook.id.as_ref().map(|id| format!("{WEBHOOK}/{id}"))
}

fn values<'a>(component: &'a ComponentRepresentation, key: &str) -> &'a [String] {
    let config = component.config.as_ref();
    config
        .and_then(|config| config.get(key))
        .map_or(&[], Vec::as_slice)
}

fn is_mailed(settings: &Settings, event: &Event) -> bool {
    let lists = |names: &[String]| names.iter().any(|name| name == event.name());
    let failed = event.error.is_some();
    MAILED.contains(&(event.kind, failed))
        && (settings.email_include.is_empty() || lists(&settings.email_include))
        && !lists(&settings.email_exclude)
}

/// The log category of events, as intrusion prevention tools know it.
const CATEGORY: &str = "org.keycloak.events";

macro_rules! line {
    ($level:ident, $event:expr) => {{
        let event = $event;
        let failed = event.error.is_some();
        let detail = |key: &str| event.details.get(key).map(String::as_str);
        let others: std::collections::BTreeMap<&str, &str> = event
            .details
            .iter()
            .filter(|(key, _)| !OWN_FIELDS.contains(key))
            .map(|(key, value)| (*key, value.as_str()))
            .collect();
        let details = (!others.is_empty())
            .then(|| serde_json::to_string(&others).unwrap_or_default());
        tracing::$level!(
            target: CATEGORY,
            r#type = event.kind.name(failed),
            realmName = %event.realm,
            clientId = event.client_id.as_deref(),
            userId = event.user_id.as_deref(),
            sessionId = event.session_id.as_deref(),
            ipAddress = %event.ip_address,
            error = event.error.as_deref(),
            auth_method = detail("auth_method"),
            auth_type = detail("auth_type"),
            redirect_uri = detail("redirect_uri"),
            code_id = detail("code_id"),
            username = detail("username"),
            details,
            "event"
        );
    }};
}

/// Details that are fields of the line; the others stand together in `details`.
const OWN_FIELDS: [&str; 5] = [
    "auth_method",
    "auth_type",
    "redirect_uri",
    "code_id",
    "username",
];

/// One line, unless the realm has done without them.
pub(crate) fn log(realm: Option<&Realm>, settings: &Settings, event: &Event) {
    if realm.is_some_and(|realm| !names(realm, LOG)) {
        return;
    }
    let level = if event.error.is_some() {
        settings.error_level
    } else {
        settings.success_level
    };
    match level {
        Level::Debug => line!(debug, event),
        Level::Info => line!(info, event),
        Level::Warn => line!(warn, event),
        Level::Error | Level::Fatal => line!(error, event),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::EventType;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// A failed login is a warning of its own category, with what intrusion prevention looks for.
    ///
    /// spec: EVL-02, EVL-03, EVL-04
    #[test]
    fn a_failed_login_can_be_read_from_the_log() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        let event = Event::new(EventType::Login, "r", "192.0.2.7")
            .client("app")
            .user("u-1")
            .detail("username", "alice")
            .detail("auth_method", "openid-connect")
            .detail("auth_type", "code")
            .detail("redirect_uri", "https://app.example.test/cb")
            .detail("code_id", "c-1")
            .detail("grant_type", "password")
            .failed("invalid_user_credentials");
        let settings = Settings::default();
        tracing::subscriber::with_default(subscriber, || log(None, &settings, &event));
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        for part in [
            "WARN",
            "org.keycloak.events",
            "type=\"LOGIN_ERROR\"",
            "realmName=r",
            "clientId=\"app\"",
            "userId=\"u-1\"",
            "ipAddress=192.0.2.7",
            "error=\"invalid_user_credentials\"",
            "auth_method=\"openid-connect\"",
            "auth_type=\"code\"",
            "redirect_uri=\"https://app.example.test/cb\"",
            "code_id=\"c-1\"",
            "username=\"alice\"",
            "grant_type",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert_eq!(text.lines().count(), 1);
    }

    /// Successes are not seen at the default level, and every level is one of the listener's.
    ///
    /// spec: EVL-05
    #[test]
    fn levels_are_the_configurations() {
        let shown = |settings: &Settings, event: &Event| {
            let lines = Lines::default();
            let writer = lines.clone();
            let subscriber = tracing_subscriber::fmt()
                .with_ansi(false)
                .with_writer(move || writer.clone())
                .finish();
            tracing::subscriber::with_default(subscriber, || log(None, settings, event));
            String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
        };
        let success = Event::new(EventType::Login, "r", "192.0.2.7");
        let failure = success.clone().failed("user_not_found");
        let mut settings = Settings::default();
        assert_eq!(shown(&settings, &success), "");
        assert!(shown(&settings, &failure).contains("WARN"));
        for (name, word) in [
            ("info", "INFO"),
            ("warn", "WARN"),
            ("error", "ERROR"),
            ("fatal", "ERROR"),
        ] {
            settings.success_level = name.parse().unwrap();
            assert!(shown(&settings, &success).contains(word));
        }
        assert!("trace".parse::<Level>().is_err());
    }
}
