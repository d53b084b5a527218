-- Keys for programs that reach the server from elsewhere.

CREATE TABLE keys (
    id           TEXT PRIMARY KEY NOT NULL,
    name         TEXT NOT NULL,
    -- What it is good for: 'work' so far.
    scope        TEXT NOT NULL,
    -- BLAKE3 of the secret, in hex. The secret itself is shown once and never kept.
    hash         TEXT NOT NULL UNIQUE,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER,
    revoked_at   INTEGER
) STRICT;
-- A name can be given again once its key is revoked.
CREATE UNIQUE INDEX keys_in_use ON keys (name) WHERE revoked_at IS NULL;
