-- How each shot sounds. Loudness in LUFS, the peak in dBTP, shares of the time from 0 to 1.
CREATE TABLE sounds (
    run_id      TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    start_frame INTEGER NOT NULL,
    end_frame   INTEGER NOT NULL,
    loudness    REAL,
    loudest     REAL,
    peak        REAL,
    silence     REAL NOT NULL,
    speech      REAL NOT NULL,
    music       REAL NOT NULL,
    onsets      INTEGER NOT NULL,
    bangs       INTEGER NOT NULL,
    PRIMARY KEY (run_id, start_frame)
) STRICT, WITHOUT ROWID;
-- Sounds that begin suddenly and far above what was heard before, by decibels.
CREATE TABLE bangs (
    run_id  TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    frame   INTEGER NOT NULL,
    ms      INTEGER NOT NULL,
    rise    REAL NOT NULL,
    PRIMARY KEY (run_id, ordinal)
) STRICT, WITHOUT ROWID;
