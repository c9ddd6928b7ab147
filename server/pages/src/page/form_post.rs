use serde::Serialize;

/// Hands the answer over to the application at `Frame::action` as a form (OAuth 2.0 Form Post
/// Response Mode).
#[derive(Clone, Debug, Default, Serialize)]
pub struct FormPost {
    pub fields: Vec<FormField>,
}

/// One hidden field.
#[derive(Clone, Debug, Serialize)]
pub struct FormField {
    pub name: String,
    pub value: String,
}
