-- What happened, for the realms that keep events. Times are milliseconds since 1970, UTC; seq orders
-- events of one millisecond. doc: the event's representation.

CREATE TABLE user_event (
    id TEXT PRIMARY KEY,
    realm_id TEXT NOT NULL REFERENCES realm(id) ON DELETE CASCADE,
    seq BIGINT NOT NULL,
    time BIGINT NOT NULL,
    type TEXT NOT NULL,
    client_id TEXT,
    user_id TEXT,
    ip_address TEXT,
    doc TEXT NOT NULL
);
CREATE INDEX user_event_time ON user_event (realm_id, seq);

-- path: below the realm. auth_client, auth_user: ids of the client and user that made the change.
CREATE TABLE admin_event (
    id TEXT PRIMARY KEY,
    realm_id TEXT NOT NULL REFERENCES realm(id) ON DELETE CASCADE,
    seq BIGINT NOT NULL,
    time BIGINT NOT NULL,
    operation TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    path TEXT NOT NULL,
    auth_realm TEXT,
    auth_client TEXT,
    auth_user TEXT,
    ip_address TEXT,
    doc TEXT NOT NULL
);
CREATE INDEX admin_event_time ON admin_event (realm_id, seq);
