use serde::Serialize;

/// Asks before a credential is removed. Buttons: `accept`, `cancel-aia`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct DeleteCredential {
    /// The user's label for it, or its kind.
    pub label: String,
}
