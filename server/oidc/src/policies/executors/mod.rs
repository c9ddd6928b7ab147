//! Executors of policies: one file each, one line each in [`EXECUTORS`].

mod auth_flow_enforcer;
mod confidential_client;
mod consent_required;
mod downscope_assertion_grant_enforcer;
mod dpop_bind_enforcer;
mod full_scope_disabled;
mod holder_of_key_enforcer;
mod intent_client_bind_checker;
mod jwt_claim_enforcer;
mod pkce_enforcer;
mod registration_access_token_rotation_disabled;
mod reject_implicit_grant;
mod reject_request;
mod reject_ropc_grant;
mod saml_avoid_redirect;
mod saml_secure_client_uris;
mod saml_signature_enforcer;
mod secret_rotation;
mod secure_ciba_req_sig_algorithm;
mod secure_ciba_session;
mod secure_ciba_signed_authn_req;
mod secure_client_authentication_assertion;
mod secure_client_authenticator;
mod secure_client_uris;
mod secure_client_uris_pattern;
mod secure_logout;
mod secure_par_content;
mod secure_redirect_uris_enforcer;
mod secure_request_object;
mod secure_response_type;
mod secure_session;
mod secure_signature_algorithm;
mod secure_signature_algorithm_signed_jwt;
mod suppress_refresh_token_rotation;
mod tls_client_auth_ca_subject_dn;
mod use_lightweight_access_token;

use std::pin::Pin;

use super::check::{Check, PolicyEvent, Violation};
use super::config::Config;
use super::property::{AUTO_CONFIGURE, AUTO_CONFIGURE_ON, Kind, Property};
use super::uris::{self, attribute, set_attribute};

pub(super) type Outcome = Result<(), Violation>;
pub(super) type Doing<'f> = Pin<Box<dyn Future<Output = Outcome> + Send + 'f>>;

/// How it does its work.
#[derive(Clone, Copy)]
pub(super) enum Do {
    Now(fn(&mut Check<'_>, Config<'_>) -> Outcome),
    /// It has to wait for something.
    Later(for<'f> fn(&'f mut Check<'_>, Config<'f>) -> Doing<'f>),
}

/// A kind of executor.
pub(super) struct Executor {
    pub id: &'static str,
    pub help: &'static str,
    pub properties: &'static [Property],
    /// Whether it can work with these settings.
    pub is_valid: fn(Config<'_>) -> bool,
    pub run: Do,
}

impl Executor {
    const fn new(
        id: &'static str,
        help: &'static str,
        properties: &'static [Property],
        run: Do,
    ) -> Self {
        Self {
            id,
            help,
            properties,
            is_valid: |_| true,
            run,
        }
    }

    const fn valid_if(mut self, is_valid: fn(Config<'_>) -> bool) -> Self {
        self.is_valid = is_valid;
        self
    }
}

pub(super) static EXECUTORS: &[Executor] = &[
    auth_flow_enforcer::EXECUTOR,
    confidential_client::EXECUTOR,
    consent_required::EXECUTOR,
    downscope_assertion_grant_enforcer::EXECUTOR,
    dpop_bind_enforcer::EXECUTOR,
    full_scope_disabled::EXECUTOR,
    holder_of_key_enforcer::EXECUTOR,
    intent_client_bind_checker::EXECUTOR,
    jwt_claim_enforcer::EXECUTOR,
    pkce_enforcer::EXECUTOR,
    registration_access_token_rotation_disabled::EXECUTOR,
    reject_implicit_grant::EXECUTOR,
    reject_request::EXECUTOR,
    reject_ropc_grant::EXECUTOR,
    saml_avoid_redirect::EXECUTOR,
    saml_secure_client_uris::EXECUTOR,
    saml_signature_enforcer::EXECUTOR,
    secret_rotation::EXECUTOR,
    secure_ciba_req_sig_algorithm::EXECUTOR,
    secure_ciba_session::EXECUTOR,
    secure_ciba_signed_authn_req::EXECUTOR,
    secure_client_authentication_assertion::EXECUTOR,
    secure_client_authenticator::EXECUTOR,
    secure_client_uris::EXECUTOR,
    secure_client_uris_pattern::EXECUTOR,
    secure_logout::EXECUTOR,
    secure_par_content::EXECUTOR,
    secure_redirect_uris_enforcer::EXECUTOR,
    secure_request_object::EXECUTOR,
    secure_response_type::EXECUTOR,
    secure_session::EXECUTOR,
    secure_signature_algorithm::EXECUTOR,
    secure_signature_algorithm_signed_jwt::EXECUTOR,
    suppress_refresh_token_rotation::EXECUTOR,
    tls_client_auth_ca_subject_dn::EXECUTOR,
    use_lightweight_access_token::EXECUTOR,
];

pub(super) fn named(id: &str) -> Option<&'static Executor> {
    EXECUTORS.iter().find(|kind| kind.id == id)
}

/// Signature algorithms that FAPI allows.
const SECURE_ALGORITHMS: &[&str] = &["PS256", "PS384", "PS512", "ES256", "ES384", "ES512"];
/// The one where nothing else is set.
const SECURE_ALGORITHM: &str = "PS256";
const DEFAULT_ALGORITHM: Property = Property::new(
    "default-algorithm",
    "Default Algorithm",
    "What clients that name no algorithm are set to.",
    Kind::One {
        of: SECURE_ALGORITHMS,
        default: Some(SECURE_ALGORITHM),
    },
);

/// The algorithm that clients are set to.
fn default_algorithm<'a>(config: Config<'a>) -> &'a str {
    let named = config.text(DEFAULT_ALGORITHM.name);
    named
        .filter(|name| SECURE_ALGORITHMS.contains(name))
        .unwrap_or(SECURE_ALGORITHM)
}

fn insecure_algorithm() -> Violation {
    Violation::request("not allowed signature algorithm.")
}

/// Whether the event is the one before a client is written, when executors set it up.
fn sets_up(event: PolicyEvent) -> bool {
    matches!(event, PolicyEvent::Register | PolicyEvent::Update)
}

/// Whether the client is complete, and is about to be written.
fn is_complete(event: PolicyEvent) -> bool {
    matches!(event, PolicyEvent::Registered | PolicyEvent::Updated)
}
