use serde::Serialize;

/// Asks for a security key or passkey. Fields: `clientDataJSON`, `authenticatorData`, `signature`,
/// `credentialId`, `userHandle`, `error`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct WebauthnAuthenticate {
    pub request: PasskeyRequest,
    /// The user's keys by label, shown as a list.
    pub keys: Vec<AllowedKey>,
}

/// What the browser is asked for (`PublicKeyCredentialRequestOptions`).
#[derive(Clone, Debug, Default, Serialize)]
pub struct PasskeyRequest {
    /// Base64url.
    pub challenge: String,
    pub rp_id: String,
    /// `required`, `preferred`, `discouraged`, or empty.
    pub user_verification: String,
    /// Seconds; 0 leaves it to the browser.
    pub timeout: u32,
    /// How the browser offers keys by itself while a form waits: `conditional`, `optional`, `required`,
    /// `silent`; empty: not at all.
    pub mediation: String,
    /// Ids of credentials, Base64url; empty for discoverable ones.
    pub allowed: Vec<String>,
}

/// One registered key.
#[derive(Clone, Debug, Default, Serialize)]
pub struct AllowedKey {
    pub label: String,
    /// When it was registered, as text.
    pub created: String,
}
