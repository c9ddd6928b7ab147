//! Steps of flows, one file each.

pub mod allow_access;
pub mod conditional_otp_form;
pub mod cookie;
pub mod deny_access;
pub mod direct_grant_otp;
pub mod direct_grant_password;
pub mod direct_grant_username;
pub mod docker_http_basic;
pub mod http_basic;
pub mod identity_provider_redirector;
pub mod otp_form;
pub mod password_form;
pub mod recovery_code_form;
pub mod registration_form;
pub mod reset_credentials;
pub mod reset_otp;
pub mod user_session_limits;
pub mod username_form;
pub mod username_password_form;
pub mod webauthn_authenticator;

use crate::LoginFailure;
use crate::flow::{Outcome, Shown};

/// Message of a wrong username or password, whatever of it was wrong.
const WRONG_LOGIN: &str = "invalidUserMessage";
/// Message of a wrong code.
const WRONG_CODE: &str = "invalidTotpMessage";

/// What a refused proof leads to; everything else goes on as an error.
fn refused(
    failure: LoginFailure,
    message: &'static str,
    shown: Shown,
) -> Result<Outcome, LoginFailure> {
    match failure {
        LoginFailure::Refused { reason, user_id } => Ok(Outcome::Refused(crate::flow::Refused {
            shown: Shown {
                error: Some(message.to_owned()),
                ..shown
            },
            event: reason.code(),
            user_id,
        })),
        other => Err(other),
    }
}
