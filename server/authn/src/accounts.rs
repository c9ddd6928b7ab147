//! What is needed to make and change accounts: mails, profiles, lists of bad passwords, whom
//! attestations of security keys are trusted from.

use std::path::Path;
use std::sync::Arc;

use moka::sync::Cache;
use realmkeep_email::{EmailError, Mailer};
use realmkeep_model::password_policy::{
    Blacklist, BlacklistError, Blacklists, PasswordPolicy, PolicyParseError,
};
use realmkeep_model::user_profile::UserProfile;
use realmkeep_store::Realm;
use realmkeep_webauthn::Truststore;
use realmkeep_workload_identity::OutboundHttp;

/// Realms whose profiles and password policies are kept ready.
const REALMS: u64 = 10_000;

/// Mails, profiles and lists of bad passwords.
#[derive(Debug)]
pub struct Accounts {
    pub mail: Mailer,
    pub blacklists: Blacklists,
    /// Whose attestations of security keys count.
    pub attestations: Truststore,
    /// By realm id, with the text that each was made from.
    profiles: Cache<String, (Option<String>, Arc<UserProfile>)>,
    /// By the text that each was made from.
    policies: Cache<String, Arc<PasswordPolicy>>,
}

impl Accounts {
    pub fn new(mail: Mailer, blacklists: Blacklists) -> Self {
        Self {
            mail,
            blacklists,
            attestations: Truststore::Disabled,
            profiles: Cache::new(REALMS),
            policies: Cache::new(REALMS),
        }
    }

    /// Without blacklists, trusting the system's certificate authorities.
    ///
    /// # Errors
    /// When there are no certificate authorities.
    pub fn plain(http: OutboundHttp) -> Result<Self, EmailError> {
        Ok(Self::new(Mailer::new(http, &[])?, Blacklists::default()))
    }

    /// The realm's password policy.
    ///
    /// # Errors
    /// When the setting is not a policy.
    pub fn password_policy(&self, realm: &Realm) -> Result<Arc<PasswordPolicy>, PolicyParseError> {
        let text = realm
            .settings
            .password_policy
            .as_deref()
            .unwrap_or_default();
        if let Some(policy) = self.policies.get(text) {
            return Ok(policy);
        }
        let policy = Arc::new(PasswordPolicy::parse(text)?);
        self.policies.insert(text.to_owned(), policy.clone());
        Ok(policy)
    }

    /// The realm's user profile.
    pub fn profile(&self, realm: &Realm) -> Arc<UserProfile> {
        if let Some((text, profile)) = self.profiles.get(&realm.id)
            && text == realm.user_profile
        {
            return profile;
        }
        let text = realm.user_profile.as_deref();
        let profile = UserProfile::of_component(text).or_else(|errors| {
            // Checked when it was set, so only one that was imported long ago can be wrong.
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            tracing::error!(
                realm = realm.name,
                errors = errors.join("; "),
                "the realm's user profile is wrong, the default one is used; set it anew"
            );
            UserProfile::of_component(None)
        });
        let profile = Arc::new(profile.unwrap_or_default());
        let kept = (realm.user_profile.clone(), profile.clone());
        self.profiles.insert(realm.id.clone(), kept);
        profile
    }
}

/// A folder of blacklists could not be read.
#[derive(Debug, thiserror::Error)]
pub enum BlacklistFolderError {
    #[error("the folder of password blacklists cannot be read")]
    Folder(#[source] std::io::Error),
    #[error("{0}")]
    File(String, #[source] BlacklistError),
}

/// Reads every file of the folder as a blacklist under its name.
///
/// # Errors
/// When the folder or a file cannot be read.
pub fn read_blacklists(
    folder: &Path,
    false_positives: f64,
) -> Result<Blacklists, BlacklistFolderError> {
    let mut lists = Blacklists::default();
    for entry in std::fs::read_dir(folder).map_err(BlacklistFolderError::Folder)? {
        let path = entry.map_err(BlacklistFolderError::Folder)?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        if !path.is_file() || name.starts_with('.') {
            continue;
        }
        let open = || std::fs::File::open(&path).map(std::io::BufReader::new);
        let list = Blacklist::read(open, false_positives)
            .map_err(|e| BlacklistFolderError::File(path.display().to_string(), e))?;
        tracing::info!(
            list = name,
            passwords = list.entries,
            "password blacklist read"
        );
        lists.insert(name, list);
    }
    Ok(lists)
}
