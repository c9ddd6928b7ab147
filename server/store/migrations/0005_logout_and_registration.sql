-- Logout notices that applications still have to get. due: when to try next; doc: for whom and what.
CREATE TABLE logout_notice (
    id TEXT PRIMARY KEY,
    realm_id TEXT NOT NULL REFERENCES realm(id) ON DELETE CASCADE,
    due BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    doc TEXT NOT NULL
);
CREATE INDEX logout_notice_due ON logout_notice (due);

-- Tokens that let their holder register clients. expires: 0 for never; remaining: how many clients still.
CREATE TABLE client_initial_access (
    id TEXT PRIMARY KEY,
    realm_id TEXT NOT NULL REFERENCES realm(id) ON DELETE CASCADE,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    count BIGINT NOT NULL,
    remaining BIGINT NOT NULL,
    doc TEXT NOT NULL
);
CREATE INDEX client_initial_access_realm ON client_initial_access (realm_id);

-- Which registration access token is good for a client now. auth: which policies it was registered under.
CREATE TABLE client_registration_access (
    client_id TEXT PRIMARY KEY REFERENCES client(id) ON DELETE CASCADE,
    token_id TEXT NOT NULL,
    auth TEXT NOT NULL
);
