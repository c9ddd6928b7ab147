-- Searches among many users. Names are kept in lower case here, as they are compared; the document has them
-- as they were given. The indexes hold what a search reads, so that it reads no user but those it shows.
UPDATE user_account SET first_name = lower(first_name), last_name = lower(last_name);
DROP INDEX user_account_email;
DROP INDEX user_account_last_name;
DROP INDEX user_account_first_name;
CREATE INDEX user_account_email ON user_account (realm_id, email, username, id, enabled, service_client_id);
CREATE INDEX user_account_last_name ON user_account (realm_id, last_name, username, id, enabled, service_client_id);
CREATE INDEX user_account_first_name ON user_account (realm_id, first_name, username, id, enabled, service_client_id);

-- Attributes of users, to search by; the users' documents hold the same. value: the beginning of a long one.
CREATE TABLE user_attribute (
    user_id TEXT NOT NULL REFERENCES user_account(id) ON DELETE CASCADE,
    realm_id TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (user_id, name, value)
);
CREATE INDEX user_attribute_value ON user_attribute (realm_id, name, value);
--sqlite INSERT OR IGNORE INTO user_attribute (user_id, realm_id, name, value) SELECT u.id, u.realm_id, a.key, substr(v.value, 1, 255) FROM user_account u, json_each(u.doc, '$.attributes') a, json_each(a.value) v WHERE a.type = 'array' AND v.value IS NOT NULL;
--postgresql INSERT INTO user_attribute (user_id, realm_id, name, value) SELECT u.id, u.realm_id, a.key, left(v.value, 255) FROM user_account u, jsonb_each(CASE WHEN jsonb_typeof(u.doc::jsonb->'attributes') = 'object' THEN u.doc::jsonb->'attributes' ELSE '{}'::jsonb END) AS a(key, value), jsonb_array_elements_text(CASE WHEN jsonb_typeof(a.value) = 'array' THEN a.value ELSE '[]'::jsonb END) AS v(value) WHERE v.value IS NOT NULL ON CONFLICT DO NOTHING;
