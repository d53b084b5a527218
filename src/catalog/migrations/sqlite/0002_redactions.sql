-- Redactions: batches of pictures whose faces and plates are made unrecognisable.

CREATE TABLE redactions (
    id         TEXT PRIMARY KEY NOT NULL,
    -- receiving: its upload is under way, and nobody sees it yet. listing: its inputs are to be looked up.
    -- open: its files are in the queue, or through. deleting: gone for everybody, to be cleared away.
    stage      TEXT NOT NULL CHECK (stage IN ('receiving', 'listing', 'open', 'deleting')),
    -- What is looked for, how, and what takes its place: JSON.
    settings   TEXT NOT NULL,
    -- Names of files, folders and prefixes: JSON. None for an upload.
    inputs     TEXT NOT NULL DEFAULT '[]',
    -- The s3:// prefix that the results are written below; the store if there is none.
    output     TEXT,
    -- Files below its inputs that are no pictures.
    skipped    INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL
) STRICT;

-- One picture of a redaction; also the queue.
CREATE TABLE redaction_files (
    redaction_id TEXT NOT NULL REFERENCES redactions (id) ON DELETE CASCADE,
    ordinal      INTEGER NOT NULL,
    -- Relative and plain.
    name         TEXT NOT NULL,
    -- Where the original is; none once that of an upload is deleted.
    source       TEXT,
    state        TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed')),
    attempts     INTEGER NOT NULL DEFAULT 0,
    not_before   INTEGER NOT NULL DEFAULT 0,
    -- Regions made unrecognisable.
    regions      INTEGER,
    -- Media type of the result; none if there is no picture.
    media_type   TEXT,
    failure_kind TEXT,
    failure_code TEXT,
    reason       TEXT,
    finished_at  INTEGER,
    PRIMARY KEY (redaction_id, ordinal),
    UNIQUE (redaction_id, name)
) STRICT;
CREATE INDEX redaction_files_by_state ON redaction_files (state, redaction_id, ordinal);
-- Uploaded originals of files that are through, until they are deleted.
CREATE INDEX redaction_files_spent ON redaction_files (redaction_id)
    WHERE state IN ('done', 'failed') AND substr(source, 1, 6) = 'store:';
