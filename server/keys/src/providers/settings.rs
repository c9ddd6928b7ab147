//! What a key component says.

use realmkeep_representations::ComponentRepresentation;

use super::Sources;
use crate::KeysError;

/// Why a component makes no key.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    #[error("Invalid provider type or no such provider")]
    UnknownProvider,
    /// A setting is wrong; the text names it.
    #[error("{0}")]
    Invalid(String),
    /// It is right, and cannot be done here.
    #[error("{0}")]
    Unsupported(String),
    #[error(transparent)]
    Keys(#[from] KeysError),
}

pub(super) struct Settings<'a> {
    pub(super) sources: &'a Sources,
    component: &'a ComponentRepresentation,
    /// The realm's name, for certificates.
    pub(super) realm: &'a str,
    pub(super) now: i64,
    pub(super) priority: i64,
}

impl<'a> Settings<'a> {
    pub(super) fn of(
        sources: &'a Sources,
        component: &'a ComponentRepresentation,
        realm: &'a str,
        now: i64,
    ) -> Result<Self, ProviderError> {
        let mut settings = Self {
            sources,
            component,
            realm,
            now,
            priority: 0,
        };
        if let Some(text) = settings.text("priority") {
            settings.priority = text
                .trim()
                .parse()
                .map_err(|_| ProviderError::Invalid("'Priority' should be a number".to_owned()))?;
        }
        Ok(settings)
    }

    /// The first value under the name; None when it is empty.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        let values = self.component.config.as_ref()?.get(name)?;
        values.first().map(String::as_str).filter(|v| !v.is_empty())
    }

    pub(super) fn status(&self) -> &'static str {
        let off = |name: &str| {
            self.text(name)
                .is_some_and(|v| v.eq_ignore_ascii_case("false"))
        };
        if off("enabled") {
            "DISABLED"
        } else if off("active") {
            "PASSIVE"
        } else {
            "ACTIVE"
        }
    }

    /// A number of the list of options, or the default.
    pub(super) fn size(&self, name: &str, default: u32) -> Result<u32, ProviderError> {
        match self.text(name) {
            None => Ok(default),
            Some(text) => text
                .parse()
                .map_err(|_| ProviderError::Invalid(format!("'{name}' should be a number"))),
        }
    }
}
