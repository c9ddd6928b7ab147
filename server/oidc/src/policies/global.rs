//! Profiles that every realm has and nobody can change (002:8719): FAPI, OAuth 2.1 and SAML.

use std::sync::LazyLock;

use serde_json::Value;

static PROFILES: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let parsed = serde_json::from_str(include_str!("data/global_profiles.json"));
    parsed.unwrap_or_default()
});

/// As the Admin API shows them.
pub fn profiles() -> &'static [Value] {
    &PROFILES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policies::executors;

    #[test]
    fn global_profiles_can_be_run() {
        assert_eq!(profiles().len(), 10);
        for profile in profiles() {
            for entry in profile["executors"].as_array().unwrap() {
                let id = entry["executor"].as_str().unwrap();
                assert!(executors::named(id).is_some(), "{id}");
            }
        }
    }
}
