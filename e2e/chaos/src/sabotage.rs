//! A database that undoes at each commit what the servers rely on, behind their backs: the servers
//! are the real ones, and a checker that finds nothing then is known to be blind.

use anyhow::Result;

use crate::database::Database;
use crate::history::Invariant;

/// What is broken, each of which the checker has to find.
pub const BROKEN: [Invariant; 7] = [
    Invariant::NothingLost,
    Invariant::CodeOnce,
    Invariant::ThingOnce,
    Invariant::OneSuccessor,
    Invariant::TakenBack,
    Invariant::Locked,
    Invariant::EventWithChange,
];

/// A trigger: its name, when it comes, for which rows, and what it does.
const TRIGGERS: [(&str, &str, &str, &str); 7] = [
    (
        "lose_users",
        "INSERT ON user_account",
        "NEW.username LIKE 'user-%7'",
        "DELETE FROM user_account WHERE id = NEW.id",
    ),
    (
        "put_back_things",
        "DELETE ON single_use",
        "OLD.space IN ('code', 'pushed-request')",
        "INSERT INTO single_use SELECT OLD.* ON CONFLICT DO NOTHING",
    ),
    (
        "forget_uses",
        "INSERT ON single_use",
        "NEW.space = 'used-code'",
        "DELETE FROM single_use WHERE space = NEW.space AND key = NEW.key",
    ),
    (
        "forget_rotations",
        "INSERT OR UPDATE ON refresh_family",
        "true",
        "DELETE FROM refresh_family WHERE id = NEW.id",
    ),
    (
        "enable_again",
        "UPDATE ON user_account",
        "NEW.enabled < OLD.enabled",
        "UPDATE user_account SET enabled = OLD.enabled, doc = OLD.doc WHERE id = NEW.id",
    ),
    (
        "forget_failures",
        "INSERT OR UPDATE ON login_failure",
        "NEW.failures > 0",
        "UPDATE login_failure SET failures = 0, locked_until = 0 \
         WHERE realm_id = NEW.realm_id AND user_id = NEW.user_id",
    ),
    (
        "lose_events",
        "INSERT ON admin_event",
        "NEW.path LIKE 'users/%7'",
        "DELETE FROM admin_event WHERE id = NEW.id",
    ),
];

/// From then on.
pub async fn break_database(database: &Database) -> Result<()> {
    for (name, when, which, what) in TRIGGERS {
        let sql = format!(
            "CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS \
             $$ BEGIN {what}; RETURN NULL; END $$; \
             CREATE CONSTRAINT TRIGGER {name} AFTER {when} DEFERRABLE INITIALLY DEFERRED \
             FOR EACH ROW WHEN ({which}) EXECUTE FUNCTION {name}()"
        );
        database.execute_in("id", &[&sql]).await?;
    }
    Ok(())
}
