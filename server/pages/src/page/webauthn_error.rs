use serde::Serialize;

/// A security key did not work. The form tries again: fields `executionValue`, `isSetRetry`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct WebauthnError {
    /// Id of the execution to repeat.
    pub execution: String,
}
