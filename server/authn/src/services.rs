use realmkeep_events::Events;
use realmkeep_keys::{Keys, PasswordHasher};
use realmkeep_model::clock::Clock;
use realmkeep_model::features::Features;
use realmkeep_pages::Pages;
use realmkeep_store::Store;

use crate::accounts::Accounts;
use crate::base_url::BaseUrl;
use crate::cookies::CookieSeal;
use crate::remote_keys::RemoteKeyCache;

/// What every request handler of the server has at hand; shared as `Arc<Services>`.
pub struct Services {
    pub store: Store,
    pub keys: Keys,
    pub passwords: PasswordHasher,
    pub clock: Clock,
    pub events: Events,
    pub base_url: BaseUrl,
    /// Keys of the issuers that clients and users may come from.
    pub remote_keys: RemoteKeyCache,
    pub pages: Pages,
    /// What is switched on.
    pub features: Features,
    /// The workload that administers this server without a password, if one is trusted.
    pub bootstrap_trust: Option<BootstrapTrust>,
    /// Seals what browsers keep for the server.
    pub cookies: CookieSeal,
    /// Mails, profiles and lists of bad passwords.
    pub accounts: Accounts,
}

/// A workload identity that is trusted from the server's start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootstrapTrust {
    /// `iss` of its tokens, as the cluster's discovery document names it.
    pub issuer: String,
    /// `sub` of its tokens, such as `system:serviceaccount:realmkeep:operator`.
    pub subject: String,
}

impl Services {
    /// The same server over another store, such as an open transaction; what was read of the other one is
    /// not shared.
    #[must_use]
    pub fn over(&self, store: Store, events: Events) -> Self {
        Self {
            keys: self.keys.over(store.clone()),
            store,
            passwords: self.passwords.clone(),
            clock: self.clock.clone(),
            events,
            base_url: self.base_url.clone(),
            remote_keys: self.remote_keys.clone(),
            pages: self.pages.clone(),
            bootstrap_trust: self.bootstrap_trust.clone(),
            cookies: self.cookies.clone(),
            accounts: self.accounts.clone(),
            features: self.features,
        }
    }

    /// The issuer of the realm: `{base}/realms/{realm}`.
    pub fn issuer(&self, realm: &str) -> String {
        self.base_url.issuer(realm)
    }
}

impl std::fmt::Debug for Services {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Services")
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}
