use serde::Serialize;

/// The terms and conditions (text `termsText`). Buttons: `accept`, `cancel`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Terms {}
