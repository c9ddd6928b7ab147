-- The user's address in a realm where an address is one user's. Null where several may have it, for
-- whoever shared one before the realm was changed, and for rows from before this column until they
-- change.
ALTER TABLE user_account ADD COLUMN unique_email TEXT;
CREATE UNIQUE INDEX user_account_unique_email ON user_account (realm_id, unique_email);
