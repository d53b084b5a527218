-- The catalogue: what there is, what was computed of it, and what readers see.
-- Times are Unix milliseconds. Ids are ULIDs.

CREATE TABLE titles (
    id         TEXT PRIMARY KEY NOT NULL,
    name       TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE assets (
    id         TEXT PRIMARY KEY NOT NULL,
    title_id   TEXT NOT NULL REFERENCES titles (id),
    uri        TEXT NOT NULL,
    version    TEXT,
    size       INTEGER NOT NULL,
    -- BLAKE3 in hex, once the bytes have been read whole.
    blake3     TEXT UNIQUE,
    -- Subtitle files given or found beside the film: JSON.
    sidecars   TEXT NOT NULL DEFAULT '[]',
    -- The generation that readers see; 0 is none yet.
    generation INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX assets_by_title ON assets (title_id);

-- Where an asset's bytes were seen. The same place and version answers with the asset that is there.
CREATE TABLE locators (
    uri      TEXT NOT NULL,
    version  TEXT NOT NULL,
    size     INTEGER NOT NULL,
    asset_id TEXT NOT NULL REFERENCES assets (id) ON DELETE CASCADE,
    PRIMARY KEY (uri, version, size)
) STRICT;
CREATE INDEX locators_by_asset ON locators (asset_id);

-- Ids given out for what turned out to be the same bytes as another asset.
CREATE TABLE aliases (
    id       TEXT PRIMARY KEY NOT NULL,
    asset_id TEXT NOT NULL REFERENCES assets (id) ON DELETE CASCADE
) STRICT;

-- One computation of one feature; also the queue.
CREATE TABLE runs (
    id           TEXT PRIMARY KEY NOT NULL,
    asset_id     TEXT NOT NULL REFERENCES assets (id) ON DELETE CASCADE,
    feature      TEXT NOT NULL,
    -- Digest of feature, code version, parameters and input runs.
    key          TEXT NOT NULL,
    params       TEXT NOT NULL,
    queue        TEXT NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('pending', 'running', 'ready', 'failed', 'cancelled')),
    attempts     INTEGER NOT NULL DEFAULT 0,
    not_before   INTEGER NOT NULL DEFAULT 0,
    -- Fencing token of the newest lease.
    token        INTEGER NOT NULL DEFAULT 0,
    worker       TEXT,
    lease_until  INTEGER,
    done         INTEGER NOT NULL DEFAULT 0,
    total        INTEGER,
    failure_kind TEXT,
    reason       TEXT,
    -- The result as JSON, less what has tables of its own.
    output       TEXT,
    created_at   INTEGER NOT NULL,
    started_at   INTEGER,
    finished_at  INTEGER,
    UNIQUE (asset_id, key)
) STRICT;
CREATE INDEX runs_by_state ON runs (state, queue, not_before);

CREATE TABLE run_inputs (
    run_id   TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    input_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    PRIMARY KEY (run_id, input_id)
) STRICT;
CREATE INDEX run_inputs_by_input ON run_inputs (input_id);

-- The run that was last asked for of each feature of an asset.
CREATE TABLE wanted (
    asset_id TEXT NOT NULL REFERENCES assets (id) ON DELETE CASCADE,
    feature  TEXT NOT NULL,
    run_id   TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    PRIMARY KEY (asset_id, feature)
) STRICT;

-- The consistent set of runs that readers see.
CREATE TABLE published (
    asset_id TEXT NOT NULL REFERENCES assets (id) ON DELETE CASCADE,
    feature  TEXT NOT NULL,
    run_id   TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    PRIMARY KEY (asset_id, feature)
) STRICT;

CREATE TABLE shots (
    run_id      TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    ordinal     INTEGER NOT NULL,
    start_frame INTEGER NOT NULL,
    end_frame   INTEGER NOT NULL,
    start_ms    INTEGER NOT NULL,
    end_ms      INTEGER NOT NULL,
    boundary    TEXT NOT NULL,
    confidence  REAL NOT NULL,
    PRIMARY KEY (run_id, ordinal)
) STRICT;
CREATE INDEX shots_by_start ON shots (run_id, start_frame);

-- Keys in the object store, one a shot: proxies and thumbnails.
CREATE TABLE objects (
    run_id  TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    key     TEXT NOT NULL,
    PRIMARY KEY (run_id, ordinal)
) STRICT;

-- Unit vectors, f32 little-endian, one a shot. The space is in the run's output.
CREATE TABLE vectors (
    run_id  TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    vector  BLOB NOT NULL,
    PRIMARY KEY (run_id, ordinal)
) STRICT;

CREATE TABLE cues (
    run_id      TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    ordinal     INTEGER NOT NULL,
    start_frame INTEGER NOT NULL,
    end_frame   INTEGER NOT NULL,
    start_ms    INTEGER NOT NULL,
    end_ms      INTEGER NOT NULL,
    text        TEXT NOT NULL,
    language    TEXT,
    PRIMARY KEY (run_id, ordinal)
) STRICT;

-- What a person asked for and follows: that the features of an asset be ready.
CREATE TABLE jobs (
    id         TEXT PRIMARY KEY NOT NULL,
    asset_id   TEXT NOT NULL REFERENCES assets (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL
) STRICT;

-- Readers of the catalogue follow this: the asset is to be looked at again.
CREATE TABLE changes (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    asset_id TEXT NOT NULL
) STRICT;
CREATE INDEX changes_by_asset ON changes (asset_id, seq);

-- Stored objects that nothing refers to any more, until they are deleted.
CREATE TABLE garbage (
    prefix TEXT PRIMARY KEY NOT NULL
) STRICT;
