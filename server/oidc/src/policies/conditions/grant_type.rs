//! `grant-type`: how the client comes to its tokens.

use super::{Ask, Check, Condition, Config, Kind, NEGATIVE, PolicyEvent, Property, Vote};

const CODE: &str = "authorization_code";
const IMPLICIT: &str = "implicit";

pub(super) const CONDITION: Condition = Condition {
    id: "grant-type",
    help: "Holds for requests that use one of these grants.",
    properties: &[
        NEGATIVE,
        Property::new(
            "grant_types",
            "Grant Types",
            "Grants of OAuth 2.0; an authorization request counts as the grants that its response type begins.",
            Kind::Several {
                of: &[
                    CODE,
                    IMPLICIT,
                    "refresh_token",
                    "password",
                    "client_credentials",
                    "urn:ietf:params:oauth:grant-type:token-exchange",
                    "urn:ietf:params:oauth:grant-type:device_code",
                    "urn:ietf:params:oauth:grant-type:jwt-bearer",
                ],
                default: None,
            },
        ),
    ],
    vote: Ask::Now(vote),
};

fn vote(check: &Check<'_>, config: Config<'_>) -> Vote {
    let mut wanted = config.list("grant_types");
    wanted.extend(config.list("grantTypes"));
    let has = |grant: &str| Vote::of(wanted.contains(&grant));
    match check.event {
        PolicyEvent::Authorization => {
            let Some(request) = check.request else {
                return Vote::No;
            };
            let kind = request.response_type;
            Vote::of(
                (kind.code && wanted.contains(&CODE))
                    || (kind.is_front_channel() && wanted.contains(&IMPLICIT)),
            )
        }
        PolicyEvent::TokenRequest => has(CODE),
        PolicyEvent::TokenRefresh => has("refresh_token"),
        PolicyEvent::PasswordGrant => has("password"),
        PolicyEvent::ServiceAccountToken => has("client_credentials"),
        PolicyEvent::TokenExchange => has("urn:ietf:params:oauth:grant-type:token-exchange"),
        PolicyEvent::DeviceToken => has("urn:ietf:params:oauth:grant-type:device_code"),
        PolicyEvent::JwtAuthorizationGrant => has("urn:ietf:params:oauth:grant-type:jwt-bearer"),
        _ => Vote::Abstain,
    }
}
