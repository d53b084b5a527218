-- Bins: named, ordered collections of spans of frames. They name frames, not shots, so that a bin keeps its meaning
-- when a video is segmented again.

CREATE TABLE bins (
    id         TEXT PRIMARY KEY NOT NULL,
    name       TEXT NOT NULL,
    -- Counts every change, so that two editors of one bin notice each other.
    revision   INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE bin_items (
    id          TEXT PRIMARY KEY NOT NULL,
    bin_id      TEXT NOT NULL REFERENCES bins (id) ON DELETE CASCADE,
    position    INTEGER NOT NULL,
    asset_id    TEXT NOT NULL REFERENCES assets (id) ON DELETE CASCADE,
    start_frame INTEGER NOT NULL,
    end_frame   INTEGER NOT NULL,
    note        TEXT,
    -- How it was found: the query, its score, and what is said.
    query       TEXT,
    score       REAL,
    line        TEXT
) STRICT;
CREATE INDEX bin_items_in_order ON bin_items (bin_id, position);
CREATE INDEX bin_items_by_asset ON bin_items (asset_id);
