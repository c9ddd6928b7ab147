-- Failed logins of a user, for the detection of guessing. Times are milliseconds since 1970.
-- user_id names an account or, for logins that name nobody, one of a few places; no reference
-- therefore. pending: attempts whose outcome is not known yet. version: counts the changes.
CREATE TABLE login_failure (
    realm_id TEXT NOT NULL REFERENCES realm(id) ON DELETE CASCADE,
    user_id TEXT NOT NULL,
    failures BIGINT NOT NULL,
    last_failure BIGINT NOT NULL,
    last_ip TEXT NOT NULL,
    locked_until BIGINT NOT NULL,
    lockouts BIGINT NOT NULL,
    pending BIGINT NOT NULL,
    pending_since BIGINT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (realm_id, user_id)
);

-- The highest counter, time step or code number of a credential that was used; it only rises.
CREATE TABLE credential_counter (
    credential_id TEXT PRIMARY KEY REFERENCES credential(id) ON DELETE CASCADE,
    counter BIGINT NOT NULL
);
