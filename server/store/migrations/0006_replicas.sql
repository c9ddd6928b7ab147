-- What several servers on one database tell each other.

-- One row: how many changes of configuration there were. Its lock orders them.
CREATE TABLE change_position (
    id BIGINT PRIMARY KEY,
    seq BIGINT NOT NULL
);
INSERT INTO change_position (id, seq) VALUES (1, 0);

-- What each of the latest changes was about; kind: realm, client or user.
CREATE TABLE change_log (
    seq BIGINT PRIMARY KEY,
    kind TEXT NOT NULL,
    realm_id TEXT NOT NULL,
    name TEXT NOT NULL
);

-- Facts about the database itself, such as which master key its secrets are sealed with.
CREATE TABLE server_setting (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
