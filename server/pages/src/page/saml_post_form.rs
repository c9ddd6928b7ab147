use serde::Serialize;

/// Hands a SAML message over to `Frame::action` (HTTP POST binding).
#[derive(Clone, Debug, Default, Serialize)]
pub struct SamlPostForm {
    pub saml_request: Option<String>,
    pub saml_response: Option<String>,
    pub relay_state: Option<String>,
}
