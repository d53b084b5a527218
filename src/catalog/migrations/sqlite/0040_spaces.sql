-- Models for search by sight, side by side. One of them answers; the others are built or kept beside it.
-- Without a row, the model in the settings is the only one.

CREATE TABLE sight_models (
    model      TEXT PRIMARY KEY NOT NULL,
    -- The space of its vectors, model@revision, and their length.
    space      TEXT NOT NULL,
    dims       INTEGER NOT NULL,
    -- Once built, it stays built: what is missing is then what was registered lately.
    state      TEXT NOT NULL CHECK (state IN ('building', 'built', 'removing')),
    is_active  INTEGER NOT NULL DEFAULT 0 CHECK (is_active IN (0, 1)),
    created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX one_active_model ON sight_models (is_active) WHERE is_active = 1;

-- Vectors of a model that does not answer. Nothing waits for such a run, and all others go first.
ALTER TABLE runs ADD COLUMN background INTEGER NOT NULL DEFAULT 0;
DROP INDEX runs_to_lease;
CREATE INDEX runs_to_lease ON runs (queue, background, deaths, asset_id) WHERE state = 'pending' AND waits_for = 0;
