//! The `claims` parameter of an authorization request (OpenID Connect Core section 5.5).

use serde_json::{Map, Value};

use super::Target;

/// The note of a client session that holds the parameter as it was sent.
pub const NOTE: &str = "claims";
/// Longest parameter, and most claims it may name in one place.
const MAX_BYTES: usize = 4_096;
const MAX_CLAIMS: usize = 50;

/// Standard claims (section 5.1) with the user attribute each comes from, and its JSON type.
pub(super) const PROFILE_CLAIMS: [(&str, &str, &str); 18] = [
    ("name", "name", "String"),
    ("given_name", "firstName", "String"),
    ("family_name", "lastName", "String"),
    ("middle_name", "middleName", "String"),
    ("nickname", "nickname", "String"),
    ("preferred_username", "username", "String"),
    ("profile", "profile", "String"),
    ("picture", "picture", "String"),
    ("website", "website", "String"),
    ("email", "email", "String"),
    ("email_verified", "emailVerified", "boolean"),
    ("gender", "gender", "String"),
    ("birthdate", "birthdate", "String"),
    ("zoneinfo", "zoneinfo", "String"),
    ("locale", "locale", "String"),
    ("phone_number", "phoneNumber", "String"),
    ("phone_number_verified", "phoneNumberVerified", "boolean"),
    ("updated_at", "updatedAt", "long"),
];

/// The parameter, parsed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClaimsRequest {
    id_token: Map<String, Value>,
    userinfo: Map<String, Value>,
}

impl ClaimsRequest {
    /// None when it is not a JSON object of the wanted shape, or too large.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_BYTES {
            return None;
        }
        let Ok(Value::Object(mut all)) = serde_json::from_str(text) else {
            return None;
        };
        let mut part = |name: &str| match all.remove(name) {
            None | Some(Value::Null) => Some(Map::new()),
            Some(Value::Object(claims)) if claims.len() <= MAX_CLAIMS => claims
                .values()
                .all(|claim| claim.is_null() || claim.is_object())
                .then_some(claims),
            Some(_) => None,
        };
        Some(Self {
            id_token: part("id_token")?,
            userinfo: part("userinfo")?,
        })
    }

    /// What is asked for there, by name of the claim.
    pub fn of(&self, target: Target) -> &Map<String, Value> {
        match target {
            Target::UserInfo => &self.userinfo,
            _ => &self.id_token,
        }
    }

    /// The values that are asked for of a claim of the ID token, and whether one of them is essential.
    pub fn values(&self, claim: &str) -> (Vec<&str>, bool) {
        let Some(asked) = self.id_token.get(claim) else {
            return (Vec::new(), false);
        };
        let one = asked.get("value").and_then(Value::as_str);
        let several = asked.get("values").and_then(Value::as_array);
        let several = several.into_iter().flatten().filter_map(Value::as_str);
        let essential = asked.get("essential") == Some(&Value::Bool(true));
        (one.into_iter().chain(several).collect(), essential)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_parameters_are_no_request() {
        for bad in [
            "",
            "[]",
            "1",
            r#"{"id_token":[]}"#,
            r#"{"userinfo":{"a":1}}"#,
            r#"{"id_token":"#,
        ] {
            assert_eq!(ClaimsRequest::parse(bad), None, "{bad}");
        }
        let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
        assert_eq!(ClaimsRequest::parse(&deep), None);
        let many: Vec<String> = (0..51).map(|i| format!("\"c{i}\":null")).collect();
        let many = format!("{{\"id_token\":{{{}}}}}", many.join(","));
        assert_eq!(ClaimsRequest::parse(&many), None);
        assert_eq!(ClaimsRequest::parse(&" ".repeat(4_097)), None);
    }

    #[test]
    fn essential_values_are_found() {
        let text =
            r#"{"id_token":{"acr":{"essential":true,"values":["gold","silver"]},"email":null}}"#;
        let request = ClaimsRequest::parse(text).unwrap();
        assert_eq!(request.values("acr"), (vec!["gold", "silver"], true));
        assert_eq!(request.values("email"), (vec![], false));
        assert!(request.of(Target::UserInfo).is_empty());
    }
}
