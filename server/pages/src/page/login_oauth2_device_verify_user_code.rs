use serde::Serialize;

/// Asks for the code that a device shows. Field: `device_user_code`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LoginOauth2DeviceVerifyUserCode {
    /// What was typed in, or came with the address.
    pub user_code: String,
}
