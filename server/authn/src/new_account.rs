//! Accounts that come into being without an administrator: by registration, or by a token of another
//! issuer.

use std::sync::Arc;

use realmkeep_model::user_profile::{Attributes, set_attributes};
use realmkeep_representations::UserRepresentation;
use realmkeep_store::roles::Holder;
use realmkeep_store::{Realm, Step, Store, StoreError, Subject};
use uuid::Uuid;

/// An account, and the steps that write it.
#[derive(Debug)]
pub struct NewAccount {
    pub subject: Arc<Subject>,
    pub steps: Vec<Step>,
}

/// An enabled user with these attributes, and the actions that every new one has to take.
pub fn new_user(realm: &Realm, attributes: &Attributes, now_millis: i64) -> UserRepresentation {
    let mut user = UserRepresentation {
        id: Some(Uuid::new_v4().to_string()),
        enabled: Some(true),
        email_verified: Some(false),
        created_timestamp: Some(now_millis),
        ..UserRepresentation::default()
    };
    set_attributes(&mut user, attributes);
    let actions: Vec<String> = realm
        .settings
        .required_actions
        .iter()
        .flatten()
        .filter(|action| action.default_action == Some(true) && action.enabled != Some(false))
        .filter_map(|action| action.alias.clone())
        .collect();
    user.required_actions = (!actions.is_empty()).then_some(actions);
    user
}

impl NewAccount {
    /// The user with the realm's default role and groups. `between` are steps that need the user to be
    /// there, such as its credentials.
    ///
    /// # Errors
    /// When the user has no JSON form.
    pub fn of(
        store: &Store,
        realm: &Realm,
        user: UserRepresentation,
        between: Vec<Step>,
    ) -> Result<Self, StoreError> {
        let id = user.id.clone().unwrap_or_default();
        let mut steps = vec![store.insert_user(&realm.id, &user, None)?];
        steps.extend(between);
        let role = realm.settings.default_role.as_ref();
        let role = role.and_then(|role| role.id.clone());
        if let Some(role) = &role {
            steps.push(Store::grant_role(Holder::User, &id, role));
        }
        let groups = default_groups(realm);
        for group in &groups {
            steps.push(Store::join_group(&id, group));
        }
        let mut held: Vec<String> = role.into_iter().collect();
        for group in realm.with_ancestors(&groups) {
            let of_group = realm.roles.of_groups.get(&group);
            held.extend(of_group.into_iter().flatten().cloned());
        }
        let subject = Subject {
            user,
            roles: realm.roles.expand(held),
            groups,
        };
        Ok(Self {
            subject: Arc::new(subject),
            steps,
        })
    }
}

/// Ids of the realm's default groups, which are listed by path.
fn default_groups(realm: &Realm) -> Vec<String> {
    let wanted = realm.settings.default_groups.as_deref().unwrap_or_default();
    if wanted.is_empty() {
        return Vec::new();
    }
    let mut ids: Vec<String> = realm
        .groups
        .keys()
        .filter(|id| wanted.contains(&realm.group_path(id)))
        .cloned()
        .collect();
    ids.sort();
    ids
}
