use serde::Serialize;

/// Asks before the account and all of its data are removed. Button: `cancel-aia` keeps it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct DeleteAccountConfirm {}
