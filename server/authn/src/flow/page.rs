//! What is to be shown, without saying how.

use std::collections::BTreeMap;

use realmkeep_model::user_profile::FormField;

use super::Facts;
use crate::authenticators::registration_form::RegisterPage;
use crate::otp;

/// One page of a login.
#[derive(Clone, Debug, PartialEq)]
pub enum Page {
    /// A step that never asks.
    Nothing,
    UsernamePassword(UsernameField),
    Username(UsernameField),
    Password {
        username: String,
        passkeys: Option<KeyRequest>,
    },
    /// A security key or passkey.
    Webauthn {
        /// Empty while nobody is named.
        username: String,
        request: KeyRequest,
    },
    /// The key did not work; the message says what of it.
    WebauthnError,
    Otp {
        username: String,
        devices: Vec<Device>,
        selected: Option<String>,
    },
    RecoveryCode {
        username: String,
        /// Which code of the list is asked for, from 1.
        number: i64,
    },
    /// 401 with a challenge for HTTP Basic.
    HttpBasic,
    /// Which of the steps to go on with.
    SelectAuthenticator {
        username: String,
        choices: Vec<Choice>,
    },
    UpdatePassword {
        username: String,
    },
    ConfigTotp(ConfigTotp),
    RegisterWebauthn {
        /// `PublicKeyCredentialCreationOptionsJSON`.
        options: String,
        passwordless: bool,
    },
    ConfigRecoveryCodes {
        codes: Vec<String>,
    },
    UpdateProfile {
        fields: Vec<ProfileField>,
    },
    UpdateEmail {
        email: String,
    },
    VerifyEmail {
        email: String,
    },
    Register(Box<RegisterPage>),
    /// Which authenticator app is to go.
    ResetOtp {
        devices: Vec<Device>,
    },
    /// Whose credentials are forgotten.
    ResetPassword {
        username: String,
    },
    /// The mail for a reset went out, if there is such a user.
    ResetEmailSent,
    Terms,
    DeleteAccount,
    DeleteCredential {
        label: String,
    },
}

/// The field that asks who somebody is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsernameField {
    pub username: String,
    /// The user is known and may not be changed.
    pub fixed: bool,
    /// None when it is not offered.
    pub remember_me: Option<bool>,
    /// Passkeys that do as well, where the realm offers them.
    pub passkeys: Option<KeyRequest>,
}

/// What a browser is asked for to use a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyRequest {
    /// Base64url.
    pub challenge: String,
    pub relying_party: String,
    /// `required`, `preferred`, `discouraged`, or empty.
    pub user_verification: &'static str,
    /// Seconds; 0 leaves it to the browser.
    pub timeout: u32,
    /// How the browser offers it by itself: `conditional`, `optional`, `required`, `silent`.
    pub mediation: &'static str,
    /// The keys that will do; none: any that the browser finds.
    pub keys: Vec<OwnKey>,
}

/// One registered key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnKey {
    /// Base64url.
    pub id: String,
    pub label: String,
    /// Milliseconds since 1970.
    pub created: i64,
}

/// One credential among several of its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    pub id: String,
    pub label: String,
}

/// Authenticator apps that one page lists, at most.
const MAX_DEVICES: usize = 50;

impl Device {
    /// The user's authenticator apps.
    pub fn all(facts: &Facts<'_>) -> Vec<Self> {
        facts
            .credentials_of(otp::TYPE)
            .take(MAX_DEVICES)
            .map(|credential| Self {
                id: credential.id.clone().unwrap_or_default(),
                label: credential.user_label.clone().unwrap_or_default(),
            })
            .collect()
    }
}

/// One way to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The execution's name in addresses.
    pub execution: String,
    /// Id of the authenticator.
    pub authenticator: String,
}

/// A new authenticator app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigTotp {
    pub username: String,
    /// Base32 in groups of four.
    pub secret: String,
    /// `otpauth:` address.
    pub uri: String,
    pub totp: bool,
    /// `SHA1`, `SHA256`, `SHA512`.
    pub algorithm: String,
    pub digits: u32,
    /// Seconds, for TOTP.
    pub period: i64,
    /// For HOTP.
    pub counter: i64,
    /// A name is asked for when there is an app already.
    pub label_required: bool,
}

/// One attribute of the user's profile.
#[derive(Clone, Debug, PartialEq)]
pub struct ProfileField {
    pub field: FormField,
    /// Message key of what is wrong with it.
    pub error: Option<String>,
}

/// What a page says besides its fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Message key of what went wrong, with what goes into it.
    pub error: Option<String>,
    pub arguments: Vec<String>,
    /// Message key of what should be known.
    pub notice: Option<&'static str>,
    /// What was typed, to show it again; never a credential.
    pub fields: BTreeMap<String, Vec<String>>,
    /// Message keys by field.
    pub field_errors: BTreeMap<String, String>,
}

impl Shown {
    pub fn error(key: impl Into<String>) -> Self {
        Self {
            error: Some(key.into()),
            ..Self::default()
        }
    }

    pub fn notice(key: &'static str) -> Self {
        Self {
            notice: Some(key),
            ..Self::default()
        }
    }

    pub fn with(mut self, field: &str, value: impl Into<String>) -> Self {
        self.fields.insert(field.to_owned(), vec![value.into()]);
        self
    }

    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name)?.first().map(String::as_str)
    }
}
