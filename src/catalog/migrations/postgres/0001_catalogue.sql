-- The catalogue in PostgreSQL, as the newest migration for SQLite leaves it there. Migrations are added to both folders.
--
-- Text is ordered and folded byte by byte (collation "C"), whatever the collation of the database is, so that both databases
-- list alike. `rowid` is what every table of SQLite has: the rank of a row among all that were ever inserted.

-- The functions of SQLite that the catalogue's statements use.

CREATE TYPE json_item AS (
    key TEXT COLLATE "C",
    -- Text and numbers as they are, lists and objects as JSON.
    value TEXT COLLATE "C",
    -- 'text', 'integer', 'real', 'true', 'false', 'null', 'array' or 'object'.
    type TEXT COLLATE "C"
);

CREATE FUNCTION json_each(list TEXT) RETURNS SETOF json_item
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 100 AS $$
    SELECT i.key, i.value #>> '{}',
           CASE json_typeof(i.value)
               WHEN 'string' THEN 'text'
               WHEN 'number' THEN CASE WHEN i.value #>> '{}' ~ '[.eE]' THEN 'real' ELSE 'integer' END
               WHEN 'boolean' THEN i.value #>> '{}'
               ELSE json_typeof(i.value) END
      FROM (SELECT CAST(e.rank - 1 AS TEXT) AS key, e.value
              FROM json_array_elements(CASE WHEN json_typeof(list::json) = 'array' THEN list::json END)
                   WITH ORDINALITY AS e (value, rank)
            UNION ALL
            SELECT o.key, o.value
              FROM pg_catalog.json_each(CASE WHEN json_typeof(list::json) = 'object' THEN list::json END) o) i
$$;

-- A path begins with '$'; anything else is the name of a member.
CREATE FUNCTION json_extract(document TEXT, path TEXT) RETURNS TEXT
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN path LIKE '$%' THEN jsonb_path_query_first(document::jsonb, path::jsonpath) #>> '{}'
                ELSE document::json ->> path END
$$;

CREATE FUNCTION json_element(document TEXT, index INTEGER) RETURNS TEXT
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT document::json ->> index
$$;

CREATE FUNCTION json_part(document TEXT, path TEXT) RETURNS TEXT
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CAST(jsonb_path_query_first(document::jsonb, path::jsonpath) AS TEXT)
$$;

CREATE OPERATOR ->> (LEFTARG = TEXT, RIGHTARG = TEXT, FUNCTION = json_extract);
CREATE OPERATOR ->> (LEFTARG = TEXT, RIGHTARG = INTEGER, FUNCTION = json_element);
CREATE OPERATOR -> (LEFTARG = TEXT, RIGHTARG = TEXT, FUNCTION = json_part);

CREATE FUNCTION instr(text TEXT, part TEXT) RETURNS INTEGER
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT strpos(text, part)
$$;

CREATE FUNCTION round(number DOUBLE PRECISION, digits INTEGER) RETURNS DOUBLE PRECISION
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CAST(round(CAST(number AS NUMERIC), digits) AS DOUBLE PRECISION)
$$;

-- Values as SQLite writes them: 25.0, and 15 digits.
CREATE FUNCTION as_text(number DOUBLE PRECISION) RETURNS TEXT
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN number = trunc(number) AND abs(number) < 1e15 THEN CAST(CAST(number AS NUMERIC) AS TEXT) || '.0'
                ELSE CAST(CAST(number AS NUMERIC) AS TEXT) END
$$;

CREATE FUNCTION as_text(number BIGINT) RETURNS TEXT
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CAST(number AS TEXT)
$$;

CREATE FUNCTION as_text(value TEXT) RETURNS TEXT
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT value
$$;

CREATE FUNCTION now_ms() RETURNS BIGINT
LANGUAGE sql VOLATILE AS $$
    SELECT CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS BIGINT)
$$;

-- The words of labels: without case and accents, stemmed as in English. No word is left out.

CREATE TEXT SEARCH DICTIONARY label_stem (TEMPLATE = pg_catalog.snowball, LANGUAGE = english);
CREATE TEXT SEARCH CONFIGURATION label_words (COPY = pg_catalog.simple);
ALTER TEXT SEARCH CONFIGURATION label_words ALTER MAPPING FOR asciiword, word, numword WITH label_stem;

CREATE FUNCTION label_text(text TEXT) RETURNS TEXT
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT regexp_replace(
               regexp_replace(normalize(lower(text COLLATE "default"), NFD), '[\u0300-\u036f]', '', 'g'),
               '[!-/:-@\[-`{-~]+', ' ', 'g')
$$;

CREATE FUNCTION label_vector(text TEXT) RETURNS TSVECTOR
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path FROM CURRENT AS $$
    SELECT to_tsvector('label_words', label_text(text))
$$;

-- One of the words of a list in JSON.
CREATE FUNCTION label_query(words TEXT) RETURNS TSQUERY
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path FROM CURRENT AS $$
    SELECT CAST(COALESCE(string_agg('(' || CAST(w.query AS TEXT) || ')', ' | '), '') AS TSQUERY)
      FROM (SELECT plainto_tsquery('label_words', label_text(value)) AS query FROM json_each(words)) w
     WHERE numnode(w.query) > 0
$$;

-- Tables.

CREATE TABLE titles (
    id TEXT COLLATE "C" PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    metadata TEXT COLLATE "C" NOT NULL DEFAULT '{}',
    kept BOOLEAN NOT NULL DEFAULT FALSE
);

