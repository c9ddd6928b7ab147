use serde::Serialize;

/// Asks before signing out. Button: `confirmLogout`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LogoutConfirm {
    /// Proves that the answer comes from this page.
    pub session_code: String,
}
