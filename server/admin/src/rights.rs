//! What an administrator may do in a realm.

use std::collections::BTreeSet;

use realmkeep_model::fresh::roles::{REALM_ADMIN, RIGHTS};

/// A right on a realm: a role of `realm-management`, or of `<realm>-realm` in the master realm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right(&'static str);

#[allow(missing_docs)]
impl Right {
    pub const CREATE_CLIENT: Self = Self("create-client");
    pub const IMPERSONATION: Self = Self("impersonation");
    pub const MANAGE_CLIENTS: Self = Self("manage-clients");
    pub const MANAGE_EVENTS: Self = Self("manage-events");
    pub const MANAGE_IDENTITY_PROVIDERS: Self = Self("manage-identity-providers");
    pub const MANAGE_REALM: Self = Self("manage-realm");
    pub const MANAGE_USERS: Self = Self("manage-users");
    pub const QUERY_CLIENTS: Self = Self("query-clients");
    pub const QUERY_GROUPS: Self = Self("query-groups");
    pub const QUERY_REALMS: Self = Self("query-realms");
    pub const QUERY_USERS: Self = Self("query-users");
    pub const VIEW_CLIENTS: Self = Self("view-clients");
    pub const VIEW_EVENTS: Self = Self("view-events");
    pub const VIEW_IDENTITY_PROVIDERS: Self = Self("view-identity-providers");
    pub const VIEW_REALM: Self = Self("view-realm");
    pub const VIEW_USERS: Self = Self("view-users");
}

impl Right {
    /// The right that this client role stands for.
    pub fn named(name: &str) -> Option<Self> {
        RIGHTS
            .iter()
            .find(|right| right.name == name)
            .map(|right| Self(right.name))
    }
}

/// Rights of one administrator in one realm.
#[derive(Clone, Debug, Default)]
pub struct Rights(BTreeSet<Right>);

impl Rights {
    /// From the names of the client roles held; names that are no rights are left out.
    pub fn from_roles<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut rights = BTreeSet::new();
        for name in names {
            if name == REALM_ADMIN {
                rights.extend(RIGHTS.iter().map(|r| Right(r.name)));
            }
            rights.extend(Right::named(name));
        }
        Self(rights)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn has(&self, right: Right) -> bool {
        self.0.contains(&right) || managing(right).is_some_and(|manage| self.0.contains(&manage))
    }

    pub fn has_any(&self, rights: &[Right]) -> bool {
        rights.iter().any(|right| self.has(*right))
    }

    /// Names of the roles that give these rights.
    pub fn names(&self) -> BTreeSet<String> {
        self.0.iter().map(|right| right.0.to_owned()).collect()
    }

    /// Whether granting the role `name` of the realm's management client gives nothing new.
    pub fn covers_role(&self, name: &str) -> bool {
        match Right::named(name) {
            Some(right) => self.0.contains(&right),
            None => name == REALM_ADMIN && RIGHTS.iter().all(|r| self.0.contains(&Right(r.name))),
        }
    }
}

/// The right to change includes the right to see.
fn managing(view: Right) -> Option<Right> {
    Some(match view {
        Right::VIEW_CLIENTS | Right::QUERY_CLIENTS => Right::MANAGE_CLIENTS,
        Right::VIEW_EVENTS => Right::MANAGE_EVENTS,
        Right::VIEW_IDENTITY_PROVIDERS => Right::MANAGE_IDENTITY_PROVIDERS,
        Right::VIEW_REALM | Right::QUERY_REALMS => Right::MANAGE_REALM,
        Right::VIEW_USERS | Right::QUERY_USERS | Right::QUERY_GROUPS => Right::MANAGE_USERS,
        Right::CREATE_CLIENT => Right::MANAGE_CLIENTS,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn to_manage_is_to_see_but_not_the_other_way() {
        let manager = Rights::from_roles(["manage-users"]);
        assert!(manager.has(Right::VIEW_USERS));
        assert!(!manager.has(Right::VIEW_CLIENTS));
        let viewer = Rights::from_roles(["view-users", "query-users", "query-groups"]);
        assert!(!viewer.has(Right::MANAGE_USERS));
        assert!(!viewer.covers_role("manage-users"));
        assert!(viewer.covers_role("view-users"));
    }

    #[test]
    fn only_all_rights_cover_realm_admin() {
        assert!(Rights::from_roles(["realm-admin"]).covers_role("realm-admin"));
        assert!(!Rights::from_roles(["manage-users", "manage-realm"]).covers_role("realm-admin"));
        assert!(!Rights::from_roles(["realm-admin"]).covers_role("something-else"));
    }
}