CREATE TABLE assets (
    id TEXT COLLATE "C" PRIMARY KEY,
    title_id TEXT COLLATE "C" NOT NULL REFERENCES titles (id),
    uri TEXT COLLATE "C" NOT NULL,
    version TEXT COLLATE "C",
    size BIGINT NOT NULL,
    -- BLAKE3 in hex, once the bytes have been read whole.
    blake3 TEXT COLLATE "C" UNIQUE,
    -- Subtitle files given or found beside the film: JSON.
    sidecars TEXT COLLATE "C" NOT NULL DEFAULT '[]',
    -- The generation that readers see; 0 is none yet.
    generation BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    shots BIGINT NOT NULL DEFAULT 0,
    registered BIGINT NOT NULL DEFAULT 0,
    metadata TEXT COLLATE "C" NOT NULL DEFAULT '{}',
    tags TEXT COLLATE "C" NOT NULL DEFAULT '[]',
    content BIGINT NOT NULL DEFAULT 0,
    added_subtitles TEXT COLLATE "C" NOT NULL DEFAULT '[]',
    removed_subtitles TEXT COLLATE "C" NOT NULL DEFAULT '[]',
    last_content BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE labels (
    id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('title', 'tag', 'note')),
    -- Of a title, of an asset, or of frames of an asset.
    title_id TEXT COLLATE "C" REFERENCES titles (id) ON DELETE CASCADE,
    asset_id TEXT COLLATE "C" REFERENCES assets (id) ON DELETE CASCADE,
    start_frame BIGINT,
    end_frame BIGINT,
    text TEXT COLLATE "C" NOT NULL,
    words TSVECTOR GENERATED ALWAYS AS (label_vector(text)) STORED
);

CREATE TABLE locators (
    rowid BIGINT GENERATED BY DEFAULT AS IDENTITY UNIQUE,
    uri TEXT COLLATE "C" NOT NULL,
    version TEXT COLLATE "C" NOT NULL,
    size BIGINT NOT NULL,
    asset_id TEXT COLLATE "C" NOT NULL REFERENCES assets (id) ON DELETE CASCADE,
    PRIMARY KEY (uri, version, size)
);

CREATE TABLE aliases (
    id TEXT COLLATE "C" PRIMARY KEY,
    asset_id TEXT COLLATE "C" NOT NULL REFERENCES assets (id) ON DELETE CASCADE
);

CREATE TABLE runs (
    rowid BIGINT GENERATED BY DEFAULT AS IDENTITY UNIQUE,
    id TEXT COLLATE "C" PRIMARY KEY,
    asset_id TEXT COLLATE "C" NOT NULL REFERENCES assets (id) ON DELETE CASCADE,
    feature TEXT COLLATE "C" NOT NULL,
    -- Digest of feature, code version, parameters and input runs.
    key TEXT COLLATE "C" NOT NULL,
    params TEXT COLLATE "C" NOT NULL,
    queue TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('pending', 'running', 'ready', 'failed', 'cancelled')),
    attempts BIGINT NOT NULL DEFAULT 0,
    not_before BIGINT NOT NULL DEFAULT 0,
    -- Fencing token of the newest lease.
    token BIGINT NOT NULL DEFAULT 0,
    worker TEXT COLLATE "C",
    lease_until BIGINT,
    done BIGINT NOT NULL DEFAULT 0,
    total BIGINT,
    failure_kind TEXT COLLATE "C",
    reason TEXT COLLATE "C",
    -- The result as JSON, less what has tables of its own.
    output TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT,
    waits_for BIGINT NOT NULL DEFAULT 0,
    deaths BIGINT NOT NULL DEFAULT 0,
    done_at_death BIGINT NOT NULL DEFAULT -1,
    failure_code TEXT COLLATE "C",
    background BOOLEAN NOT NULL DEFAULT FALSE,
    UNIQUE (asset_id, key)
-- Leases and heartbeats change rows in place.
) WITH (fillfactor = 70);

CREATE TABLE run_inputs (
    run_id TEXT COLLATE "C" NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    input_id TEXT COLLATE "C" NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    PRIMARY KEY (run_id, input_id)
);

CREATE TABLE wanted (
    asset_id TEXT COLLATE "C" NOT NULL REFERENCES assets (id) ON DELETE CASCADE,
    feature TEXT COLLATE "C" NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    PRIMARY KEY (asset_id, feature)
);

CREATE TABLE published (
    asset_id TEXT COLLATE "C" NOT NULL REFERENCES assets (id) ON DELETE CASCADE,
    feature TEXT COLLATE "C" NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    PRIMARY KEY (asset_id, feature)
);

CREATE TABLE shots (
    run_id TEXT COLLATE "C" NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    ordinal BIGINT NOT NULL,
    start_frame BIGINT NOT NULL,
    end_frame BIGINT NOT NULL,
    start_ms BIGINT NOT NULL,
    end_ms BIGINT NOT NULL,
    boundary TEXT COLLATE "C" NOT NULL,
    confidence DOUBLE PRECISION NOT NULL,
    same_as BIGINT,
    boundary_start BIGINT,
    boundary_end BIGINT,
    PRIMARY KEY (run_id, ordinal)
);

CREATE TABLE objects (
    run_id TEXT COLLATE "C" NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    ordinal BIGINT NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (run_id, ordinal)
);

CREATE TABLE vectors (
    run_id TEXT COLLATE "C" NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    ordinal BIGINT NOT NULL,
    vector BYTEA NOT NULL,
    PRIMARY KEY (run_id, ordinal)
);

CREATE TABLE cues (
    run_id TEXT COLLATE "C" NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    ordinal BIGINT NOT NULL,
    start_frame BIGINT NOT NULL,
    end_frame BIGINT NOT NULL,
    start_ms BIGINT NOT NULL,
    end_ms BIGINT NOT NULL,
    text TEXT COLLATE "C" NOT NULL,
    language TEXT COLLATE "C",
    origin TEXT COLLATE "C" NOT NULL DEFAULT 'subtitles',
    confidence DOUBLE PRECISION,
    words TEXT COLLATE "C",
    PRIMARY KEY (run_id, ordinal)
);

