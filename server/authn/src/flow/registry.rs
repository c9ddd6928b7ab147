//! Every authenticator, condition and required action of this server: one line each.

use crate::authenticators as steps;
use crate::conditions;
use crate::required_actions as actions;

use super::{Authenticator, Condition, RequiredAction};

/// Steps of flows.
pub fn authenticators() -> &'static [&'static dyn Authenticator] {
    &[
        &steps::cookie::Cookie,
        &steps::username_password_form::UsernamePasswordForm,
        &steps::username_form::UsernameForm,
        &steps::password_form::PasswordForm,
        &steps::otp_form::OtpForm,
        &steps::conditional_otp_form::ConditionalOtpForm,
        &steps::recovery_code_form::RecoveryCodeForm,
        &steps::webauthn_authenticator::TWO_FACTOR,
        &steps::webauthn_authenticator::PASSWORDLESS,
        &steps::webauthn_authenticator::PASSKEYS,
        &steps::identity_provider_redirector::IdentityProviderRedirector,
        &steps::allow_access::AllowAccess,
        &steps::deny_access::DenyAccess,
        &steps::user_session_limits::UserSessionLimits,
        &steps::http_basic::HttpBasic,
        &steps::docker_http_basic::DockerHttpBasic,
        &steps::direct_grant_username::DirectGrantUsername,
        &steps::direct_grant_password::DirectGrantPassword,
        &steps::direct_grant_otp::DirectGrantOtp,
        &steps::registration_form::RegistrationForm,
        &steps::reset_credentials::ChooseUser,
        &steps::reset_credentials::SendEmail,
        &steps::reset_credentials::ResetPassword,
        &steps::reset_otp::ResetOtp,
    ]
}

/// Conditions of CONDITIONAL flows.
pub fn all_conditions() -> &'static [&'static dyn Condition] {
    &[
        &conditions::user_configured::UserConfigured,
        &conditions::user_role::UserRole,
        &conditions::user_attribute::UserAttribute,
        &conditions::level_of_authentication::LevelOfAuthentication,
        &conditions::client_scope::ClientScope,
        &conditions::sub_flow_executed::SubFlowExecuted,
        &conditions::credential::Credential,
    ]
}

/// What users may have to do before a login ends.
pub fn required_actions() -> &'static [&'static dyn RequiredAction] {
    &[
        &actions::terms_and_conditions::TermsAndConditions,
        &actions::update_profile::UpdateProfile,
        &actions::update_profile::VerifyProfile,
        &actions::configure_totp::ConfigureTotp,
        &actions::update_password::UpdatePassword,
        &actions::delete_account::DeleteAccount,
        &actions::delete_credential::DeleteCredential,
        &actions::configure_recovery_codes::ConfigureRecoveryCodes,
        &actions::update_user_locale::UpdateUserLocale,
        &actions::verify_email::VerifyEmail,
        &actions::update_email::UpdateEmail,
        &actions::webauthn_register::TWO_FACTOR,
        &actions::webauthn_register::PASSWORDLESS,
    ]
}

pub fn authenticator(id: &str) -> Option<&'static dyn Authenticator> {
    authenticators()
        .iter()
        .copied()
        .find(|known| known.about().id == id)
}

pub fn condition(id: &str) -> Option<&'static dyn Condition> {
    all_conditions()
        .iter()
        .copied()
        .find(|known| known.about().id == id)
}

pub fn required_action(id: &str) -> Option<&'static dyn RequiredAction> {
    required_actions()
        .iter()
        .copied()
        .find(|known| known.about().id == id)
}
