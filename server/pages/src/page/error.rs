use serde::Serialize;

use crate::Message;

/// Something went wrong and there is no application to tell it to.
#[derive(Clone, Debug, Serialize)]
pub struct Error {
    pub message: Message,
}
