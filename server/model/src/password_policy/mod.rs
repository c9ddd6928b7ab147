//! Password policies of a realm: `length(8) and digits(1) and notUsername`.
//!
//! What can be decided from the password and the account alone is decided here, see
//! [`PasswordPolicy::check`]; whether it was used before is for who can compare hashes, see
//! [`PasswordPolicy::history`] and [`PasswordPolicy::reuse_days`].

mod blacklist;
mod parse;

pub use blacklist::{Blacklist, BlacklistError, Blacklists};
pub use parse::{POLICY_TYPES, PolicyParseError, PolicyType};

use fancy_regex::Regex;

/// Steps that one pattern may take on one password before it counts as not matched.
const BACKTRACK_LIMIT: usize = 100_000;

/// The password policies of a realm.
#[derive(Clone, Debug, Default)]
pub struct PasswordPolicy {
    rules: Vec<Rule>,
}

/// One policy. Numbers are counts of characters unless said otherwise.
#[derive(Clone, Debug)]
pub(crate) enum Rule {
    Length(usize),
    MaxLength(usize),
    Digits(usize),
    LowerCase(usize),
    UpperCase(usize),
    SpecialChars(usize),
    NotUsername,
    NotContainsUsername,
    NotEmail,
    /// What must match the whole password, and how it was written.
    RegexPattern(Box<Regex>, String),
    /// Earlier passwords, the present one among them.
    PasswordHistory(u32),
    /// Days.
    PasswordAge(u32),
    /// Name of the file.
    PasswordBlacklist(String),
    /// Days; 0 or less never expires.
    ForceExpiredPasswordChange(i64),
    HashAlgorithm(String),
    /// -1 is the algorithm's default.
    HashIterations(i64),
    /// Seconds.
    MaxAuthAge(i64),
    RecoveryCodesWarningThreshold(u32),
}

/// Whose password it is to be.
#[derive(Clone, Copy, Debug, Default)]
pub struct PolicyUser<'a> {
    pub username: Option<&'a str>,
    pub email: Option<&'a str>,
}

/// Which policy a password does not meet: a message key, with what goes into the message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message_key}")]
pub struct PolicyError {
    pub message_key: &'static str,
    pub params: Vec<String>,
}

/// In seconds.
const DAY: i64 = 86_400;

impl PasswordPolicy {
    /// Checks all policies that need neither hashes nor the user's history, in the order in which
    /// the realm has them.
    ///
    /// # Errors
    /// The first policy that is not met. A blacklist that is not there refuses everything: see
    /// [`PasswordPolicy::blacklist_names`] for what to tell whom before.
    pub fn check(
        &self,
        password: &str,
        user: &PolicyUser<'_>,
        blacklists: &Blacklists,
    ) -> Result<(), PolicyError> {
        self.rules
            .iter()
            .try_for_each(|rule| rule.check(password, user, blacklists))
    }

    /// How many of the user's latest passwords must differ from a new one, the present one among
    /// them; 0 when the realm does not care.
    pub fn history(&self) -> u32 {
        self.find(|rule| match rule {
            Rule::PasswordHistory(count) => Some(*count),
            _ => None,
        })
        .unwrap_or(0)
    }

    /// For how many days a password must not be used again; 0 when the realm does not care.
    pub fn reuse_days(&self) -> u32 {
        self.find(|rule| match rule {
            Rule::PasswordAge(days) => Some(*days),
            _ => None,
        })
        .unwrap_or(0)
    }

    /// What says that the password is one of the latest.
    pub fn history_error(&self) -> PolicyError {
        error("invalidPasswordHistoryMessage", &self.history().to_string())
    }

    /// What says that the password was used in the days before.
    pub fn reuse_error(&self) -> PolicyError {
        error("invalidPasswordAgeMessage", &self.reuse_days().to_string())
    }

    /// Whether a password that was set at `created` must be changed at `now`; seconds since 1970.
    pub fn is_expired(&self, created: i64, now: i64) -> bool {
        let days = self.find(|rule| match rule {
            Rule::ForceExpiredPasswordChange(days) => Some(*days),
            _ => None,
        });
        days.filter(|days| *days > 0)
            .is_some_and(|days| now.saturating_sub(created) > days.saturating_mul(DAY))
    }

