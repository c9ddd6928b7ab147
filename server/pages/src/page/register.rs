use serde::Serialize;

use super::{FieldErrors, ProfileField};

/// The registration form.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Register {
    pub fields: Vec<ProfileField>,
    /// Whether a password is asked for: fields `password`, `password-confirm`.
    pub password: bool,
    /// Whether the terms are shown and must be accepted: field `termsAccepted`.
    pub terms: bool,
    pub captcha: Option<Captcha>,
    /// Fields: `password`, `password-confirm`, `termsAccepted`; those of the profile are with them.
    pub errors: FieldErrors,
}

/// Google's widget, its answer comes in the field `g-recaptcha-response`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Captcha {
    pub site_key: String,
    /// Address of Google's script.
    pub script: String,
    /// Origins that the page must let in, for the Content-Security-Policy.
    pub origins: Vec<String>,
    /// Scores without a box to tick (v3).
    pub invisible: bool,
    /// What the score is for (v3).
    pub action: String,
}
