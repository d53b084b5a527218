-- Text in the pictures of a video. Its place is left, top, width and height as shares of the picture.
CREATE TABLE texts (
    run_id      TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    ordinal     INTEGER NOT NULL,
    start_frame INTEGER NOT NULL,
    end_frame   INTEGER NOT NULL,
    start_ms    INTEGER NOT NULL,
    end_ms      INTEGER NOT NULL,
    text        TEXT NOT NULL,
    score       REAL NOT NULL,
    "left"      REAL NOT NULL,
    top         REAL NOT NULL,
    width       REAL NOT NULL,
    height      REAL NOT NULL,
    PRIMARY KEY (run_id, ordinal)
) STRICT;
CREATE INDEX texts_at ON texts (run_id, start_frame);
