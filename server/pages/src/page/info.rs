use serde::Serialize;

use crate::Message;

/// Something is done, or is about to be.
#[derive(Clone, Debug, Serialize)]
pub struct Info {
    pub heading: Option<Message>,
    pub message: Message,
    /// Aliases of required actions that come next, shown as a list.
    pub required_actions: Vec<String>,
    /// Where to go on to.
    pub proceed: Option<String>,
}

impl Info {
    pub fn new(message: impl Into<Message>) -> Self {
        Self {
            heading: None,
            message: message.into(),
            required_actions: Vec::new(),
            proceed: None,
        }
    }
}
