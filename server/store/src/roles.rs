//! Links between roles and what holds them.

use crate::db::{Step, statements};
use crate::{Store, StoreError};

statements! {
    COMPOSITE_ADD = "INSERT INTO role_composite (role_id, child_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    COMPOSITE_REMOVE = "DELETE FROM role_composite WHERE role_id = ?1 AND child_id = ?2";
    COMPOSITES = "SELECT c.role_id, c.child_id FROM role_composite c JOIN role r ON r.id = c.role_id WHERE r.realm_id = ?1";
    USER_ADD = "INSERT INTO user_role (user_id, role_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    USER_REMOVE = "DELETE FROM user_role WHERE user_id = ?1 AND role_id = ?2";
    OF_USER = "SELECT role_id FROM user_role WHERE user_id = ?1";
    USERS_WITH = "SELECT u.doc FROM user_role r JOIN user_account u ON u.id = r.user_id WHERE r.role_id = ?1 AND u.realm_id = ?2 ORDER BY u.username LIMIT ?3 OFFSET ?4";
    GROUP_ADD = "INSERT INTO group_role (group_id, role_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    GROUP_REMOVE = "DELETE FROM group_role WHERE group_id = ?1 AND role_id = ?2";
    OF_GROUPS = "SELECT g.group_id, g.role_id FROM group_role g JOIN realm_group r ON r.id = g.group_id WHERE r.realm_id = ?1";
    SCOPE_ADD = "INSERT INTO scope_role (holder_id, role_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    SCOPE_REMOVE = "DELETE FROM scope_role WHERE holder_id = ?1 AND role_id = ?2";
    SCOPES = "SELECT s.holder_id, s.role_id FROM scope_role s JOIN role r ON r.id = s.role_id WHERE r.realm_id = ?1";
    SCOPE_FORGET = "DELETE FROM scope_role WHERE holder_id = ?1";
}

/// What can hold a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A composite role.
    Role,
    User,
    Group,
    /// A client or client scope whose tokens may carry the role.
    Scope,
}

impl Store {
    /// The step that gives the role to the holder; harmless when it has it already.
    pub fn grant_role(holder: Holder, holder_id: &str, role_id: &str) -> Step {
        let statement = match holder {
            Holder::Role => &COMPOSITE_ADD,
            Holder::User => &USER_ADD,
            Holder::Group => &GROUP_ADD,
            Holder::Scope => &SCOPE_ADD,
        };
        Step::new(statement, vec![holder_id.into(), role_id.into()])
            .on_conflict("the role or its holder is gone")
    }

    /// The step that takes the role from the holder; harmless when it does not have it.
    pub fn revoke_role(holder: Holder, holder_id: &str, role_id: &str) -> Step {
        let statement = match holder {
            Holder::Role => &COMPOSITE_REMOVE,
            Holder::User => &USER_REMOVE,
            Holder::Group => &GROUP_REMOVE,
            Holder::Scope => &SCOPE_REMOVE,
        };
        Step::new(statement, vec![holder_id.into(), role_id.into()])
    }

    /// The step that forgets the scope mappings of a deleted client or client scope.
    pub fn forget_scope(holder_id: &str) -> Step {
        Step::new(&SCOPE_FORGET, vec![holder_id.into()])
    }

    /// Ids of the roles that the user holds directly.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn roles_of_user(&self, user_id: &str) -> Result<Vec<String>, StoreError> {
        let rows = self.query(&OF_USER, &[user_id.into()]).await?;
        rows.iter()
            .map(|row| row.text(0).map(str::to_owned))
            .collect()
    }

    /// (role id, id of a role inside it) for every composite role of the realm.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn composites(&self, realm_id: &str) -> Result<Vec<(String, String)>, StoreError> {
        self.pairs(&COMPOSITES, realm_id).await
    }

    /// (group id, role id) for every group of the realm.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn roles_of_groups(
        &self,
        realm_id: &str,
    ) -> Result<Vec<(String, String)>, StoreError> {
        self.pairs(&OF_GROUPS, realm_id).await
    }

    /// (client or client scope id, role id) for every scope mapping of the realm.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn scope_roles(&self, realm_id: &str) -> Result<Vec<(String, String)>, StoreError> {
        self.pairs(&SCOPES, realm_id).await
    }

    async fn pairs(
        &self,
        statement: &'static crate::Statement,
        realm_id: &str,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let rows = self.query(statement, &[realm_id.into()]).await?;
        rows.iter()
            .map(|row| Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned())))
            .collect()
    }
}
