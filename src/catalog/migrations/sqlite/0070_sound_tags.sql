-- What sounds are called by taggers. There are a few hundred.
CREATE TABLE sound_names (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;
-- The sounds that are heard in each shot, with their probability, 0 to 1, and the moment at which they are most likely.
CREATE TABLE sound_tags (
    run_id      TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    start_frame INTEGER NOT NULL,
    end_frame   INTEGER NOT NULL,
    name_id     INTEGER NOT NULL REFERENCES sound_names (id),
    score       REAL NOT NULL,
    frame       INTEGER NOT NULL,
    ms          INTEGER NOT NULL,
    PRIMARY KEY (run_id, start_frame, name_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX sound_tags_by_name ON sound_tags (name_id, score);
