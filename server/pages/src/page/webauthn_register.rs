use serde::Serialize;

/// Registers a security key or passkey. Fields: `clientDataJSON`, `attestationObject`,
/// `publicKeyCredentialId`, `authenticatorLabel`, `transports`, `authenticatorAttachment`,
/// `residentKey`, `error`, `logout-sessions`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct WebauthnRegister {
    /// `PublicKeyCredentialCreationOptions` as JSON, binary parts in Base64url
    /// (WebAuthn Level 3 section 5.1.9).
    pub options: String,
    /// It replaces the password (passkey), rather than to be a second factor.
    pub passwordless: bool,
    #[serde(rename = "logout_sessions_ticked")]
    pub logout_sessions: Option<bool>,
}
