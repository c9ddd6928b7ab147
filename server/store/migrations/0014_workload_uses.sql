-- When a workload last proved to be a client with an assertion of an identity provider, and when and
-- why it was last refused. subject: empty where the assertion's signature was not proven; client_id: the
-- client's id, empty where none was found; pod: empty for the workload as a whole. Times are
-- milliseconds since 1970; 0 is never.
CREATE TABLE workload_use (
    realm_id TEXT NOT NULL REFERENCES realm(id) ON DELETE CASCADE,
    provider TEXT NOT NULL,
    subject TEXT NOT NULL,
    client_id TEXT NOT NULL,
    pod TEXT NOT NULL,
    used BIGINT NOT NULL,
    refused BIGINT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (realm_id, provider, subject, client_id, pod)
);
-- Of an object's owner: when it last wrote the object, and when and by whom it was changed since, past
-- the owner. Milliseconds since 1970; 0 is never.
ALTER TABLE object_owner ADD COLUMN applied BIGINT NOT NULL DEFAULT 0;
ALTER TABLE object_owner ADD COLUMN changed BIGINT NOT NULL DEFAULT 0;
ALTER TABLE object_owner ADD COLUMN changed_by TEXT NOT NULL DEFAULT '';
