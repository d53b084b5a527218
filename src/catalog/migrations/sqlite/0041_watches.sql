-- Folders and prefixes in S3 that the server watches for videos. What it saw there is not kept: it looks again.
CREATE TABLE watches (
    id         TEXT PRIMARY KEY NOT NULL,
    uri        TEXT NOT NULL UNIQUE,
    -- Title for all its videos; NULL for each file's name.
    title      TEXT,
    created_at INTEGER NOT NULL
) STRICT;
