use fancy_regex::RegexBuilder;

use super::{BACKTRACK_LIMIT, PasswordPolicy, Rule};

/// Most policies of one realm.
const MAX_RULES: usize = 50;
/// Longest policy string, in bytes.
const MAX_BYTES: usize = 16 * 1024;

/// A kind of policy, as server info lists it (`PasswordPolicyTypeRepresentation`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyType {
    pub id: &'static str,
    pub display_name: &'static str,
    /// `int` or `String`; None when there is nothing to configure.
    pub config_type: Option<&'static str>,
    pub default_value: Option<&'static str>,
    /// May be given more than once.
    pub multiple_supported: bool,
}

/// All kinds of policies.
pub const POLICY_TYPES: &[PolicyType] = &[
    of(
        "forceExpiredPasswordChange",
        "Expire Password",
        "String",
        "365",
    ),
    of("hashIterations", "Hashing Iterations", "int", "-1"),
    of("passwordHistory", "Not Recently Used", "int", "3"),
    of("passwordBlacklist", "Password Blacklist", "String", ""),
    PolicyType {
        multiple_supported: true,
        ..of("regexPattern", "Regular Expression", "String", "")
    },
    of("length", "Minimum Length", "int", "8"),
    bare("notUsername", "Not Username"),
    bare("notEmail", "Not Email"),
    of("passwordAge", "Not Recently Used (In Days)", "int", "30"),
    bare("notContainsUsername", "Not Contains Username"),
    of("specialChars", "Special Characters", "int", "1"),
    of(
        "recoveryCodesWarningThreshold",
        "Recovery Codes Warning Threshold",
        "int",
        "4",
    ),
    of("upperCase", "Uppercase Characters", "int", "1"),
    of("lowerCase", "Lowercase Characters", "int", "1"),
    of("digits", "Digits", "int", "1"),
    of("maxAuthAge", "Maximum Authentication Age", "int", "300"),
    of("hashAlgorithm", "Hashing Algorithm", "String", "argon2"),
    of("maxLength", "Maximum Length", "int", "64"),
];

const fn of(
    id: &'static str,
    display_name: &'static str,
    config_type: &'static str,
    default_value: &'static str,
) -> PolicyType {
    PolicyType {
        id,
        display_name,
        config_type: Some(config_type),
        default_value: Some(default_value),
        multiple_supported: false,
    }
}

const fn bare(id: &'static str, display_name: &'static str) -> PolicyType {
    PolicyType {
        id,
        display_name,
        config_type: None,
        default_value: None,
        multiple_supported: false,
    }
}

/// Hashing algorithms that a realm may ask for.
const ALGORITHMS: &[&str] = &["argon2", "pbkdf2-sha512", "pbkdf2-sha256", "pbkdf2"];

/// Why a policy string is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyParseError {
    #[error("passwordPolicy: there is no policy '{0}'")]
    Unknown(String),
    #[error("passwordPolicy: {policy} needs {needs}, not '{value}'")]
    Value {
        policy: &'static str,
        needs: &'static str,
        value: String,
    },
    #[error("passwordPolicy: regexPattern '{pattern}' is not a regular expression: {cause}")]
    Pattern { pattern: String, cause: String },
    #[error("passwordPolicy: {0} is given more than once")]
    Repeated(&'static str),
    #[error("passwordPolicy: at most {MAX_RULES} policies in {MAX_BYTES} bytes")]
    TooLong,
}

