//! The authorization request, as it travels with a login under way (RFC 6749 §4.1.1, OpenID
//! Connect Core §3.1.2.1).

use serde::{Deserialize, Serialize};

/// What an authorization request asks for, after its client and redirect URI were found right.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    /// The clientId.
    #[serde(rename = "c")]
    pub client_id: String,
    #[serde(rename = "r")]
    pub redirect_uri: String,
    #[serde(rename = "t", default)]
    pub response_type: ResponseType,
    #[serde(rename = "m")]
    pub response_mode: ResponseMode,
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Requested and allowed scope, space separated.
    #[serde(rename = "o")]
    pub scope: String,
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    pub code_challenge: Option<String>,
    /// `S256` or `plain`.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub code_challenge_method: Option<String>,
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    pub login_hint: Option<String>,
    /// The user who must prove again who they are (`prompt=login`, `max_age`), by session.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub reauthenticate: Option<String>,
    #[serde(rename = "w", default, skip_serializing_if = "Prompt::is_empty")]
    pub prompt: Prompt,
    /// Longest time since the last proof, in seconds; the client's default where it did not ask.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<i64>,
    /// Authentication context classes, the preferred one first: those of the `claims` parameter, or
    /// of `acr_values`, or the client's default.
    #[serde(rename = "k", default, skip_serializing_if = "Vec::is_empty")]
    pub acr_values: Vec<String>,
    /// One of `acr_values` has to be reached; otherwise it is a wish.
    #[serde(rename = "e", default, skip_serializing_if = "is_false")]
    pub acr_essential: bool,
    /// The `claims` parameter as it was sent, found well-formed (OpenID Connect Core §5.5).
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub claims: Option<String>,
    /// Languages as the client asks for them, space separated (BCP 47).
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub ui_locales: Option<String>,
    /// Alias of the identity provider to go to at once (`kc_idp_hint`).
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub idp_hint: Option<String>,
    /// The required action that the application asks for, as `name` or `name:parameter`
    /// (`kc_action`).
    #[serde(rename = "q", default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// What became of `action`: `success`, `cancelled` or `error` (`kc_action_status`).
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub action_status: Option<String>,
    /// The `acr` that the login reached; set when it ends.
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// RFC 7638 thumbprint of the key that tokens have to be bound to (RFC 9449 §10).
    #[serde(rename = "j", default, skip_serializing_if = "Option::is_none")]
    pub dpop_jkt: Option<String>,
    /// The device that is let in at the end, instead of an answer to an application; by the id of
    /// its pending grant (RFC 8628 §3.3).
    #[serde(rename = "y", default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Alias of the flow that a client policy chose for the login, and the level that it reaches by its
    /// end.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub flow: Option<String>,
    #[serde(rename = "g", default, skip_serializing_if = "Option::is_none")]
    pub flow_level: Option<i64>,
    /// The `sub` that the login has to end with (`id_token_hint`, `claims`).
    #[serde(rename = "z", default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

/// What is handed out (OAuth 2.0 Multiple Response Type Encoding Practices); nothing of it: `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseType {
    #[serde(rename = "c", default, skip_serializing_if = "is_false")]
    pub code: bool,
    #[serde(rename = "t", default, skip_serializing_if = "is_false")]
    pub token: bool,
    #[serde(rename = "i", default, skip_serializing_if = "is_false")]
    pub id_token: bool,
}

impl ResponseType {
    pub const CODE: Self = Self {
        code: true,
        token: false,
        id_token: false,
    };

    /// Nothing is handed out.
    pub const NONE: Self = Self {
        code: false,
        token: false,
        id_token: false,
    };

    /// As metadata lists them.
    pub const NAMES: [&'static str; 8] = [
        "code",
        "none",
        "id_token",
        "token",
        "id_token token",
        "code id_token",
        "code token",
        "code id_token token",
    ];

    /// From the parameter, in any order; None when it is not one that is known.
    pub fn parse(text: &str) -> Option<Self> {
        let mut kind = Self::NONE;
        if text == "none" {
            return Some(kind);
        }
        for part in text.split(' ').filter(|part| !part.is_empty()) {
            let seen = match part {
                "code" => &mut kind.code,
                "token" => &mut kind.token,
                "id_token" => &mut kind.id_token,
                _ => return None,
            };
            if std::mem::replace(seen, true) {
                return None;
            }
        }
        (kind.code || kind.token || kind.id_token).then_some(kind)
    }

    /// As metadata lists it.
    pub fn name(self) -> String {
        let parts = [
            (self.code, "code"),
            (self.id_token, "id_token"),
            (self.token, "token"),
        ];
        let named: Vec<&str> = parts
            .into_iter()
            .filter_map(|(is, name)| is.then_some(name))
            .collect();
        match named.is_empty() {
            true => "none".to_owned(),
            false => named.join(" "),
        }
    }

    /// Whether tokens pass through the browser: the implicit and hybrid flows.
    pub fn is_front_channel(self) -> bool {
        self.token || self.id_token
    }
}

