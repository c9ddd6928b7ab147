-- Who users are at identity providers, to be found by index. The users' documents hold the same.
CREATE TABLE federated_link (
    realm_id TEXT NOT NULL REFERENCES realm(id) ON DELETE CASCADE,
    alias TEXT NOT NULL,
    subject TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES user_account(id) ON DELETE CASCADE,
    PRIMARY KEY (realm_id, alias, subject, user_id)
);
CREATE INDEX federated_link_user ON federated_link (user_id);
--sqlite INSERT OR IGNORE INTO federated_link (realm_id, alias, subject, user_id) SELECT u.realm_id, json_extract(l.value, '$.identityProvider'), json_extract(l.value, '$.userId'), u.id FROM user_account u, json_each(u.doc, '$.federatedIdentities') l WHERE json_extract(l.value, '$.identityProvider') IS NOT NULL AND json_extract(l.value, '$.userId') IS NOT NULL;
--postgresql INSERT INTO federated_link (realm_id, alias, subject, user_id) SELECT u.realm_id, l.value->>'identityProvider', l.value->>'userId', u.id FROM user_account u, jsonb_array_elements(CASE WHEN jsonb_typeof(u.doc::jsonb->'federatedIdentities') = 'array' THEN u.doc::jsonb->'federatedIdentities' ELSE '[]'::jsonb END) AS l(value) WHERE l.value->>'identityProvider' IS NOT NULL AND l.value->>'userId' IS NOT NULL ON CONFLICT DO NOTHING;
