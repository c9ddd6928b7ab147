use serde::Serialize;

use super::FieldErrors;

/// Sets up a device for one-time codes. Fields: `totp`, `userLabel`, `totpSecret`,
/// `logout-sessions`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LoginConfigTotp {
    /// Comes back with the form as `totpSecret`.
    pub secret: String,
    /// The secret in Base32, in groups, to be typed into the device.
    pub secret_encoded: String,
    /// The QR code as `data:image/…;base64,…`.
    pub qr_code: String,
    pub policy: OtpPolicy,
    /// Names of apps that know this policy.
    pub applications: Vec<String>,
    /// The user has a device already, so this one needs a label.
    pub label_required: bool,
    pub user_label: String,
    /// Whether the box for ending other sessions is ticked; None when it is not offered.
    #[serde(rename = "logout_sessions_ticked")]
    pub logout_sessions: Option<bool>,
    /// Fields: `totp`, `userLabel`.
    pub errors: FieldErrors,
}

/// The realm's policy for one-time codes, as people read it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct OtpPolicy {
    /// `totp` or `hotp`.
    pub kind: String,
    /// Such as `SHA1`.
    pub algorithm: String,
    pub digits: u32,
    /// Seconds; of `totp`.
    pub period: u32,
    /// Of `hotp`.
    pub initial_counter: u64,
}
