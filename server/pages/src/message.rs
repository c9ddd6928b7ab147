use serde::{Deserialize, Serialize};

/// A text by its key, with what goes into its places `{0}`, `{1}`, …
///
/// Keys are Keycloak's where it has one, so that a theme or a realm may replace the text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    pub key: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
}

impl Message {
    pub fn new(key: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            args: Vec::new(),
        }
    }

    /// The next argument.
    #[must_use]
    pub fn with(mut self, argument: impl Into<String>) -> Self {
        self.args.push(argument.into());
        self
    }
}

impl From<&str> for Message {
    fn from(key: &str) -> Self {
        Self::new(key)
    }
}
