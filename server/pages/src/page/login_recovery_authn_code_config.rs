use serde::Serialize;

/// Shows new recovery codes once. Fields: `generatedRecoveryAuthnCodes`, `generatedAt`,
/// `userLabel`, `kcRecoveryCodesConfirmationCheck`, `logout-sessions`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LoginRecoveryAuthnCodeConfig {
    /// The codes, as they are typed in.
    pub codes: Vec<String>,
    /// Milliseconds since 1970.
    pub generated_at: i64,
    /// What comes back with the form, instead of the codes in plain text where that is sealed.
    pub generated: String,
    pub user_label: String,
    /// Whether the box for ending other sessions is ticked; None when it is not offered.
    #[serde(rename = "logout_sessions_ticked")]
    pub logout_sessions: Option<bool>,
}
