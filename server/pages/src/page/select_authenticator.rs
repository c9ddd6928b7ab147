use serde::Serialize;

/// Offers other ways to prove who one is. Field: `authenticationExecution`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SelectAuthenticator {
    pub choices: Vec<AuthenticatorChoice>,
}

/// One way.
#[derive(Clone, Debug, Serialize)]
pub struct AuthenticatorChoice {
    /// Id of the execution.
    pub execution: String,
    /// Message key of its name, such as `otp-display-name`.
    pub name: String,
    /// Message key of its help text, such as `otp-help-text`.
    pub help: String,
}
