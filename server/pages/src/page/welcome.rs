use serde::Serialize;

use super::FieldErrors;

/// What a server without an administrator shows at its root.
/// Fields: `username`, `password`, `passwordConfirmation`, `stateChecker`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Welcome {
    pub step: WelcomeStep,
    pub username: String,
    /// What the form sends back to show that it was shown here.
    pub state_checker: String,
    /// Where the admin console is, if there is one.
    pub admin_console: Option<String>,
    /// Fields: `username`, `password`, `passwordConfirmation`.
    pub errors: FieldErrors,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WelcomeStep {
    /// The form.
    #[default]
    Form,
    /// The request comes from elsewhere: nothing is asked.
    Remote,
    /// The administrator is there.
    Created,
}
