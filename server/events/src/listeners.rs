//! Event listeners: what is told of an event besides the database.

use crate::Event;

/// An event listener that a realm can name in `eventsListeners`.
#[derive(Clone, Copy, Debug)]
pub struct Listener {
    pub id: &'static str,
    /// It hears of every realm's events, whether the realm names it or not.
    pub global: bool,
}

/// The listeners that this server has.
pub const LISTENERS: &[Listener] = &[Listener {
    id: "jboss-logging",
    global: false,
}];

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

/// One line: errors at WARN, the rest at INFO.
pub(crate) fn log(event: &Event) {
    if event.error.is_some() {
        line!(warn, event);
    } else {
        line!(info, event);
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
    /// spec: EVL-02, EVL-04
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
            .detail("redirect_uri", "https://app.example.test/cb")
            .detail("code_id", "c-1")
            .detail("grant_type", "password")
            .failed("invalid_user_credentials");
        tracing::subscriber::with_default(subscriber, || log(&event));
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
            "redirect_uri=\"https://app.example.test/cb\"",
            "code_id=\"c-1\"",
            "username=\"alice\"",
            "grant_type",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert_eq!(text.lines().count(), 1);
    }
}