    /// Hashing algorithm that the realm asks for, such as `argon2` or `pbkdf2-sha512`.
    pub fn hash_algorithm(&self) -> Option<&str> {
        self.find(|rule| match rule {
            Rule::HashAlgorithm(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Hashing iterations that the realm asks for; None is the algorithm's default.
    pub fn hash_iterations(&self) -> Option<u32> {
        self.find(|rule| match rule {
            Rule::HashIterations(count) => u32::try_from(*count).ok().filter(|c| *c > 0),
            _ => None,
        })
    }

    /// For how long after a login, in seconds, a password may be changed without proving anew who
    /// one is; None when the realm does not say.
    pub fn max_auth_age(&self) -> Option<i64> {
        self.find(|rule| match rule {
            Rule::MaxAuthAge(seconds) => Some(*seconds),
            _ => None,
        })
    }

    /// How few recovery codes are left when a user is warned; None when the realm does not say.
    pub fn recovery_codes_warning_threshold(&self) -> Option<u32> {
        self.find(|rule| match rule {
            Rule::RecoveryCodesWarningThreshold(count) => Some(*count),
            _ => None,
        })
    }

    /// Names of the blacklist files that the policies refer to.
    pub fn blacklist_names(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().filter_map(|rule| match rule {
            Rule::PasswordBlacklist(name) => Some(name.as_str()),
            _ => None,
        })
    }

    fn find<'a, T>(&'a self, of: impl Fn(&'a Rule) -> Option<T>) -> Option<T> {
        self.rules.iter().find_map(of)
    }
}

impl Rule {
    fn check(
        &self,
        password: &str,
        user: &PolicyUser<'_>,
        blacklists: &Blacklists,
    ) -> Result<(), PolicyError> {
        let count = |of: fn(&char) -> bool| password.chars().filter(of).count();
        let least =
            |has: usize, needs: usize, key| ensure(has >= needs, || error(key, &needs.to_string()));
        let same = |other: Option<&str>| {
            other.is_some_and(|other| other.to_lowercase() == password.to_lowercase())
        };
        match self {
            Self::Length(min) => least(
                password.chars().count(),
                *min,
                "invalidPasswordMinLengthMessage",
            ),
            Self::MaxLength(max) => ensure(password.chars().count() <= *max, || {
                error("invalidPasswordMaxLengthMessage", &max.to_string())
            }),
            Self::Digits(min) => least(
                count(|c| c.is_numeric()),
                *min,
                "invalidPasswordMinDigitsMessage",
            ),
            Self::LowerCase(min) => least(
                count(|c| c.is_lowercase()),
                *min,
                "invalidPasswordMinLowerCaseCharsMessage",
            ),
            Self::UpperCase(min) => least(
                count(|c| c.is_uppercase()),
                *min,
                "invalidPasswordMinUpperCaseCharsMessage",
            ),
            Self::SpecialChars(min) => least(
                count(|c| !c.is_alphanumeric()),
                *min,
                "invalidPasswordMinSpecialCharsMessage",
            ),
            Self::NotUsername => ensure(!same(user.username), || {
                plain("invalidPasswordNotUsernameMessage")
            }),
            Self::NotEmail => ensure(!same(user.email), || {
                plain("invalidPasswordNotEmailMessage")
            }),
            Self::NotContainsUsername => {
                let name = user
                    .username
                    .filter(|n| !n.is_empty())
                    .map(str::to_lowercase);
                let contains = name.is_some_and(|name| password.to_lowercase().contains(&name));
                ensure(!contains, || {
                    plain("invalidPasswordNotContainsUsernameMessage")
                })
            }
            Self::RegexPattern(pattern, written) => {
                ensure(pattern.is_match(password).unwrap_or(false), || {
                    error("invalidPasswordRegexPatternMessage", written)
                })
            }
            Self::PasswordBlacklist(name) if !blacklists.knows(name) => {
                Err(plain("invalidPasswordGenericMessage"))
            }
            Self::PasswordBlacklist(name) => ensure(!blacklists.contains(name, password), || {
                plain("invalidPasswordBlacklistedMessage")
            }),
            Self::PasswordHistory(_)
            | Self::PasswordAge(_)
            | Self::ForceExpiredPasswordChange(_)
            | Self::HashAlgorithm(_)
            | Self::HashIterations(_)
            | Self::MaxAuthAge(_)
            | Self::RecoveryCodesWarningThreshold(_) => Ok(()),
        }
    }
}

fn ensure(met: bool, error: impl FnOnce() -> PolicyError) -> Result<(), PolicyError> {
    if met { Ok(()) } else { Err(error()) }
}

fn plain(message_key: &'static str) -> PolicyError {
    PolicyError {
        message_key,
        params: Vec::new(),
    }
}

fn error(message_key: &'static str, param: &str) -> PolicyError {
    PolicyError {
        message_key,
        params: vec![param.to_owned()],
    }
}

#[cfg(test)]
mod tests;
