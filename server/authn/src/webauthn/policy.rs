use realmkeep_representations::RealmRepresentation;
use realmkeep_webauthn::{Aaguid, Algorithm, Conveyance, RelyingParty};

use super::Kind;
use crate::Services;

/// Algorithms, models and origins of a policy, at most.
const MAX_LISTED: usize = 1000;
/// Longest time that a browser waits, in seconds.
const MAX_TIMEOUT: i32 = 31_536;

/// What a realm asks of keys of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebauthnPolicy {
    /// What people are shown.
    pub name: String,
    pub relying_party: RelyingParty,
    pub algorithms: Vec<Algorithm>,
    pub conveyance: Conveyance,
    /// `platform` or `cross-platform`, where only one will do.
    pub attachment: Option<&'static str>,
    /// Whether the key finds its user by itself: `required`, `preferred`, `discouraged`.
    pub resident_key: Option<&'static str>,
    /// `required`, `preferred`, `discouraged`.
    pub user_verification: Option<&'static str>,
    /// Seconds that the browser waits; 0 leaves it to the browser.
    pub timeout: u32,
    /// Whether a key is registered once only.
    pub avoid_same: bool,
    /// None: all models.
    pub aaguids: Option<Vec<Aaguid>>,
}

impl WebauthnPolicy {
    pub fn of(services: &Services, realm: &RealmRepresentation, kind: Kind) -> Self {
        let given = Given::of(realm, kind);
        let id = given.rp_id.trim().to_ascii_lowercase();
        let base = &services.base_url;
        let mut origins = vec![base.origin()];
        let more = given.extra_origins.iter().take(MAX_LISTED);
        origins.extend(more.map(|origin| origin.trim_end_matches('/').to_owned()));
        let mut algorithms: Vec<Algorithm> = given
            .algorithms
            .iter()
            .take(MAX_LISTED)
            .filter_map(|name| Algorithm::from_name(name))
            .collect();
        if algorithms.is_empty() {
            algorithms = vec![Algorithm::Es256, Algorithm::Rs256];
        }
        let aaguids: Vec<Aaguid> = given
            .aaguids
            .iter()
            .take(MAX_LISTED)
            .filter_map(|text| text.parse().ok())
            .collect();
        // What the newer setting leaves open, the older one may say.
        let resident_key = choice(given.resident_key, &PREFERENCES);
        let resident_key = resident_key.or(match given.require_resident_key {
            "Yes" => Some("required"),
            "No" => Some("discouraged"),
            _ => None,
        });
        Self {
            name: given.rp_name.to_owned(),
            relying_party: RelyingParty {
                id: if id.is_empty() { base.host() } else { id },
                origins,
            },
            algorithms,
            conveyance: match given.conveyance {
                "indirect" => Conveyance::Indirect,
                "direct" => Conveyance::Direct,
                "enterprise" => Conveyance::Enterprise,
                _ => Conveyance::None,
            },
            attachment: choice(given.attachment, &["platform", "cross-platform"]),
            resident_key,
            user_verification: choice(given.user_verification, &PREFERENCES),
            timeout: u32::try_from(given.timeout.min(MAX_TIMEOUT)).unwrap_or(0),
            avoid_same: given.avoid_same,
            // A list of which nothing can be read accepts nothing.
            aaguids: (!given.aaguids.is_empty()).then_some(aaguids),
        }
    }

    /// Whether the user has to be verified, not only present.
    pub fn verifies_user(&self) -> bool {
        self.user_verification == Some("required")
    }

    /// As browsers are told (section 5.4.7).
    pub fn attestation(&self) -> &'static str {
        match self.conveyance {
            Conveyance::None => "none",
            Conveyance::Indirect => "indirect",
            Conveyance::Direct => "direct",
            Conveyance::Enterprise => "enterprise",
        }
    }
}

/// The first of the realm's settings that names nothing this server knows: the field, and what was
/// expected. Such a setting would be passed over silently, and a policy be laxer than it looks.
pub fn problem(realm: &RealmRepresentation) -> Option<String> {
    let of_kind = [Kind::TwoFactor, Kind::Passwordless]
        .into_iter()
        .find_map(|kind| Given::of(realm, kind).problem(kind));
    of_kind.or_else(|| {
        let mediation = realm.web_authn_policy_passwordless_mediation.as_deref();
        let known = super::passkeys::MEDIATIONS;
        let unknown = mediation.is_some_and(|m| !m.is_empty() && !known.contains(&m));
        let expected = known.join(", ");
        unknown
            .then(|| format!("webAuthnPolicyPasswordlessMediation: one of {expected} was expected"))
    })
}

const PREFERENCES: [&str; 3] = ["required", "preferred", "discouraged"];

