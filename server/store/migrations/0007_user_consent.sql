-- What users allowed applications to have. doc: ids of the granted client scopes.
-- created, updated: milliseconds since 1970.
CREATE TABLE user_consent (
    user_id TEXT NOT NULL REFERENCES user_account(id) ON DELETE CASCADE,
    client_id TEXT NOT NULL REFERENCES client(id) ON DELETE CASCADE,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    doc TEXT NOT NULL,
    PRIMARY KEY (user_id, client_id)
);
CREATE INDEX user_consent_client ON user_consent (client_id);
