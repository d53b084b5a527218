-- Answers to requests that named an idempotency key, so that the same request again is answered and not carried out.

CREATE TABLE idempotency (
    -- Id of the caller's key; empty for the server's own machine.
    caller      TEXT NOT NULL,
    key         TEXT NOT NULL,
    -- Digest of method, path and body.
    fingerprint TEXT NOT NULL,
    -- NULL while the request is under way.
    status      INTEGER,
    kind        TEXT,
    body        BLOB,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (caller, key)
) STRICT;
CREATE INDEX idempotency_by_age ON idempotency (created_at);
