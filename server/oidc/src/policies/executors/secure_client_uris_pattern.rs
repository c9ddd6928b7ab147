//! `secure-client-uris-pattern`: addresses of a client are like those that are allowed.

use realmkeep_representations::ClientRepresentation;

use super::jwt_claim_enforcer::whole;
use super::{
    Check, Config, Do, Executor, Kind, Outcome, Property, Violation, attribute, sets_up, uris,
};

const PATTERNS: &str = "allowed-patterns";
const FIELDS: &str = "client-uri-fields";
const ALL: &[&str] = &[
    "rootUrl",
    "adminUrl",
    "baseUrl",
    "redirectUris",
    "webOrigins",
    "jwksUri",
    "requestUris",
    "backchannelLogoutUrl",
    "postLogoutRedirectUris",
    "cibaClientNotificationEndpoint",
    "logoUri",
    "policyUri",
    "tosUri",
    "sectorIdentifierUri",
    "saml_assertion_consumer_url_post",
    "saml_assertion_consumer_url_redirect",
    "saml_artifact_binding_url",
    "saml_single_logout_service_url_post",
    "saml_single_logout_service_url_artifact",
    "saml_single_logout_service_url_redirect",
    "saml_single_logout_service_url_soap",
    "saml_artifact_resolution_service_url",
    "saml.metadataDescriptorUrl",
];

pub(super) const EXECUTOR: Executor = Executor::new(
    "secure-client-uris-pattern",
    "Addresses of clients have to match one of the patterns.",
    &[
        Property::new(
            PATTERNS,
            "Allowed URI Patterns",
            "Regular expressions for whole addresses; one has to match.",
            Kind::Texts(None),
        ),
        Property::new(
            FIELDS,
            "Client URI Fields to validate",
            "Which settings of clients are looked at; none stands for all.",
            Kind::Several {
                of: ALL,
                default: None,
            },
        ),
    ],
    Do::Now(run),
)
.valid_if(|config| {
    config
        .list(PATTERNS)
        .iter()
        .all(|text| whole(text).is_some())
});

fn run(check: &mut Check<'_>, config: Config<'_>) -> Outcome {
    let Some(client) = check.proposed.as_deref().filter(|_| sets_up(check.event)) else {
        return Ok(());
    };
    let patterns: Vec<regex::Regex> = config
        .list(PATTERNS)
        .into_iter()
        .filter_map(whole)
        .collect();
    let chosen = config.list(FIELDS);
    let looked_at = ALL
        .iter()
        .filter(|field| chosen.is_empty() || chosen.contains(*field));
    for field in looked_at {
        for uri in values(client, field) {
            if patterns.is_empty() {
                let text = format!("Invalid {field}: No valid allowed patterns configured");
                return Err(Violation::metadata(text));
            }
            if !patterns.iter().any(|pattern| pattern.is_match(uri)) {
                return Err(Violation::metadata(format!("Invalid {field}")));
            }
        }
    }
    Ok(())
}

fn values<'a>(client: &'a ClientRepresentation, field: &str) -> Vec<&'a str> {
    let one = |value: Option<&'a str>| value.filter(|v| !v.is_empty()).into_iter().collect();
    let list = |value: &'a Option<Vec<String>>| {
        let all = value.iter().flatten().map(String::as_str);
        all.filter(|v| !v.is_empty()).collect()
    };
    match field {
        "rootUrl" => one(client.root_url.as_deref()),
        "adminUrl" => one(client.admin_url.as_deref()),
        "baseUrl" => one(client.base_url.as_deref()),
        "redirectUris" => list(&client.redirect_uris),
        "webOrigins" => list(&client.web_origins),
        "jwksUri" => one(attribute(client, "jwks.url")),
        "requestUris" => uris::attribute_list(client, "request.uris"),
        "backchannelLogoutUrl" => one(attribute(client, "backchannel.logout.url")),
        "postLogoutRedirectUris" => uris::attribute_list(client, "post.logout.redirect.uris"),
        "cibaClientNotificationEndpoint" => one(attribute(
            client,
            "ciba.backchannel.client.notification.endpoint",
        )),
        "sectorIdentifierUri" => one(attribute(client, "sectorIdentifierUri")),
        // The others are named as their attributes are.
        attribute_name => one(attribute(client, attribute_name)),
    }
}
