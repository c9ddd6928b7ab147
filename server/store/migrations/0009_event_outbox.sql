-- Events that listeners still have to be told of. lane: the listener; of each lane of a realm one event
-- after the other is told, in the order of seq. due: when to try next; doc: the event.
CREATE TABLE event_outbox (
    id TEXT PRIMARY KEY,
    realm_id TEXT NOT NULL REFERENCES realm(id) ON DELETE CASCADE,
    lane TEXT NOT NULL,
    seq BIGINT NOT NULL,
    due BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    doc TEXT NOT NULL
);
CREATE INDEX event_outbox_lane ON event_outbox (realm_id, lane, seq);
