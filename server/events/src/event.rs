use std::collections::BTreeMap;

use crate::EventType;

/// Something that happened in a realm, with the names that existing log readers know.
#[derive(Clone, Debug)]
pub struct Event {
    pub kind: EventType,
    /// Name of the realm.
    pub realm: String,
    /// The clientId.
    pub client_id: Option<String>,
    pub user_id: Option<String>,
    pub session_id: Option<String>,
    pub ip_address: String,
    /// A code such as `invalid_client_credentials`; None when it succeeded.
    pub error: Option<String>,
    pub details: BTreeMap<&'static str, String>,
    /// It is part of a batch already ([`crate::Events::stage`]); whether listeners are told of it.
    pub(crate) staged: Option<bool>,
}

impl Event {
    pub fn new(kind: EventType, realm: &str, ip_address: &str) -> Self {
        Self {
            kind,
            realm: realm.to_owned(),
            client_id: None,
            user_id: None,
            session_id: None,
            ip_address: ip_address.to_owned(),
            error: None,
            details: BTreeMap::new(),
            staged: None,
        }
    }

    /// The type's name; a failure's has `_ERROR` appended.
    pub fn name(&self) -> &'static str {
        self.kind.name(self.error.is_some())
    }

    pub fn client(mut self, client_id: &str) -> Self {
        self.client_id = Some(client_id.to_owned());
        self
    }

    pub fn user(mut self, user_id: &str) -> Self {
        self.user_id = Some(user_id.to_owned());
        self
    }

    pub fn session(mut self, session_id: &str) -> Self {
        self.session_id = Some(session_id.to_owned());
        self
    }

    /// Never give a credential as `value`.
    pub fn detail(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.details.insert(key, value.into());
        self
    }

    /// The failure is an event of its own: the batch that the success was staged in was not committed.
    pub fn failed(mut self, error: impl Into<String>) -> Self {
        self.error = Some(error.into());
        self.staged = None;
        self
    }
}
