//! Properties of the user that are no attributes.

use super::mapper_type::{MapperType, Property};
use super::user_attribute::values;
use super::{Claims, EVERYWHERE, Facts, Mapper};

pub(super) const TYPE: MapperType = MapperType {
    named: true,
    own: &[Property::text(
        "user.attribute",
        "usermodel.prop.label",
        "Name of the property: id, username, email, emailVerified, firstName, lastName, enabled.",
    )],
    ..MapperType::new(
        "oidc-usermodel-property-mapper",
        "User Property",
        "Puts a built-in property of the user into a claim.",
        EVERYWHERE,
        apply,
    )
};

fn apply(mapper: &Mapper<'_>, facts: &Facts<'_>, claims: &mut Claims) {
    let user = &facts.subject.user;
    let text = match mapper.config("user.attribute").unwrap_or_default() {
        "id" => user.id.clone(),
        "emailVerified" => Some(user.email_verified.unwrap_or(false).to_string()),
        "enabled" => Some(user.enabled.unwrap_or(false).to_string()),
        "createdTimestamp" => user.created_timestamp.map(|millis| millis.to_string()),
        "federationLink" => user.federation_link.clone(),
        "serviceAccountClientLink" => user.service_account_client_id.clone(),
        basic @ ("username" | "email" | "firstName" | "lastName") => {
            values(user, basic).first().map(|value| (*value).to_owned())
        }
        _ => None,
    };
    if let Some(text) = text {
        mapper.put(claims, &[text.as_str()]);
    }
}