fn choice(given: &str, known: &[&'static str]) -> Option<&'static str> {
    known.iter().copied().find(|one| *one == given)
}

/// The settings of one kind, as the realm has them.
struct Given<'a> {
    rp_name: &'a str,
    rp_id: &'a str,
    algorithms: &'a [String],
    conveyance: &'a str,
    attachment: &'a str,
    require_resident_key: &'a str,
    resident_key: &'a str,
    user_verification: &'a str,
    timeout: i32,
    avoid_same: bool,
    aaguids: &'a [String],
    extra_origins: &'a [String],
}

impl Given<'_> {
    fn problem(&self, kind: Kind) -> Option<String> {
        let prefix = match kind {
            Kind::TwoFactor => "webAuthnPolicy",
            Kind::Passwordless => "webAuthnPolicyPasswordless",
        };
        let unknown = |field: &str, given: &str, known: &[&str]| {
            let open = given.is_empty() || given == "not specified";
            let expected = known.join(", ");
            (!open && !known.contains(&given))
                .then(|| format!("{prefix}{field}: one of {expected} was expected"))
        };
        let wrong = |field: &str, is_wrong: bool, expected: &str| {
            is_wrong.then(|| format!("{prefix}{field}: {expected}"))
        };
        let algorithms = Algorithm::ALL.map(Algorithm::name);
        let listed = self.algorithms.iter();
        let id = self.rp_id.trim();
        let is_host = |id: &str| {
            let url = url::Url::parse(&format!("https://{id}"));
            url.is_ok_and(|url| url.host_str() == Some(&id.to_ascii_lowercase()))
        };
        listed
            .into_iter()
            .find_map(|name| unknown("SignatureAlgorithms", name, &algorithms))
            .or_else(|| {
                let known = ["none", "indirect", "direct", "enterprise"];
                unknown("AttestationConveyancePreference", self.conveyance, &known)
            })
            .or_else(|| {
                let known = ["platform", "cross-platform"];
                unknown("AuthenticatorAttachment", self.attachment, &known)
            })
            .or_else(|| {
                unknown(
                    "RequireResidentKey",
                    self.require_resident_key,
                    &["Yes", "No"],
                )
            })
            .or_else(|| unknown("ResidentKey", self.resident_key, &PREFERENCES))
            .or_else(|| {
                unknown(
                    "UserVerificationRequirement",
                    self.user_verification,
                    &PREFERENCES,
                )
            })
            .or_else(|| {
                let is_wrong = !(0..=MAX_TIMEOUT).contains(&self.timeout);
                let expected = "seconds, from 0 to 31536, were expected";
                wrong("CreateTimeout", is_wrong, expected)
            })
            .or_else(|| {
                let is_wrong = self.aaguids.iter().any(|a| a.parse::<Aaguid>().is_err());
                let expected = "AAGUIDs such as 01020304-0506-0708-090a-0b0c0d0e0f10 were expected";
                wrong("AcceptableAaguids", is_wrong, expected)
            })
            .or_else(|| {
                let expected = "a domain such as example.com was expected";
                wrong("RpId", !id.is_empty() && !is_host(id), expected)
            })
            .or_else(|| {
                let is_origin = |o: &String| o.contains(':') && !o.contains(char::is_whitespace);
                let expected = "origins such as https://example.com were expected";
                wrong(
                    "ExtraOrigins",
                    !self.extra_origins.iter().all(is_origin),
                    expected,
                )
            })
    }
}

impl<'a> Given<'a> {
    fn of(realm: &'a RealmRepresentation, kind: Kind) -> Self {
        fn text(value: Option<&String>) -> &str {
            value.map_or("", String::as_str)
        }
        fn list(value: Option<&Vec<String>>) -> &[String] {
            value.map_or(&[], Vec::as_slice)
        }
        let mut given = match kind {
            Kind::TwoFactor => Self {
                rp_name: text(realm.web_authn_policy_rp_entity_name.as_ref()),
                rp_id: text(realm.web_authn_policy_rp_id.as_ref()),
                algorithms: list(realm.web_authn_policy_signature_algorithms.as_ref()),
                conveyance: text(
                    realm
                        .web_authn_policy_attestation_conveyance_preference
                        .as_ref(),
                ),
                attachment: text(realm.web_authn_policy_authenticator_attachment.as_ref()),
                require_resident_key: text(realm.web_authn_policy_require_resident_key.as_ref()),
                resident_key: text(realm.web_authn_policy_resident_key.as_ref()),
                user_verification: text(
                    realm
                        .web_authn_policy_user_verification_requirement
                        .as_ref(),
                ),
                timeout: realm.web_authn_policy_create_timeout.unwrap_or(0),
                avoid_same: realm.web_authn_policy_avoid_same_authenticator_register == Some(true),
                aaguids: list(realm.web_authn_policy_acceptable_aaguids.as_ref()),
                extra_origins: list(realm.web_authn_policy_extra_origins.as_ref()),
            },
            Kind::Passwordless => Self {
                rp_name: text(realm.web_authn_policy_passwordless_rp_entity_name.as_ref()),
                rp_id: text(realm.web_authn_policy_passwordless_rp_id.as_ref()),
                algorithms: list(
                    realm
                        .web_authn_policy_passwordless_signature_algorithms
                        .as_ref(),
                ),
                conveyance: text(
                    realm
                        .web_authn_policy_passwordless_attestation_conveyance_preference
                        .as_ref(),
                ),
                attachment: text(
                    realm
                        .web_authn_policy_passwordless_authenticator_attachment
                        .as_ref(),
                ),
                require_resident_key: text(
                    realm
                        .web_authn_policy_passwordless_require_resident_key
                        .as_ref(),
                ),
                resident_key: text(realm.web_authn_policy_passwordless_resident_key.as_ref()),
                user_verification: text(
                    realm
                        .web_authn_policy_passwordless_user_verification_requirement
                        .as_ref(),
                ),
                timeout: realm
                    .web_authn_policy_passwordless_create_timeout
                    .unwrap_or(0),
                avoid_same: realm.web_authn_policy_passwordless_avoid_same_authenticator_register
                    == Some(true),
                aaguids: list(
                    realm
                        .web_authn_policy_passwordless_acceptable_aaguids
                        .as_ref(),
                ),
                extra_origins: list(realm.web_authn_policy_passwordless_extra_origins.as_ref()),
            },
        };
        if given.rp_name.trim().is_empty() {
            given.rp_name = "keycloak";
        }
        given
    }
}
