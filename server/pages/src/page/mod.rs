//! The pages: one file each, named as Keycloak names the template.
//!
//! A page says only what is its own; who, where and in which language is the [`Frame`]'s.
//!
//! [`Frame`]: crate::Frame

use std::collections::{BTreeMap, BTreeSet};

use minijinja::Value;
use minijinja::value::Serde;
use serde::Serialize;

use crate::Message;

/// Declares the modules of the pages, and the list of all.
macro_rules! pages {
    ($($module:ident: $name:ident = $template:literal $(, $script:ident)?;)+) => {
        $(mod $module;)+
        $(pub use $module::$name;)+
        $(impl Page for $name {
            const TEMPLATE: &'static str = $template;
            $(const SCRIPT: Script = Script::$script;)?
        })+

        /// Template names of all pages.
        pub const TEMPLATES: &[&str] = &[$($template),+];
    };
}

pages! {
    delete_account_confirm: DeleteAccountConfirm = "delete-account-confirm";
    delete_credential: DeleteCredential = "delete-credential";
    error: Error = "error";
    form_post: FormPost = "form-post", Submit;
    frontchannel_logout: FrontchannelLogout = "frontchannel-logout", FrontchannelLogout;
    idp_review_user_profile: IdpReviewUserProfile = "idp-review-user-profile";
    info: Info = "info";
    login: Login = "login", Passkeys;
    login_config_totp: LoginConfigTotp = "login-config-totp";
    login_idp_link_confirm: LoginIdpLinkConfirm = "login-idp-link-confirm";
    login_idp_link_email: LoginIdpLinkEmail = "login-idp-link-email";
    login_oauth2_device_verify_user_code: LoginOauth2DeviceVerifyUserCode = "login-oauth2-device-verify-user-code";
    login_oauth_grant: LoginOauthGrant = "login-oauth-grant";
    login_otp: LoginOtp = "login-otp";
    login_page_expired: LoginPageExpired = "login-page-expired";
    login_password: LoginPassword = "login-password", Passkeys;
    login_recovery_authn_code_config: LoginRecoveryAuthnCodeConfig = "login-recovery-authn-code-config";
    login_recovery_authn_code_input: LoginRecoveryAuthnCodeInput = "login-recovery-authn-code-input";
    login_reset_password: LoginResetPassword = "login-reset-password";
    login_update_password: LoginUpdatePassword = "login-update-password";
    login_update_profile: LoginUpdateProfile = "login-update-profile";
    login_username: LoginUsername = "login-username", Passkeys;
    login_verify_email: LoginVerifyEmail = "login-verify-email";
    login_x509_info: LoginX509Info = "login-x509-info";
    logout_confirm: LogoutConfirm = "logout-confirm";
    register: Register = "register", Recaptcha;
    reset_otp: LoginResetOtp = "login-reset-otp";
    saml_post_form: SamlPostForm = "saml-post-form", Submit;
    select_authenticator: SelectAuthenticator = "select-authenticator";
    terms: Terms = "terms";
    update_email: UpdateEmail = "update-email";
    webauthn_authenticate: WebauthnAuthenticate = "webauthn-authenticate", Webauthn;
    webauthn_error: WebauthnError = "webauthn-error";
    webauthn_register: WebauthnRegister = "webauthn-register", Webauthn;
    welcome: Welcome = "welcome";
}

mod choices;
mod profile_field;

pub use choices::{CredentialChoice, SocialProvider, UsernameLabel};
pub use form_post::FormField;
pub use frontchannel_logout::LoggedOutClient;
pub use login_config_totp::OtpPolicy;
pub use login_oauth_grant::GrantedScope;
pub use profile_field::{ProfileField, ProfileFieldKind, ProfileGroup, ProfileOption};
pub use register::Captcha;
pub use select_authenticator::AuthenticatorChoice;
pub use webauthn_authenticate::{AllowedKey, PasskeyRequest};
pub use welcome::WelcomeStep;

/// What is wrong with the fields of a form, by their names.
pub type FieldErrors = BTreeMap<String, Message>;

/// The data of one page.
pub trait Page: Serialize {
    /// Keycloak's name of the template, which is a file of a theme.
    const TEMPLATE: &'static str;
    /// Which script it may run.
    const SCRIPT: Script = Script::None;
}

/// The scripts of pages. Each is a file of ours; a page works without, except for WebAuthn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    None,
    /// Sends the page's form at once.
    Submit,
    /// Goes on when the applications have signed out.
    FrontchannelLogout,
    /// Offers passkeys while the form waits.
    Passkeys,
    /// Asks for a security key.
    Webauthn,
    /// Shows Google's widget.
    Recaptcha,
}

/// Any page, ready for its template.
#[derive(Clone, Debug)]
pub struct AnyPage {
    pub(crate) template: &'static str,
    pub(crate) script: Script,
    pub(crate) data: Value,
}

impl AnyPage {
    /// Template name of the page.
    pub fn template(&self) -> &'static str {
        self.template
    }

    /// Names of the annotations (`kc…`) that the page's fields have for modules of a theme.
    pub(crate) fn annotations(&self) -> BTreeSet<String> {
        let list = |value: Value| value.try_iter().into_iter().flatten();
        list(self.data.get_attr("fields").unwrap_or_default())
            .flat_map(|field| list(field.get_attr("attributes").unwrap_or_default()))
            .filter_map(|pair| {
                let attribute = pair.get_item_by_index(0).ok()?;
                let name = attribute.as_str()?.strip_prefix("data-")?;
                name.starts_with("kc").then(|| name.to_owned())
            })
            .collect()
    }
}

impl<P: Page> From<P> for AnyPage {
    fn from(page: P) -> Self {
        Self {
            template: P::TEMPLATE,
            script: P::SCRIPT,
            data: Value::from(Serde(&page)),
        }
    }
}

#[cfg(test)]
mod tests;
