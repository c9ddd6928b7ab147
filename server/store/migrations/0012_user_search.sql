-- Searches among many users. Names are kept in lower case here, as they are compared; the document has them
-- as they were given. The indexes hold what a search reads, so that it reads no user but those it shows.
UPDATE user_account SET first_name = lower(first_name), last_name = lower(last_name);
DROP INDEX user_account_email;
DROP INDEX user_account_last_name;
DROP INDEX user_account_first_name;
CREATE INDEX user_account_email ON user_account (realm_id, email, username, id, enabled, service_client_id);
CREATE INDEX user_account_last_name ON user_account (realm_id, last_name, username, id, enabled, service_client_id);
CREATE INDEX user_account_first_name ON user_account (realm_id, first_name, username, id, enabled, service_client_id);

-- Attributes of users, to search by. value: the beginning of a long one.
CREATE TABLE user_attribute (
    user_id TEXT NOT NULL REFERENCES user_account(id) ON DELETE CASCADE,
    realm_id TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (user_id, name, value)
);
CREATE INDEX user_attribute_value ON user_attribute (realm_id, name, value);
-- A database that has users already writes their attributes down at the first search for one.
INSERT INTO server_setting (name, value) SELECT 'user-attributes', 'complete' WHERE NOT EXISTS (SELECT 1 FROM user_account);
