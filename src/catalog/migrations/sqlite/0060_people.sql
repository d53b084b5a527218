-- People: whose faces are seen. Everything here is personal, and descriptors and crops are biometric data. They are made
-- only while the sense is on, and rows go with the runs that made them.

-- Whether the sense is on, and who said so. No row: it never was.
CREATE TABLE people_consent (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    is_on    INTEGER NOT NULL CHECK (is_on IN (0, 1)),
    -- On what grounds it was turned on.
    because  TEXT NOT NULL,
    key_id   TEXT,
    key_name TEXT,
    at       INTEGER NOT NULL,
    -- Whether faces were deleted whose bytes may still be in the file.
    owes_scrub INTEGER NOT NULL DEFAULT 0 CHECK (owes_scrub IN (0, 1))
) STRICT;

-- Faces that belong together. A number is never given again.
CREATE TABLE people (
    number     INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    id         TEXT NOT NULL UNIQUE,
    name       TEXT,
    is_hidden  INTEGER NOT NULL DEFAULT 0 CHECK (is_hidden IN (0, 1)),
    created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX people_by_name ON people (name COLLATE NOCASE) WHERE name IS NOT NULL;

-- A face through a shot.
CREATE TABLE faces (
    id          TEXT PRIMARY KEY NOT NULL,
    run_id      TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    -- Rank of the shot among those that the run looked at.
    shot        INTEGER NOT NULL,
    -- The frame that shows it best, and where it is then: shares of the picture.
    frame       INTEGER NOT NULL,
    "left"      REAL NOT NULL,
    top         REAL NOT NULL,
    width       REAL NOT NULL,
    height      REAL NOT NULL,
    -- Its largest height as a share of that of the picture.
    size        REAL NOT NULL,
    score       REAL NOT NULL,
    -- The likeliest expression, and one less the probability of a neutral one.
    expression  TEXT NOT NULL,
    strength    REAL NOT NULL,
    -- Where it was seen: a JSON list of a frame and a place.
    path        TEXT NOT NULL,
    -- 128 numbers, f32 little-endian.
    descriptor  BLOB NOT NULL,
    -- A small JPEG.
    crop        BLOB NOT NULL,
    person_id   TEXT REFERENCES people (id) ON DELETE SET NULL,
    -- Whether a user said whose it is.
    is_pinned   INTEGER NOT NULL DEFAULT 0 CHECK (is_pinned IN (0, 1))
) STRICT;
CREATE INDEX faces_by_shot ON faces (run_id, shot);
CREATE INDEX faces_by_person ON faces (person_id);

CREATE TRIGGER face_deleted AFTER DELETE ON faces BEGIN
    UPDATE people_consent SET owes_scrub = 1 WHERE owes_scrub = 0;
END;

-- Nobody is a person without a face, unless somebody gave the name.
CREATE TRIGGER face_gone AFTER DELETE ON faces WHEN OLD.person_id IS NOT NULL BEGIN
    DELETE FROM people WHERE id = OLD.person_id AND name IS NULL
        AND NOT EXISTS (SELECT 1 FROM faces WHERE person_id = OLD.person_id);
END;
CREATE TRIGGER face_moved AFTER UPDATE OF person_id ON faces
    WHEN OLD.person_id IS NOT NULL AND NEW.person_id IS NOT OLD.person_id BEGIN
    DELETE FROM people WHERE id = OLD.person_id AND name IS NULL
        AND NOT EXISTS (SELECT 1 FROM faces WHERE person_id = OLD.person_id);
END;

-- Where people who were deleted are seen, so that they are not described again. Nothing here tells who it was.
CREATE TABLE untouched_faces (
    asset_id    TEXT NOT NULL REFERENCES assets (id) ON DELETE CASCADE,
    -- The file in which it was seen.
    blake3      TEXT NOT NULL,
    start_frame INTEGER NOT NULL,
    end_frame   INTEGER NOT NULL,
    path        TEXT NOT NULL
) STRICT;
CREATE INDEX untouched_faces_by_asset ON untouched_faces (asset_id);

-- What a request was about, where its path does not say: a person that was searched for, the grounds of a consent.
ALTER TABLE audit ADD COLUMN note TEXT;