CREATE TABLE jobs (
    rowid BIGINT GENERATED BY DEFAULT AS IDENTITY UNIQUE,
    id TEXT COLLATE "C" PRIMARY KEY,
    asset_id TEXT COLLATE "C" NOT NULL REFERENCES assets (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    cancelled_at BIGINT
);

CREATE TABLE changes (
    seq BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    asset_id TEXT COLLATE "C" NOT NULL
);

CREATE TABLE garbage (
    prefix TEXT COLLATE "C" PRIMARY KEY
);

CREATE TABLE redactions (
    id TEXT COLLATE "C" PRIMARY KEY,
    -- receiving: its upload is under way, and nobody sees it yet. listing: its inputs are to be looked up.
    -- open: its files are in the queue, or through. deleting: gone for everybody, to be cleared away.
    stage TEXT COLLATE "C" NOT NULL CHECK (stage IN ('receiving', 'listing', 'open', 'deleting')),
    -- What is looked for, how, and what takes its place: JSON.
    settings TEXT COLLATE "C" NOT NULL,
    -- Names of files, folders and prefixes: JSON. None for an upload.
    inputs TEXT COLLATE "C" NOT NULL DEFAULT '[]',
    -- The s3:// prefix that the results are written below; the store if there is none.
    output TEXT COLLATE "C",
    -- Files below its inputs that are no pictures.
    skipped BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL
);

CREATE TABLE redaction_files (
    rowid BIGINT GENERATED BY DEFAULT AS IDENTITY UNIQUE,
    redaction_id TEXT COLLATE "C" NOT NULL REFERENCES redactions (id) ON DELETE CASCADE,
    ordinal BIGINT NOT NULL,
    -- Relative and plain.
    name TEXT COLLATE "C" NOT NULL,
    -- Where the original is; none once that of an upload is deleted.
    source TEXT COLLATE "C",
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed')),
    attempts BIGINT NOT NULL DEFAULT 0,
    not_before BIGINT NOT NULL DEFAULT 0,
    -- Regions made unrecognisable.
    regions BIGINT,
    -- Media type of the result; none if there is no picture.
    media_type TEXT COLLATE "C",
    failure_kind TEXT COLLATE "C",
    failure_code TEXT COLLATE "C",
    reason TEXT COLLATE "C",
    finished_at BIGINT,
    token BIGINT NOT NULL DEFAULT 0,
    worker TEXT COLLATE "C",
    deaths BIGINT NOT NULL DEFAULT 0,
    done_at_death BIGINT NOT NULL DEFAULT 0,
    done BIGINT NOT NULL DEFAULT 0,
    result TEXT COLLATE "C",
    PRIMARY KEY (redaction_id, ordinal),
    UNIQUE (redaction_id, name)
);

CREATE TABLE keys (
    id TEXT COLLATE "C" PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    -- What it is good for: 'work' so far.
    scope TEXT COLLATE "C" NOT NULL,
    -- BLAKE3 of the secret, in hex. The secret itself is shown once and never kept.
    hash TEXT COLLATE "C" NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT,
    revoked_at BIGINT,
    all_titles BOOLEAN NOT NULL DEFAULT TRUE,
    expires_at BIGINT
);

CREATE TABLE tallies (
    name TEXT COLLATE "C" PRIMARY KEY,
    count BIGINT NOT NULL
);

CREATE TABLE index_marks (
    mark TEXT COLLATE "C" PRIMARY KEY,
    seq BIGINT NOT NULL
);

CREATE TABLE uploads (
    prefix TEXT COLLATE "C" PRIMARY KEY
);

CREATE TABLE job_runs (
    job_id TEXT COLLATE "C" NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    run_id TEXT COLLATE "C" NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    PRIMARY KEY (job_id, run_id)
);

CREATE TABLE bins (
    id TEXT COLLATE "C" PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    -- Counts every change, so that two editors of one bin notice each other.
    revision BIGINT NOT NULL DEFAULT 1,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    owner TEXT COLLATE "C" REFERENCES keys (id)
);

CREATE TABLE bin_items (
    id TEXT COLLATE "C" PRIMARY KEY,
    bin_id TEXT COLLATE "C" NOT NULL REFERENCES bins (id) ON DELETE CASCADE,
    position BIGINT NOT NULL,
    asset_id TEXT COLLATE "C" NOT NULL REFERENCES assets (id) ON DELETE CASCADE,
    start_frame BIGINT NOT NULL,
    end_frame BIGINT NOT NULL,
    note TEXT COLLATE "C",
    -- How it was found: the query, its score, and what is said.
    query TEXT COLLATE "C",
    score DOUBLE PRECISION,
    line TEXT COLLATE "C",
    similarity DOUBLE PRECISION
);

CREATE TABLE key_titles (
    key_id TEXT COLLATE "C" NOT NULL REFERENCES keys (id) ON DELETE CASCADE,
    title_id TEXT COLLATE "C" NOT NULL REFERENCES titles (id) ON DELETE CASCADE,
    PRIMARY KEY (key_id, title_id)
);

CREATE TABLE audit (
    id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    at BIGINT NOT NULL,
    -- Id and name of the key; NULL for a request of this machine without one.
    key_id TEXT COLLATE "C",
    key_name TEXT COLLATE "C",
    method TEXT COLLATE "C" NOT NULL,
    path TEXT COLLATE "C" NOT NULL,
    status BIGINT NOT NULL,
    request_id TEXT COLLATE "C" NOT NULL,
    note TEXT COLLATE "C"
);

CREATE TABLE events (
    seq BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    at BIGINT NOT NULL,
    -- asset.registered, asset.deleted, stage.running, stage.ready, job.ready …
    type TEXT COLLATE "C" NOT NULL,
    title_id TEXT COLLATE "C" NOT NULL,
    asset_id TEXT COLLATE "C" NOT NULL,
    job_id TEXT COLLATE "C",
    -- More of it, as JSON.
    body TEXT COLLATE "C" NOT NULL,
    bin_id TEXT COLLATE "C",
    redaction_id TEXT COLLATE "C",
    owner TEXT COLLATE "C"
);

CREATE TABLE webhooks (
    id TEXT COLLATE "C" PRIMARY KEY,
    url TEXT COLLATE "C" NOT NULL,
    -- The key that signs, in Base64. It has to be known to sign with; it is shown once.
    secret TEXT COLLATE "C" NOT NULL,
    -- Types of events, or their beginnings with a dot: a JSON list; all if empty.
    types TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    -- Events up to this one have been queued for it.
    seq BIGINT NOT NULL
);

CREATE TABLE deliveries (
    id TEXT COLLATE "C" PRIMARY KEY,
    webhook_id TEXT COLLATE "C" NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    type TEXT COLLATE "C" NOT NULL,
    -- What is posted, as it is signed.
    body TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
    attempts BIGINT NOT NULL DEFAULT 0,
    not_before BIGINT NOT NULL,
    -- What the last attempt met.
    status BIGINT,
    error TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    finished_at BIGINT
);

CREATE TABLE annotations (
    asset_id TEXT COLLATE "C" NOT NULL REFERENCES assets (id) ON DELETE CASCADE,
    start_frame BIGINT NOT NULL,
    end_frame BIGINT NOT NULL,
    tags TEXT COLLATE "C" NOT NULL,
    note TEXT COLLATE "C",
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (asset_id, start_frame, end_frame)
);

CREATE TABLE idempotency (
    -- Id of the caller's key; empty for the server's own machine.
    caller TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    -- Digest of method, path and body.
    fingerprint TEXT COLLATE "C" NOT NULL,
    -- NULL while the request is under way.
    status BIGINT,
    kind TEXT COLLATE "C",
    body BYTEA,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (caller, key)
);

CREATE TABLE resumable_uploads (
    id TEXT COLLATE "C" PRIMARY KEY,
    -- Id of the key that made it; NULL for the server's own machine.
    owner TEXT COLLATE "C",
    name TEXT COLLATE "C" NOT NULL,
    title TEXT COLLATE "C",
    length BIGINT NOT NULL,
    -- Bytes that are safe on the disk.
    received BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    -- What became of it.
    asset_id TEXT COLLATE "C",
    job_id TEXT COLLATE "C",
    replaces TEXT COLLATE "C"
);

CREATE TABLE passages (
    run_id TEXT COLLATE "C" NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    ordinal BIGINT NOT NULL,
    start_frame BIGINT NOT NULL,
    end_frame BIGINT NOT NULL,
    start_ms BIGINT NOT NULL,
    end_ms BIGINT NOT NULL,
    text TEXT COLLATE "C" NOT NULL,
    origin TEXT COLLATE "C" NOT NULL DEFAULT 'subtitles',
    PRIMARY KEY (run_id, ordinal)
);

CREATE TABLE replacements (
    asset_id TEXT COLLATE "C" PRIMARY KEY REFERENCES assets (id) ON DELETE CASCADE,
    -- What `assets.content` becomes.
    content BIGINT NOT NULL,
    uri TEXT COLLATE "C" NOT NULL,
    version TEXT COLLATE "C",
    size BIGINT NOT NULL,
    -- BLAKE3 in hex, once the bytes have been read whole.
    blake3 TEXT COLLATE "C" UNIQUE,
    -- Subtitle files that come with it: JSON.
    sidecars TEXT COLLATE "C" NOT NULL,
    registered BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE sight_models (
    model TEXT COLLATE "C" PRIMARY KEY,
    -- The space of its vectors, model@revision, and their length.
    space TEXT COLLATE "C" NOT NULL,
    dims BIGINT NOT NULL,
    -- Once built, it stays built: what is missing is then what was registered lately.
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('building', 'built', 'removing')),
    is_active BOOLEAN NOT NULL DEFAULT FALSE,
    created_at BIGINT NOT NULL
);

CREATE TABLE watches (
    id TEXT COLLATE "C" PRIMARY KEY,
    uri TEXT COLLATE "C" NOT NULL UNIQUE,
    -- Title for all its videos; NULL for each file's name.
    title TEXT COLLATE "C",
    created_at BIGINT NOT NULL
);

CREATE TABLE edges (
    run_id TEXT COLLATE "C" PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
    firsts BYTEA NOT NULL,
    lasts BYTEA NOT NULL
);

CREATE TABLE search_log (
    id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    client TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    -- The words searched for, without case; NULL if the query was anything but words.
    words TEXT COLLATE "C",
    -- Whether the client looked at a shot that this search found.
    opened BOOLEAN NOT NULL DEFAULT FALSE,
    -- The search before, of the same client, if that was just before.
    previous BIGINT
);

CREATE TABLE texts (
    run_id TEXT COLLATE "C" NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    ordinal BIGINT NOT NULL,
    start_frame BIGINT NOT NULL,
    end_frame BIGINT NOT NULL,
    start_ms BIGINT NOT NULL,
    end_ms BIGINT NOT NULL,
    text TEXT COLLATE "C" NOT NULL,
    score DOUBLE PRECISION NOT NULL,
    "left" DOUBLE PRECISION NOT NULL,
    top DOUBLE PRECISION NOT NULL,
    width DOUBLE PRECISION NOT NULL,
    height DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (run_id, ordinal)
);

CREATE TABLE people_consent (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    is_on BOOLEAN NOT NULL,
    -- On what grounds it was turned on.
    because TEXT COLLATE "C" NOT NULL,
    key_id TEXT COLLATE "C",
    key_name TEXT COLLATE "C",
    at BIGINT NOT NULL,
    -- Whether faces were deleted whose bytes may still be in the file.
    owes_scrub BOOLEAN NOT NULL DEFAULT FALSE,
    faces_version BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE people (
    number BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    id TEXT COLLATE "C" NOT NULL UNIQUE,
    name TEXT COLLATE "C",
    is_hidden BOOLEAN NOT NULL DEFAULT FALSE,
    created_at BIGINT NOT NULL
);

CREATE TABLE faces (
    rowid BIGINT GENERATED BY DEFAULT AS IDENTITY UNIQUE,
    id TEXT COLLATE "C" PRIMARY KEY,
    run_id TEXT COLLATE "C" NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    -- Rank of the shot among those that the run looked at.
    shot BIGINT NOT NULL,
    -- The frame that shows it best, and where it is then: shares of the picture.
    frame BIGINT NOT NULL,
    "left" DOUBLE PRECISION NOT NULL,
    top DOUBLE PRECISION NOT NULL,
    width DOUBLE PRECISION NOT NULL,
    height DOUBLE PRECISION NOT NULL,
    -- Its largest height as a share of that of the picture.
    size DOUBLE PRECISION NOT NULL,
    score DOUBLE PRECISION NOT NULL,
    -- The likeliest expression, and one less the probability of a neutral one.
    expression TEXT COLLATE "C" NOT NULL,
    strength DOUBLE PRECISION NOT NULL,
    -- Where it was seen: a JSON list of a frame and a place.
    path TEXT COLLATE "C" NOT NULL,
    -- 128 numbers, f32 little-endian.
    descriptor BYTEA NOT NULL,
    -- A small JPEG.
    crop BYTEA NOT NULL,
    person_id TEXT COLLATE "C" REFERENCES people (id) ON DELETE SET NULL,
    -- Whether a user said whose it is.
    is_pinned BOOLEAN NOT NULL DEFAULT FALSE
);

CREATE TABLE untouched_faces (
    asset_id TEXT COLLATE "C" NOT NULL REFERENCES assets (id) ON DELETE CASCADE,
    -- The file in which it was seen.
    blake3 TEXT COLLATE "C" NOT NULL,
    start_frame BIGINT NOT NULL,
    end_frame BIGINT NOT NULL,
    path TEXT COLLATE "C" NOT NULL
);

CREATE TABLE sounds (
    run_id TEXT COLLATE "C" NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    start_frame BIGINT NOT NULL,
    end_frame BIGINT NOT NULL,
    loudness DOUBLE PRECISION,
    loudest DOUBLE PRECISION,
    peak DOUBLE PRECISION,
    silence DOUBLE PRECISION NOT NULL,
    speech DOUBLE PRECISION NOT NULL,
    music DOUBLE PRECISION NOT NULL,
    onsets BIGINT NOT NULL,
    bangs BIGINT NOT NULL,
    PRIMARY KEY (run_id, start_frame)
);

CREATE TABLE bangs (
    run_id TEXT COLLATE "C" NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    ordinal BIGINT NOT NULL,
    frame BIGINT NOT NULL,
    ms BIGINT NOT NULL,
    rise DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (run_id, ordinal)
);

CREATE TABLE face_sums (
    person_id TEXT COLLATE "C" PRIMARY KEY REFERENCES people (id) ON DELETE CASCADE,
    faces BIGINT NOT NULL,
    -- 128 numbers, f64 little-endian.
    sum BYTEA NOT NULL,
    -- The sum of the squares of all numbers of the descriptors.
    squares DOUBLE PRECISION NOT NULL
);

CREATE TABLE sound_names (
    id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL UNIQUE
);

CREATE TABLE sound_tags (
    run_id TEXT COLLATE "C" NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    start_frame BIGINT NOT NULL,
    end_frame BIGINT NOT NULL,
    name_id BIGINT NOT NULL REFERENCES sound_names (id),
    score DOUBLE PRECISION NOT NULL,
    frame BIGINT NOT NULL,
    ms BIGINT NOT NULL,
    PRIMARY KEY (run_id, start_frame, name_id)
);

-- Indexes.

CREATE INDEX locators_by_asset ON locators (asset_id);
CREATE INDEX runs_by_state ON runs (state, queue);
CREATE INDEX run_inputs_by_input ON run_inputs (input_id);
CREATE INDEX shots_by_start ON shots (run_id, start_frame);
CREATE UNIQUE INDEX changes_by_asset ON changes (asset_id);
CREATE INDEX redaction_files_by_state ON redaction_files (state, redaction_id, ordinal);
CREATE INDEX redaction_files_spent ON redaction_files (redaction_id)
    WHERE state IN ('done', 'failed') AND substr(source, 1, 6) = 'store:';
CREATE UNIQUE INDEX keys_in_use ON keys (name) WHERE revoked_at IS NULL;
CREATE INDEX runs_to_lease ON runs (queue, background, deaths, asset_id, rowid)
    WHERE state = 'pending' AND waits_for = 0;
CREATE INDEX runs_leased ON runs (worker, lease_until) WHERE state = 'running';
CREATE INDEX wanted_by_run ON wanted (run_id);
CREATE INDEX published_by_run ON published (run_id);
CREATE INDEX jobs_by_asset ON jobs (asset_id);
CREATE INDEX aliases_by_asset ON aliases (asset_id);
CREATE INDEX assets_by_uri ON assets (uri);
CREATE INDEX index_marks_by_seq ON index_marks (seq);
CREATE INDEX assets_by_registration ON assets (registered);
CREATE INDEX job_runs_by_run ON job_runs (run_id);
CREATE INDEX redaction_files_by_worker ON redaction_files (worker) WHERE state = 'running';
CREATE INDEX bin_items_in_order ON bin_items (bin_id, position);
CREATE INDEX bin_items_by_asset ON bin_items (asset_id);
CREATE INDEX key_titles_by_title ON key_titles (title_id);
CREATE INDEX deliveries_by_webhook ON deliveries (webhook_id, id);
CREATE INDEX deliveries_to_send ON deliveries (not_before) WHERE state = 'pending';
CREATE INDEX idempotency_by_age ON idempotency (created_at);
CREATE INDEX resumable_uploads_by_age ON resumable_uploads (expires_at);
CREATE INDEX bins_by_owner ON bins (owner);
CREATE INDEX replacements_by_uri ON replacements (uri);
CREATE UNIQUE INDEX titles_in_order ON titles (lower(name), name);
CREATE INDEX assets_in_order ON assets (title_id, registered);
CREATE INDEX assets_by_date ON assets (created_at, registered);
CREATE INDEX labels_by_title ON labels (title_id) WHERE title_id IS NOT NULL;
CREATE INDEX labels_by_asset ON labels (asset_id, start_frame, end_frame) WHERE asset_id IS NOT NULL;
CREATE UNIQUE INDEX one_active_model ON sight_models (is_active) WHERE is_active;
CREATE INDEX search_log_words ON search_log (words) WHERE words IS NOT NULL;
CREATE INDEX search_log_previous ON search_log (previous) WHERE previous IS NOT NULL;
CREATE INDEX texts_at ON texts (run_id, start_frame);
CREATE UNIQUE INDEX people_by_name ON people (lower(name)) WHERE name IS NOT NULL;
CREATE INDEX faces_by_shot ON faces (run_id, shot);
CREATE INDEX faces_by_person ON faces (person_id);
CREATE INDEX untouched_faces_by_asset ON untouched_faces (asset_id);
CREATE INDEX sounds_by_loudness ON sounds ((CAST(ROUND(COALESCE(loudness, -70) * 100) AS INTEGER)));
CREATE INDEX sound_tags_by_name ON sound_tags (name_id, score);
CREATE INDEX labels_by_words ON labels USING gin (words);

-- Runs whose inputs are ready.

CREATE FUNCTION run_ready() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    UPDATE runs SET waits_for = waits_for - 1
     WHERE id IN (SELECT run_id FROM run_inputs WHERE input_id = NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER run_ready AFTER UPDATE OF state ON runs FOR EACH ROW
    WHEN (NEW.state = 'ready' AND OLD.state <> 'ready') EXECUTE FUNCTION run_ready();

CREATE FUNCTION run_input_added() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    UPDATE runs SET waits_for = waits_for + 1
     WHERE id = NEW.run_id AND (SELECT state <> 'ready' FROM runs WHERE id = NEW.input_id);
    RETURN NULL;
END $$;
CREATE TRIGGER run_input_added AFTER INSERT ON run_inputs FOR EACH ROW EXECUTE FUNCTION run_input_added();

-- Numbers of assets and of published results.

CREATE FUNCTION tally(what TEXT, more BIGINT) RETURNS VOID LANGUAGE sql AS $$
    INSERT INTO tallies (name, count) VALUES (what, more)
        ON CONFLICT (name) DO UPDATE SET count = tallies.count + excluded.count
$$;

CREATE FUNCTION asset_added() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tally('assets', 1);
    UPDATE assets SET registered = (SELECT MAX(registered) + 1 FROM assets) WHERE id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER asset_added AFTER INSERT ON assets FOR EACH ROW EXECUTE FUNCTION asset_added();

CREATE FUNCTION asset_removed() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tally('assets', -1);
    RETURN NULL;
END $$;
CREATE TRIGGER asset_removed AFTER DELETE ON assets FOR EACH ROW EXECUTE FUNCTION asset_removed();

CREATE FUNCTION published_added() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tally('published/' || NEW.feature, 1);
    RETURN NULL;
END $$;
CREATE TRIGGER published_added AFTER INSERT ON published FOR EACH ROW EXECUTE FUNCTION published_added();

CREATE FUNCTION published_removed() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tally('published/' || OLD.feature, -1);
    RETURN NULL;
END $$;
CREATE TRIGGER published_removed AFTER DELETE ON published FOR EACH ROW EXECUTE FUNCTION published_removed();

-- Events.

-- Transactions that lease run beside each other, so one with a larger number may end before one with a smaller number. This
-- is up to where all events are there: it waits for those who write at the moment, if there may be events after `seen`.
-- 1920299880 is "rush"; see `catalog/database/pool.rs`.
CREATE FUNCTION settled_events(seen BIGINT) RETURNS BIGINT LANGUAGE plpgsql AS $$
DECLARE
    newest BIGINT;
BEGIN
    SELECT CASE WHEN is_called THEN last_value ELSE 0 END INTO newest FROM events_seq_seq;
    IF newest > seen THEN
        PERFORM pg_advisory_lock(1920299880, 1);
        PERFORM pg_advisory_unlock(1920299880, 1);
    END IF;
    RETURN newest;
END $$;

CREATE FUNCTION note_event(kind TEXT, title TEXT, asset TEXT, body JSON, job TEXT DEFAULT NULL, bin TEXT DEFAULT NULL,
                           owner TEXT DEFAULT NULL, redaction TEXT DEFAULT NULL)
RETURNS VOID LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (at, type, title_id, asset_id, job_id, bin_id, owner, redaction_id, body)
    VALUES (now_ms(), kind, title, asset, job, bin, owner, redaction, CAST(body AS TEXT));
END $$;

CREATE FUNCTION asset_registered_event() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    PERFORM note_event('asset.registered', NEW.title_id, NEW.id, json_build_object('uri', NEW.uri));
    RETURN NULL;
END $$;
CREATE TRIGGER asset_registered_event AFTER INSERT ON assets FOR EACH ROW EXECUTE FUNCTION asset_registered_event();

CREATE FUNCTION asset_deleted_event() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    PERFORM note_event('asset.deleted', OLD.title_id, OLD.id, json_build_object('uri', OLD.uri));
    RETURN NULL;
END $$;
CREATE TRIGGER asset_deleted_event AFTER DELETE ON assets FOR EACH ROW EXECUTE FUNCTION asset_deleted_event();

CREATE FUNCTION asset_changed_event() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    PERFORM note_event(CASE WHEN NEW.content <> OLD.content THEN 'asset.replaced' ELSE 'asset.changed' END,
                       NEW.title_id, NEW.id, json_build_object('uri', NEW.uri));
    RETURN NULL;
END $$;
CREATE TRIGGER asset_changed_event AFTER UPDATE OF title_id, metadata, tags, content ON assets FOR EACH ROW
    WHEN (NEW.title_id <> OLD.title_id OR NEW.metadata <> OLD.metadata OR NEW.tags <> OLD.tags
          OR NEW.content <> OLD.content)
    EXECUTE FUNCTION asset_changed_event();

CREATE FUNCTION asset_left_event() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    PERFORM note_event('asset.left', OLD.title_id, NEW.id, '{}');
    RETURN NULL;
END $$;
CREATE TRIGGER asset_left_event AFTER UPDATE OF title_id ON assets FOR EACH ROW
    WHEN (NEW.title_id <> OLD.title_id) EXECUTE FUNCTION asset_left_event();

CREATE FUNCTION run_event() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    PERFORM note_event('stage.' || NEW.state, a.title_id, a.id,
                       json_build_object('feature', NEW.feature, 'code', NEW.failure_code, 'reason', NEW.reason))
       FROM assets a WHERE a.id = NEW.asset_id;
    RETURN NULL;
END $$;
CREATE TRIGGER run_event AFTER UPDATE OF state ON runs FOR EACH ROW
    WHEN (NEW.state <> OLD.state) EXECUTE FUNCTION run_event();

-- Triggers of rows run when all rows of a statement are changed. That a job is over is therefore noted once a statement.
CREATE FUNCTION job_over_event() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    PERFORM note_event('job.' || o.state, o.title_id, o.asset_id, '{}', o.id)
       FROM (SELECT j.id, a.title_id, a.id AS asset_id,
                    (SELECT CASE WHEN COUNT(*) FILTER (WHERE r.state = 'failed') > 0 THEN 'failed'
                                 WHEN COUNT(*) FILTER (WHERE r.state = 'cancelled') > 0 THEN 'cancelled'
                                 ELSE 'ready' END
                       FROM job_runs i JOIN runs r ON r.id = i.run_id WHERE i.job_id = j.id) AS state
               FROM jobs j JOIN assets a ON a.id = j.asset_id
              WHERE j.cancelled_at IS NULL
                AND j.id IN (SELECT i.job_id FROM after n JOIN before b ON b.id = n.id JOIN job_runs i ON i.run_id = n.id
                              WHERE n.state <> b.state AND n.state IN ('ready', 'failed', 'cancelled'))
                AND NOT EXISTS (SELECT 1 FROM job_runs i JOIN runs r ON r.id = i.run_id
                                 WHERE i.job_id = j.id AND r.state NOT IN ('ready', 'failed', 'cancelled'))
              ORDER BY j.rowid) o;
    RETURN NULL;
END $$;
CREATE TRIGGER run_over AFTER UPDATE ON runs REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION job_over_event();

CREATE FUNCTION job_cancelled_event() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    PERFORM note_event('job.cancelled', a.title_id, a.id, '{}', NEW.id) FROM assets a WHERE a.id = NEW.asset_id;
    RETURN NULL;
END $$;
CREATE TRIGGER job_cancelled_event AFTER UPDATE OF cancelled_at ON jobs FOR EACH ROW
    WHEN (NEW.cancelled_at IS NOT NULL AND OLD.cancelled_at IS NULL) EXECUTE FUNCTION job_cancelled_event();

CREATE FUNCTION title_created_event() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    PERFORM note_event('title.created', NEW.id, '', json_build_object('name', NEW.name));
    RETURN NULL;
END $$;
CREATE TRIGGER title_created_event AFTER INSERT ON titles FOR EACH ROW EXECUTE FUNCTION title_created_event();

CREATE FUNCTION title_changed_event() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    PERFORM note_event('title.changed', NEW.id, '', json_build_object('name', NEW.name));
    RETURN NULL;
END $$;
CREATE TRIGGER title_changed_event AFTER UPDATE OF name, metadata ON titles FOR EACH ROW
    WHEN (NEW.name <> OLD.name OR NEW.metadata <> OLD.metadata) EXECUTE FUNCTION title_changed_event();

CREATE FUNCTION title_deleted_event() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    PERFORM note_event('title.deleted', OLD.id, '', json_build_object('name', OLD.name));
    RETURN NULL;
END $$;
CREATE TRIGGER title_deleted_event AFTER DELETE ON titles FOR EACH ROW EXECUTE FUNCTION title_deleted_event();

CREATE FUNCTION bin_event() RETURNS TRIGGER LANGUAGE plpgsql AS $$
DECLARE
    bin bins := COALESCE(NEW, OLD);
BEGIN
    PERFORM note_event(CASE TG_OP WHEN 'INSERT' THEN 'bin.created' WHEN 'UPDATE' THEN 'bin.changed' ELSE 'bin.deleted' END,
                       '', '', json_build_object('name', bin.name, 'revision', bin.revision), NULL, bin.id, bin.owner);
    RETURN NULL;
END $$;
CREATE TRIGGER bin_created_event AFTER INSERT ON bins FOR EACH ROW EXECUTE FUNCTION bin_event();
CREATE TRIGGER bin_changed_event AFTER UPDATE OF revision ON bins FOR EACH ROW
    WHEN (NEW.revision <> OLD.revision) EXECUTE FUNCTION bin_event();
CREATE TRIGGER bin_deleted_event AFTER DELETE ON bins FOR EACH ROW EXECUTE FUNCTION bin_event();

CREATE FUNCTION redaction_event(kind TEXT, redaction TEXT, body JSON) RETURNS VOID LANGUAGE plpgsql AS $$
BEGIN
    PERFORM note_event(kind, '', '', body, NULL, NULL, NULL, redaction);
END $$;

CREATE FUNCTION redaction_listed_event() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    PERFORM redaction_event('redaction.created', NEW.id, '{}');
    RETURN NULL;
END $$;
CREATE TRIGGER redaction_listed_event AFTER INSERT ON redactions FOR EACH ROW
    WHEN (NEW.stage = 'listing') EXECUTE FUNCTION redaction_listed_event();

CREATE FUNCTION redaction_stage_event() RETURNS TRIGGER LANGUAGE plpgsql AS $$
DECLARE
    files BIGINT;
    failed BIGINT;
BEGIN
    IF NEW.stage = 'deleting' THEN
        IF OLD.stage <> 'receiving' THEN
            PERFORM redaction_event('redaction.deleted', NEW.id, '{}');
        END IF;
    ELSIF OLD.stage = 'receiving' THEN
        PERFORM redaction_event('redaction.created', NEW.id, '{}');
    END IF;
    IF NEW.stage = 'open' THEN
        SELECT COUNT(*), COUNT(*) FILTER (WHERE f.state = 'failed') INTO files, failed
          FROM redaction_files f WHERE f.redaction_id = NEW.id;
        IF files = failed THEN
            PERFORM redaction_event(CASE WHEN files > 0 THEN 'redaction.failed' ELSE 'redaction.done' END, NEW.id,
                                    json_build_object('done', 0, 'failed', files));
        END IF;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER redaction_stage_event AFTER UPDATE OF stage ON redactions FOR EACH ROW
    WHEN (NEW.stage <> OLD.stage) EXECUTE FUNCTION redaction_stage_event();

CREATE FUNCTION redaction_over_event() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    PERFORM redaction_event(CASE WHEN o.failed > 0 THEN 'redaction.failed' ELSE 'redaction.done' END, o.id,
                            json_build_object('done', o.done, 'failed', o.failed))
       FROM (SELECT f.redaction_id AS id, COUNT(*) FILTER (WHERE f.state = 'done') AS done,
                    COUNT(*) FILTER (WHERE f.state = 'failed') AS failed
               FROM redaction_files f JOIN redactions r ON r.id = f.redaction_id AND r.stage = 'open'
              WHERE f.redaction_id IN (
                        SELECT n.redaction_id FROM after n
                          JOIN before b ON b.redaction_id = n.redaction_id AND b.ordinal = n.ordinal
                         WHERE n.state <> b.state AND n.state IN ('done', 'failed'))
              GROUP BY f.redaction_id
             HAVING COUNT(*) FILTER (WHERE f.state IN ('queued', 'running')) = 0
              ORDER BY f.redaction_id) o;
    RETURN NULL;
END $$;
CREATE TRIGGER redaction_over AFTER UPDATE ON redaction_files REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION redaction_over_event();

-- Labels.

CREATE FUNCTION title_labelled() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO labels (kind, title_id, text) VALUES ('title', NEW.id, NEW.name);
    RETURN NULL;
END $$;
CREATE TRIGGER title_labelled AFTER INSERT ON titles FOR EACH ROW EXECUTE FUNCTION title_labelled();

CREATE FUNCTION title_renamed() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    UPDATE labels SET text = NEW.name WHERE title_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER title_renamed AFTER UPDATE OF name ON titles FOR EACH ROW
    WHEN (NEW.name <> OLD.name) EXECUTE FUNCTION title_renamed();

CREATE FUNCTION asset_labelled() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM labels WHERE asset_id = NEW.id AND start_frame IS NULL;
    INSERT INTO labels (kind, asset_id, text) SELECT 'tag', NEW.id, value FROM json_each(NEW.tags);
    RETURN NULL;
END $$;
CREATE TRIGGER asset_labelled AFTER INSERT ON assets FOR EACH ROW
    WHEN (NEW.tags <> '[]') EXECUTE FUNCTION asset_labelled();
CREATE TRIGGER asset_labels_changed AFTER UPDATE OF tags ON assets FOR EACH ROW
    WHEN (NEW.tags <> OLD.tags) EXECUTE FUNCTION asset_labelled();

CREATE FUNCTION frames_labelled() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM labels
         WHERE asset_id = OLD.asset_id AND start_frame = OLD.start_frame AND end_frame = OLD.end_frame;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        DELETE FROM labels
         WHERE asset_id = NEW.asset_id AND start_frame = NEW.start_frame AND end_frame = NEW.end_frame;
        INSERT INTO labels (kind, asset_id, start_frame, end_frame, text)
        SELECT 'tag', NEW.asset_id, NEW.start_frame, NEW.end_frame, value FROM json_each(NEW.tags);
        INSERT INTO labels (kind, asset_id, start_frame, end_frame, text)
        SELECT 'note', NEW.asset_id, NEW.start_frame, NEW.end_frame, NEW.note WHERE NEW.note IS NOT NULL;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER frames_labelled AFTER INSERT OR UPDATE OR DELETE ON annotations FOR EACH ROW
    EXECUTE FUNCTION frames_labelled();

-- People.

CREATE FUNCTION face_deleted() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    UPDATE people_consent SET owes_scrub = TRUE, faces_version = faces_version + 1;
    RETURN NULL;
END $$;
CREATE TRIGGER face_deleted AFTER DELETE ON faces FOR EACH ROW EXECUTE FUNCTION face_deleted();

-- Who has no name and no face any more is nobody.
CREATE FUNCTION face_gone() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM people WHERE id = OLD.person_id AND name IS NULL
        AND NOT EXISTS (SELECT 1 FROM faces WHERE person_id = OLD.person_id);
    RETURN NULL;
END $$;
CREATE TRIGGER face_gone AFTER DELETE ON faces FOR EACH ROW
    WHEN (OLD.person_id IS NOT NULL) EXECUTE FUNCTION face_gone();
CREATE TRIGGER face_moved AFTER UPDATE OF person_id ON faces FOR EACH ROW
    WHEN (OLD.person_id IS NOT NULL AND NEW.person_id IS DISTINCT FROM OLD.person_id) EXECUTE FUNCTION face_gone();

CREATE FUNCTION face_sum_after() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM face_sums WHERE person_id = OLD.person_id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        DELETE FROM face_sums WHERE person_id = NEW.person_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER face_sum_after_insert AFTER INSERT OR DELETE ON faces FOR EACH ROW EXECUTE FUNCTION face_sum_after();
CREATE TRIGGER face_sum_after_move AFTER UPDATE OF person_id ON faces FOR EACH ROW
    WHEN (NEW.person_id IS DISTINCT FROM OLD.person_id) EXECUTE FUNCTION face_sum_after();

CREATE FUNCTION faces_changed() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    UPDATE people_consent SET faces_version = faces_version + 1;
    RETURN NULL;
END $$;
CREATE TRIGGER faces_version_after_move AFTER UPDATE OF person_id ON faces FOR EACH ROW
    WHEN (OLD.person_id IS NOT NULL AND NEW.person_id IS DISTINCT FROM OLD.person_id) EXECUTE FUNCTION faces_changed();
CREATE TRIGGER faces_version_after_pin AFTER UPDATE OF is_pinned ON faces FOR EACH ROW
    WHEN (NEW.is_pinned <> OLD.is_pinned) EXECUTE FUNCTION faces_changed();

INSERT INTO tallies (name, count) VALUES ('assets', 0);