impl Default for ResponseType {
    fn default() -> Self {
        Self::CODE
    }
}

/// How the answer gets to the application (OAuth 2.0 Multiple Response Types, Form Post Response
/// Mode, JARM).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResponseMode {
    #[default]
    #[serde(rename = "q")]
    Query,
    #[serde(rename = "f")]
    Fragment,
    #[serde(rename = "p")]
    FormPost,
    #[serde(rename = "qj")]
    QueryJwt,
    #[serde(rename = "fj")]
    FragmentJwt,
    #[serde(rename = "pj")]
    FormPostJwt,
}

impl ResponseMode {
    /// As metadata lists them.
    pub const NAMES: [&'static str; 7] = [
        "query",
        "fragment",
        "form_post",
        "query.jwt",
        "fragment.jwt",
        "form_post.jwt",
        "jwt",
    ];

    /// From the parameter, with the response type's own for `jwt` and for none; None when it is not
    /// one that is known.
    pub fn parse(text: Option<&str>, kind: ResponseType) -> Option<Self> {
        let front = kind.is_front_channel();
        Some(match text {
            None if front => Self::Fragment,
            None | Some("query") => Self::Query,
            Some("fragment") => Self::Fragment,
            Some("form_post") => Self::FormPost,
            Some("jwt") if front => Self::FragmentJwt,
            Some("jwt" | "query.jwt") => Self::QueryJwt,
            Some("fragment.jwt") => Self::FragmentJwt,
            Some("form_post.jwt") => Self::FormPostJwt,
            Some(_) => return None,
        })
    }

    /// As metadata lists it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Fragment => "fragment",
            Self::FormPost => "form_post",
            Self::QueryJwt => "query.jwt",
            Self::FragmentJwt => "fragment.jwt",
            Self::FormPostJwt => "form_post.jwt",
        }
    }

    /// Whether the answer is one signed token (JARM).
    pub fn is_jwt(self) -> bool {
        matches!(self, Self::QueryJwt | Self::FragmentJwt | Self::FormPostJwt)
    }

    /// Whether servers and their logs see the answer as part of an address.
    pub fn is_query(self) -> bool {
        matches!(self, Self::Query | Self::QueryJwt)
    }

    pub fn is_form_post(self) -> bool {
        matches!(self, Self::FormPost | Self::FormPostJwt)
    }
}

/// What the person is to be asked (OpenID Connect Core §3.1.2.1, Initiating User Registration).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    /// Nothing at all.
    #[serde(rename = "n", default, skip_serializing_if = "is_false")]
    pub none: bool,
    /// To prove again who they are.
    #[serde(rename = "l", default, skip_serializing_if = "is_false")]
    pub login: bool,
    /// To consent, even if they did before.
    #[serde(rename = "c", default, skip_serializing_if = "is_false")]
    pub consent: bool,
    /// Which account to use.
    #[serde(rename = "s", default, skip_serializing_if = "is_false")]
    pub select_account: bool,
    /// To register.
    #[serde(rename = "r", default, skip_serializing_if = "is_false")]
    pub create: bool,
}

impl Prompt {
    /// As metadata lists them.
    pub const NAMES: [&'static str; 4] = ["none", "login", "consent", "select_account"];

    /// From the parameter. Values that are not known are left out, as OAuth has it for parameters.
    pub fn parse(text: &str) -> Self {
        let mut prompt = Self::default();
        for part in text.split(' ') {
            match part {
                "none" => prompt.none = true,
                "login" => prompt.login = true,
                "consent" => prompt.consent = true,
                "select_account" => prompt.select_account = true,
                "create" => prompt.create = true,
                _ => {}
            }
        }
        prompt
    }

    /// `none` together with something that has to be shown.
    pub fn contradicts_itself(self) -> bool {
        self.none && (self.login || self.consent || self.select_account || self.create)
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn response_types_are_sets() {
        for name in ResponseType::NAMES {
            assert!(ResponseType::parse(name).is_some(), "{name}");
        }
        assert_eq!(
            ResponseType::parse("token code"),
            ResponseType::parse("code token")
        );
        for bad in [
            "",
            " ",
            "code code",
            "none code",
            "code none",
            "CODE",
            "foo",
        ] {
            assert_eq!(ResponseType::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn response_modes_follow_the_response_type() {
        let hybrid = ResponseType::parse("code id_token").unwrap();
        let code = ResponseType::CODE;
        assert_eq!(ResponseMode::parse(None, code), Some(ResponseMode::Query));
        assert_eq!(
            ResponseMode::parse(None, hybrid),
            Some(ResponseMode::Fragment)
        );
        assert_eq!(
            ResponseMode::parse(Some("jwt"), code),
            Some(ResponseMode::QueryJwt)
        );
        assert_eq!(
            ResponseMode::parse(Some("jwt"), hybrid),
            Some(ResponseMode::FragmentJwt)
        );
        assert_eq!(ResponseMode::parse(Some("Query"), code), None);
        for name in ResponseMode::NAMES {
            assert!(ResponseMode::parse(Some(name), code).is_some(), "{name}");
        }
    }
}
