-- Uploads that a client may continue after its line broke: their bytes lie in the spool folder until they are complete.

CREATE TABLE resumable_uploads (
    id         TEXT PRIMARY KEY NOT NULL,
    -- Id of the key that made it; NULL for the server's own machine.
    owner      TEXT,
    name       TEXT NOT NULL,
    title      TEXT,
    length     INTEGER NOT NULL,
    -- Bytes that are safe on the disk.
    received   INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    -- What became of it.
    asset_id   TEXT,
    job_id     TEXT
) STRICT;
CREATE INDEX resumable_uploads_by_age ON resumable_uploads (expires_at);
