-- offline: 1 for a session that outlives the login it came from (offline tokens).
ALTER TABLE user_session ADD COLUMN offline BIGINT NOT NULL DEFAULT 0;

-- One line of refresh tokens: those that one grant began. Only lines of which a token was replaced have a row.
-- generation: of the token that is good now, -1 when the line was ended. replaced: generation of the token
-- that was used last. uses: how often that one came again. rotated: when it was used first.
CREATE TABLE refresh_family (
    id TEXT PRIMARY KEY,
    session_id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    generation BIGINT NOT NULL,
    replaced BIGINT NOT NULL,
    uses BIGINT NOT NULL,
    rotated BIGINT NOT NULL,
    FOREIGN KEY (session_id, client_id) REFERENCES client_session (session_id, client_id) ON DELETE CASCADE
);
CREATE INDEX refresh_family_session ON refresh_family (session_id, client_id);

-- A grant that waits for its user on another device: device authorization, CIBA.
-- id: hash of what the client polls with. status: pending, approved or denied.
-- doc: what was asked for. answer: who approved, and in which session.
CREATE TABLE pending_grant (
    id TEXT PRIMARY KEY,
    realm_id TEXT NOT NULL REFERENCES realm(id) ON DELETE CASCADE,
    client_id TEXT NOT NULL REFERENCES client(id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    user_code TEXT,
    status TEXT NOT NULL,
    poll_every BIGINT NOT NULL,
    next_poll BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    doc TEXT NOT NULL,
    answer TEXT
);
CREATE UNIQUE INDEX pending_grant_user_code ON pending_grant (realm_id, user_code);
CREATE INDEX pending_grant_expires ON pending_grant (expires);
