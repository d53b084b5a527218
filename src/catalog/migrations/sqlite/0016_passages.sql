-- A passage of dialogue: a line, or a few neighbouring ones. Its vector has the same run and ordinal.
CREATE TABLE passages (
    run_id      TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    ordinal     INTEGER NOT NULL,
    start_frame INTEGER NOT NULL,
    end_frame   INTEGER NOT NULL,
    start_ms    INTEGER NOT NULL,
    end_ms      INTEGER NOT NULL,
    text        TEXT NOT NULL,
    PRIMARY KEY (run_id, ordinal)
) STRICT;
