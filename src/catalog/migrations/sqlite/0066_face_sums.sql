-- What new faces are compared with: the sum of the descriptors of each person's faces. It is biometric data as they are. A
-- row is right as long as it is there: whatever changes whose faces there are deletes it, and the next comparison makes it
-- again.
CREATE TABLE face_sums (
    person_id TEXT PRIMARY KEY NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    faces     INTEGER NOT NULL,
    -- 128 numbers, f64 little-endian.
    sum       BLOB NOT NULL,
    -- The sum of the squares of all numbers of the descriptors.
    squares   REAL NOT NULL
) STRICT;

CREATE TRIGGER face_sum_after_insert AFTER INSERT ON faces WHEN NEW.person_id IS NOT NULL BEGIN
    DELETE FROM face_sums WHERE person_id = NEW.person_id;
END;
CREATE TRIGGER face_sum_after_delete AFTER DELETE ON faces WHEN OLD.person_id IS NOT NULL BEGIN
    DELETE FROM face_sums WHERE person_id = OLD.person_id;
END;
CREATE TRIGGER face_sum_after_move AFTER UPDATE OF person_id ON faces WHEN NEW.person_id IS NOT OLD.person_id BEGIN
    DELETE FROM face_sums WHERE person_id IN (OLD.person_id, NEW.person_id);
END;

-- How often faces that belonged to somebody were deleted, moved or pinned, so that a clustering can see whether what it
-- read is still so. New faces change nothing of it.
ALTER TABLE people_consent ADD COLUMN faces_version INTEGER NOT NULL DEFAULT 0;

CREATE TRIGGER faces_version_after_delete AFTER DELETE ON faces BEGIN
    UPDATE people_consent SET faces_version = faces_version + 1;
END;
CREATE TRIGGER faces_version_after_move AFTER UPDATE OF person_id ON faces
    WHEN OLD.person_id IS NOT NULL AND NEW.person_id IS NOT OLD.person_id BEGIN
    UPDATE people_consent SET faces_version = faces_version + 1;
END;
CREATE TRIGGER faces_version_after_pin AFTER UPDATE OF is_pinned ON faces WHEN NEW.is_pinned <> OLD.is_pinned BEGIN
    UPDATE people_consent SET faces_version = faces_version + 1;
END;
