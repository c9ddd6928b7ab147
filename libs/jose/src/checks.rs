//! Whether a verified token is meant for us, and now. Pure: time comes in as a number.

use crate::token::Verified;

/// What a token has to satisfy. Start from [`Checks::new`] and set what matters.
///
/// The checks run in this order and stop at the first that fails: issuer, subject, audience, `exp`,
/// `nbf`, `iat`, age, lifetime, `jti`.
#[derive(Clone, Debug)]
pub struct Checks<'a> {
    /// Seconds since the epoch.
    pub now: i64,
    /// Clock skew in seconds that is forgiven in both directions.
    pub leeway: u32,
    /// Compared as an exact string.
    pub issuer: Option<&'a str>,
    pub audience: Audience<'a>,
    /// `sub` must be there and not empty.
    pub require_subject: bool,
    /// `jti` must be there and not empty.
    pub require_jti: bool,
    /// Seconds since `iat`, or until `exp` where there is no `iat`.
    pub max_age: Option<u32>,
    /// Seconds between `iat` and `exp`.
    pub max_lifetime: Option<u32>,
}

/// Which audiences are accepted. Compared as exact strings.
#[derive(Clone, Debug)]
pub enum Audience<'a> {
    /// Not checked here.
    Unchecked,
    /// One of the token's audiences is one of these.
    AnyOf(&'a [String]),
    /// The token has one audience, and it is one of these (RFC 7523bis section 4).
    Sole(&'a [String]),
}

/// Why a verified token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ClaimError {
    #[error("the token has no issuer (`iss`)")]
    MissingIssuer,
    #[error("the token is from another issuer (`iss`)")]
    WrongIssuer,
    #[error("the token has no subject (`sub`)")]
    MissingSubject,
    #[error("the token has no audience (`aud`)")]
    MissingAudience,
    #[error("the token is for another audience (`aud`)")]
    WrongAudience,
    #[error("the token has several audiences (`aud`) where only one is allowed")]
    MultipleAudiences,
    #[error("the token has no expiry (`exp`)")]
    MissingExpiry,
    #[error("the token has expired (`exp`)")]
    Expired,
    #[error("the token is not valid yet (`nbf`)")]
    NotYetValid,
    #[error("the token was issued in the future (`iat`)")]
    IssuedInFuture,
    #[error("the token was issued too long ago (`iat`)")]
    TooOld,
    #[error("the token expires too far in the future and does not say when it was issued (`iat`)")]
    AgeUnknown,
    #[error("the token's lifetime (`exp` - `iat`) is too long")]
    LifetimeTooLong,
    #[error("the token has no identifier (`jti`)")]
    MissingJti,
}

impl<'a> Checks<'a> {
    /// Expiry, `nbf` and `iat` without leeway, and nothing else.
    pub fn new(now: i64) -> Self {
        Self {
            now,
            leeway: 0,
            issuer: None,
            audience: Audience::Unchecked,
            require_subject: false,
            require_jti: false,
            max_age: None,
            max_lifetime: None,
        }
    }

    /// Applies the checks in their order.
    pub fn check(&self, token: &Verified) -> Result<(), ClaimError> {
        self.check_issuer(token)?;
        if self.require_subject && token.sub().is_none_or(str::is_empty) {
            return Err(ClaimError::MissingSubject);
        }
        self.check_audience(token)?;
        self.check_time(token)?;
        if self.require_jti && token.jti().is_none_or(str::is_empty) {
            return Err(ClaimError::MissingJti);
        }
        Ok(())
    }

    pub fn check_issuer(&self, token: &Verified) -> Result<(), ClaimError> {
        match (self.issuer, token.iss()) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(ClaimError::MissingIssuer),
            (Some(expected), Some(issuer)) if issuer == expected => Ok(()),
            (Some(_), Some(_)) => Err(ClaimError::WrongIssuer),
        }
    }

    pub fn check_audience(&self, token: &Verified) -> Result<(), ClaimError> {
        let (accepted, sole) = match self.audience {
            Audience::Unchecked => return Ok(()),
            Audience::AnyOf(accepted) => (accepted, false),
            Audience::Sole(accepted) => (accepted, true),
        };
        let audiences = token.aud();
        if audiences.is_empty() {
            return Err(ClaimError::MissingAudience);
        }
        if !audiences
            .iter()
            .any(|audience| accepted.iter().any(|accepted| accepted == audience))
        {
            return Err(ClaimError::WrongAudience);
        }
        if sole && audiences.len() > 1 {
            return Err(ClaimError::MultipleAudiences);
        }
        Ok(())
    }

    /// `exp` is required; `nbf` and `iat` are judged when they are there.
    pub fn check_time(&self, token: &Verified) -> Result<(), ClaimError> {
        let leeway = i64::from(self.leeway);
        let exp = token.exp().ok_or(ClaimError::MissingExpiry)?;
        if self.now >= exp.saturating_add(leeway) {
            return Err(ClaimError::Expired);
        }
        if token
            .nbf()
            .is_some_and(|nbf| nbf > self.now.saturating_add(leeway))
        {
            return Err(ClaimError::NotYetValid);
        }
        if token
            .iat()
            .is_some_and(|iat| iat > self.now.saturating_add(leeway))
        {
            return Err(ClaimError::IssuedInFuture);
        }
        if let Some(max_age) = self.max_age {
            let limit = i64::from(max_age).saturating_add(leeway);
            match token.iat() {
                Some(iat) if self.now.saturating_sub(iat) > limit => {
                    return Err(ClaimError::TooOld);
                }
                Some(_) => {}
                None if exp.saturating_sub(self.now) > limit => return Err(ClaimError::AgeUnknown),
                None => {}
            }
        }
        if let (Some(max), Some(iat)) = (self.max_lifetime, token.iat())
            && exp.saturating_sub(iat) > i64::from(max)
        {
            return Err(ClaimError::LifetimeTooLong);
        }
        Ok(())
    }
}
