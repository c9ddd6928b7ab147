-- One SQL subset for SQLite and PostgreSQL: TEXT, BIGINT, no engine functions.
-- Times are seconds since 1970, UTC. Documents are JSON representations whose secret fields are sealed.

CREATE TABLE realm (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    epoch BIGINT NOT NULL,
    doc TEXT NOT NULL
);

CREATE TABLE client (
    id TEXT PRIMARY KEY,
    realm_id TEXT NOT NULL REFERENCES realm(id) ON DELETE CASCADE,
    parent TEXT NOT NULL,
    name TEXT NOT NULL,
    doc TEXT NOT NULL,
    UNIQUE (realm_id, name)
);

CREATE TABLE client_scope (
    id TEXT PRIMARY KEY,
    realm_id TEXT NOT NULL REFERENCES realm(id) ON DELETE CASCADE,
    parent TEXT NOT NULL,
    name TEXT NOT NULL,
    doc TEXT NOT NULL,
    UNIQUE (realm_id, name)
);

-- parent: id of the client whose role it is; empty for a realm role.
CREATE TABLE role (
    id TEXT PRIMARY KEY,
    realm_id TEXT NOT NULL REFERENCES realm(id) ON DELETE CASCADE,
    parent TEXT NOT NULL,
    name TEXT NOT NULL,
    doc TEXT NOT NULL,
    UNIQUE (realm_id, parent, name)
);

CREATE TABLE role_composite (
    role_id TEXT NOT NULL REFERENCES role(id) ON DELETE CASCADE,
    child_id TEXT NOT NULL REFERENCES role(id) ON DELETE CASCADE,
    PRIMARY KEY (role_id, child_id)
);
CREATE INDEX role_composite_child ON role_composite (child_id);

-- parent: id of the parent group; empty for a top-level group.
CREATE TABLE realm_group (
    id TEXT PRIMARY KEY,
    realm_id TEXT NOT NULL REFERENCES realm(id) ON DELETE CASCADE,
    parent TEXT NOT NULL,
    name TEXT NOT NULL,
    doc TEXT NOT NULL,
    UNIQUE (realm_id, parent, name)
);

CREATE TABLE group_role (
    group_id TEXT NOT NULL REFERENCES realm_group(id) ON DELETE CASCADE,
    role_id TEXT NOT NULL REFERENCES role(id) ON DELETE CASCADE,
    PRIMARY KEY (group_id, role_id)
);
CREATE INDEX group_role_role ON group_role (role_id);

CREATE TABLE identity_provider (
    id TEXT PRIMARY KEY,
    realm_id TEXT NOT NULL REFERENCES realm(id) ON DELETE CASCADE,
    parent TEXT NOT NULL,
    name TEXT NOT NULL,
    doc TEXT NOT NULL,
    UNIQUE (realm_id, name)
);

-- parent: alias of the identity provider.
CREATE TABLE identity_provider_mapper (
    id TEXT PRIMARY KEY,
    realm_id TEXT NOT NULL REFERENCES realm(id) ON DELETE CASCADE,
    parent TEXT NOT NULL,
    name TEXT NOT NULL,
    doc TEXT NOT NULL,
    UNIQUE (realm_id, parent, name)
);

-- parent: id of the component it belongs to (the realm's id at the top); names need not be unique.
CREATE TABLE component (
    id TEXT PRIMARY KEY,
    realm_id TEXT NOT NULL REFERENCES realm(id) ON DELETE CASCADE,
    parent TEXT NOT NULL,
    name TEXT NOT NULL,
    doc TEXT NOT NULL
);
CREATE INDEX component_parent ON component (realm_id, parent);

-- name: the key id (kid).
CREATE TABLE realm_key (
    id TEXT PRIMARY KEY,
    realm_id TEXT NOT NULL REFERENCES realm(id) ON DELETE CASCADE,
    parent TEXT NOT NULL,
    name TEXT NOT NULL,
    doc TEXT NOT NULL,
    UNIQUE (realm_id, name)
);

-- Roles that a client, or a client scope, may put into tokens when full scope is off.
CREATE TABLE scope_role (
    holder_id TEXT NOT NULL,
    role_id TEXT NOT NULL REFERENCES role(id) ON DELETE CASCADE,
    PRIMARY KEY (holder_id, role_id)
);
CREATE INDEX scope_role_role ON scope_role (role_id);

CREATE TABLE user_account (
    id TEXT PRIMARY KEY,
    realm_id TEXT NOT NULL REFERENCES realm(id) ON DELETE CASCADE,
    username TEXT NOT NULL,
    email TEXT,
    first_name TEXT,
    last_name TEXT,
    enabled BIGINT NOT NULL,
    created BIGINT NOT NULL,
    service_client_id TEXT,
    doc TEXT NOT NULL,
    UNIQUE (realm_id, username)
);
CREATE INDEX user_account_email ON user_account (realm_id, email);
CREATE INDEX user_account_last_name ON user_account (realm_id, last_name);
CREATE INDEX user_account_first_name ON user_account (realm_id, first_name);
CREATE UNIQUE INDEX user_account_service ON user_account (service_client_id);

CREATE TABLE user_role (
    user_id TEXT NOT NULL REFERENCES user_account(id) ON DELETE CASCADE,
    role_id TEXT NOT NULL REFERENCES role(id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, role_id)
);
CREATE INDEX user_role_role ON user_role (role_id);

CREATE TABLE user_group (
    user_id TEXT NOT NULL REFERENCES user_account(id) ON DELETE CASCADE,
    group_id TEXT NOT NULL REFERENCES realm_group(id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, group_id)
);
CREATE INDEX user_group_group ON user_group (group_id);

-- doc: a CredentialRepresentation; its secret data is sealed.
CREATE TABLE credential (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES user_account(id) ON DELETE CASCADE,
    type TEXT NOT NULL,
    priority BIGINT NOT NULL,
    doc TEXT NOT NULL
);
CREATE INDEX credential_user ON credential (user_id, type);

CREATE TABLE user_session (
    id TEXT PRIMARY KEY,
    realm_id TEXT NOT NULL REFERENCES realm(id) ON DELETE CASCADE,
    user_id TEXT NOT NULL REFERENCES user_account(id) ON DELETE CASCADE,
    started BIGINT NOT NULL,
    last_refresh BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    doc TEXT NOT NULL
);
CREATE INDEX user_session_user ON user_session (user_id);
CREATE INDEX user_session_expires ON user_session (expires);
CREATE INDEX user_session_realm ON user_session (realm_id);

-- generation: how many times the refresh token was replaced; uses: how often the current one was used.
CREATE TABLE client_session (
    session_id TEXT NOT NULL REFERENCES user_session(id) ON DELETE CASCADE,
    client_id TEXT NOT NULL REFERENCES client(id) ON DELETE CASCADE,
    started BIGINT NOT NULL,
    last_refresh BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    uses BIGINT NOT NULL,
    doc TEXT NOT NULL,
    PRIMARY KEY (session_id, client_id)
);
CREATE INDEX client_session_client ON client_session (client_id);

-- space: which kind of artefact, so that one kind can never be redeemed as another.
CREATE TABLE single_use (
    space TEXT NOT NULL,
    key TEXT NOT NULL,
    expires BIGINT NOT NULL,
    doc TEXT NOT NULL,
    PRIMARY KEY (space, key)
);
CREATE INDEX single_use_expires ON single_use (expires);
