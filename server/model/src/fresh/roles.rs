//! The roles that are rights on a realm, and those of the account client.

/// A built-in client role and the roles of the same client inside it.
#[derive(Clone, Copy, Debug)]
pub struct Right {
    pub name: &'static str,
    pub includes: &'static [&'static str],
}

/// The role of `realm-management` that contains all [`RIGHTS`].
pub const REALM_ADMIN: &str = "realm-admin";

/// Rights on a realm: roles of `realm-management` in the realm itself, and of `<realm>-realm` in the
/// master realm.
pub const RIGHTS: [Right; 21] = [
    right("create-client", &[]),
    right("impersonation", &[]),
    right("manage-authorization", &[]),
    right("manage-clients", &[]),
    right("manage-events", &[]),
    right("manage-identity-providers", &[]),
    right("manage-organizations", &[]),
    right("manage-realm", &[]),
    right("manage-users", &[]),
    right("query-clients", &[]),
    right("query-groups", &[]),
    right("query-organizations", &[]),
    right("query-realms", &[]),
    right("query-users", &[]),
    right("view-authorization", &[]),
    right("view-clients", &["query-clients"]),
    right("view-events", &[]),
    right("view-identity-providers", &[]),
    right("view-organizations", &["query-organizations"]),
    right("view-realm", &[]),
    right("view-users", &["query-groups", "query-users"]),
];

/// Roles of the `account` client.
pub const ACCOUNT: [Right; 8] = [
    right("delete-account", &[]),
    right("manage-account", &["manage-account-links"]),
    right("manage-account-links", &[]),
    right("manage-consent", &["view-consent"]),
    right("view-applications", &[]),
    right("view-consent", &[]),
    right("view-groups", &[]),
    right("view-profile", &[]),
];

const fn right(name: &'static str, includes: &'static [&'static str]) -> Right {
    Right { name, includes }
}
