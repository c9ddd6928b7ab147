//! Claims that the authorization request asks for one by one (OpenID Connect Core section 5.5).

use super::mapper_type::MapperType;
use super::requested::PROFILE_CLAIMS;
use super::user_attribute::values;
use super::{Claims, Facts, Mapper, Target, typed};

pub(super) const TYPE: MapperType = MapperType::new(
    "oidc-claims-param-token-mapper",
    "Claims parameter Token",
    "Puts the claims that the request's 'claims' parameter names into ID token and UserInfo answer, from the user's profile.",
    &[Target::IdToken, Target::UserInfo],
    apply,
);

fn apply(_: &Mapper<'_>, facts: &Facts<'_>, claims: &mut Claims) {
    let Some(requested) = facts.requested else {
        return;
    };
    let wanted = requested.of(facts.target);
    for (name, attribute, kind) in PROFILE_CLAIMS {
        if !wanted.contains_key(name) || claims.values.contains_key(name) {
            continue;
        }
        let user = &facts.subject.user;
        let verified = (name == "email_verified").then(|| {
            let verified = user.email_verified.unwrap_or(false);
            serde_json::Value::from(verified)
        });
        let value = verified.or_else(|| typed(values(user, attribute).first()?, Some(kind)));
        if let Some(value) = value {
            claims.values.insert(name.to_owned(), value);
        }
    }
}
