-- Which tool manages an object. object: the object's path below the realm, empty for the realm itself.
-- doc: the owner.
CREATE TABLE object_owner (
    realm_id TEXT NOT NULL REFERENCES realm(id) ON DELETE CASCADE,
    object TEXT NOT NULL,
    doc TEXT NOT NULL,
    PRIMARY KEY (realm_id, object)
);
-- Change feeds read one realm's changes.
CREATE INDEX change_log_realm ON change_log (realm_id, seq);