impl PasswordPolicy {
    /// Reads a realm's `passwordPolicy`.
    ///
    /// # Errors
    /// When a policy is unknown, its value is not of its kind, or it comes twice.
    pub fn parse(text: &str) -> Result<Self, PolicyParseError> {
        if text.len() > MAX_BYTES {
            return Err(PolicyParseError::TooLong);
        }
        let mut rules = Vec::new();
        let mut seen = Vec::new();
        for part in text.split(" and ").map(str::trim).filter(|p| !p.is_empty()) {
            let (id, value) = match part.split_once('(') {
                Some((id, rest)) => (id.trim(), rest.strip_suffix(')').unwrap_or(rest).trim()),
                None => (part, ""),
            };
            let Some(kind) = POLICY_TYPES.iter().find(|kind| kind.id == id) else {
                return Err(PolicyParseError::Unknown(id.to_owned()));
            };
            if !kind.multiple_supported && seen.contains(&kind.id) {
                return Err(PolicyParseError::Repeated(kind.id));
            }
            seen.push(kind.id);
            // The console writes this where there is nothing to configure.
            let value = match value {
                "" | "undefined" | "null" => kind.default_value.unwrap_or_default(),
                value => value,
            };
            rules.push(rule(kind, value)?);
            if rules.len() > MAX_RULES {
                return Err(PolicyParseError::TooLong);
            }
        }
        Ok(Self { rules })
    }

    /// As [`PasswordPolicy::parse`]; absent and empty are no policy.
    ///
    /// # Errors
    /// As [`PasswordPolicy::parse`].
    pub fn of_realm(setting: Option<&str>) -> Result<Self, PolicyParseError> {
        setting.map_or_else(|| Ok(Self::default()), Self::parse)
    }
}

fn rule(kind: &PolicyType, value: &str) -> Result<Rule, PolicyParseError> {
    let wrong = |needs| PolicyParseError::Value {
        policy: kind.id,
        needs,
        value: value.to_owned(),
    };
    let count = || value.parse::<usize>().map_err(|_| wrong("a number"));
    let number = || value.parse::<i64>().map_err(|_| wrong("a number"));
    // -1 switches off, as in Keycloak.
    let small = || number().and_then(|n| u32::try_from(n.max(0)).map_err(|_| wrong("a number")));
    Ok(match kind.id {
        "length" => Rule::Length(count()?),
        "maxLength" => Rule::MaxLength(count()?),
        "digits" => Rule::Digits(count()?),
        "lowerCase" => Rule::LowerCase(count()?),
        "upperCase" => Rule::UpperCase(count()?),
        "specialChars" => Rule::SpecialChars(count()?),
        "notUsername" => Rule::NotUsername,
        "notContainsUsername" => Rule::NotContainsUsername,
        "notEmail" => Rule::NotEmail,
        "regexPattern" => Rule::RegexPattern(Box::new(pattern(value)?), value.to_owned()),
        "passwordHistory" => Rule::PasswordHistory(small()?),
        "passwordAge" => Rule::PasswordAge(small()?),
        "passwordBlacklist" => {
            let safe = !value.is_empty() && !value.contains(['/', '\\', '\0']) && value != "..";
            if !safe {
                return Err(wrong("the name of a file in the folder of blacklists"));
            }
            Rule::PasswordBlacklist(value.to_owned())
        }
        "forceExpiredPasswordChange" => Rule::ForceExpiredPasswordChange(number()?),
        "hashAlgorithm" if ALGORITHMS.contains(&value) => Rule::HashAlgorithm(value.to_owned()),
        "hashAlgorithm" => return Err(wrong("argon2, pbkdf2-sha512, pbkdf2-sha256 or pbkdf2")),
        "hashIterations" => Rule::HashIterations(number()?),
        "maxAuthAge" => Rule::MaxAuthAge(number()?),
        "recoveryCodesWarningThreshold" => Rule::RecoveryCodesWarningThreshold(small()?),
        other => return Err(PolicyParseError::Unknown(other.to_owned())),
    })
}

/// The pattern must match the whole password, as in Java.
fn pattern(text: &str) -> Result<fancy_regex::Regex, PolicyParseError> {
    RegexBuilder::new(&format!("\\A(?:{text})\\z"))
        .backtrack_limit(BACKTRACK_LIMIT)
        .build()
        .map_err(|cause| PolicyParseError::Pattern {
            pattern: text.to_owned(),
            cause: cause.to_string(),
        })
}
