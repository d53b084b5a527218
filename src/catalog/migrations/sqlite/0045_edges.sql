-- How the shots of a run begin and end: one descriptor after the other, in the order of the shots. A comparison with all
-- shots reads the first frames of an asset at once.
CREATE TABLE edges (
    run_id TEXT PRIMARY KEY NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    firsts BLOB NOT NULL,
    lasts  BLOB NOT NULL
) STRICT;
