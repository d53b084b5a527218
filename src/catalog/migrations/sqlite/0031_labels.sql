-- What people call things: names of titles, tags and notes, each as a row that is searched by its words. Triggers keep
-- it, so that no writer can forget it.
CREATE TABLE labels (
    id          INTEGER PRIMARY KEY NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN ('title', 'tag', 'note')),
    -- Of a title, of an asset, or of frames of an asset.
    title_id    TEXT REFERENCES titles (id) ON DELETE CASCADE,
    asset_id    TEXT REFERENCES assets (id) ON DELETE CASCADE,
    start_frame INTEGER,
    end_frame   INTEGER,
    text        TEXT NOT NULL
) STRICT;
CREATE INDEX labels_by_title ON labels (title_id) WHERE title_id IS NOT NULL;
CREATE INDEX labels_by_asset ON labels (asset_id, start_frame, end_frame) WHERE asset_id IS NOT NULL;

CREATE VIRTUAL TABLE label_words USING fts5 (
    text, content = 'labels', content_rowid = 'id', tokenize = 'porter unicode61 remove_diacritics 2'
);
CREATE TRIGGER label_added AFTER INSERT ON labels BEGIN
    INSERT INTO label_words (rowid, text) VALUES (NEW.id, NEW.text);
END;
CREATE TRIGGER label_removed AFTER DELETE ON labels BEGIN
    INSERT INTO label_words (label_words, rowid, text) VALUES ('delete', OLD.id, OLD.text);
END;
CREATE TRIGGER label_changed AFTER UPDATE OF text ON labels BEGIN
    INSERT INTO label_words (label_words, rowid, text) VALUES ('delete', OLD.id, OLD.text);
    INSERT INTO label_words (rowid, text) VALUES (NEW.id, NEW.text);
END;

INSERT INTO labels (kind, title_id, text) SELECT 'title', id, name FROM titles;
INSERT INTO labels (kind, asset_id, text) SELECT 'tag', a.id, j.value FROM assets a, json_each(a.tags) j;
INSERT INTO labels (kind, asset_id, start_frame, end_frame, text)
SELECT 'tag', n.asset_id, n.start_frame, n.end_frame, j.value FROM annotations n, json_each(n.tags) j;
INSERT INTO labels (kind, asset_id, start_frame, end_frame, text)
SELECT 'note', asset_id, start_frame, end_frame, note FROM annotations WHERE note IS NOT NULL;

CREATE TRIGGER title_labelled AFTER INSERT ON titles BEGIN
    INSERT INTO labels (kind, title_id, text) VALUES ('title', NEW.id, NEW.name);
END;
CREATE TRIGGER title_renamed AFTER UPDATE OF name ON titles WHEN NEW.name <> OLD.name BEGIN
    UPDATE labels SET text = NEW.name WHERE title_id = NEW.id;
END;
CREATE TRIGGER asset_labelled AFTER INSERT ON assets WHEN NEW.tags <> '[]' BEGIN
    INSERT INTO labels (kind, asset_id, text) SELECT 'tag', NEW.id, value FROM json_each(NEW.tags);
END;
CREATE TRIGGER asset_labels_changed AFTER UPDATE OF tags ON assets WHEN NEW.tags <> OLD.tags BEGIN
    DELETE FROM labels WHERE asset_id = NEW.id AND start_frame IS NULL;
    INSERT INTO labels (kind, asset_id, text) SELECT 'tag', NEW.id, value FROM json_each(NEW.tags);
END;
-- A row that replaces another is inserted, and the other one is not deleted.
CREATE TRIGGER frames_labelled AFTER INSERT ON annotations BEGIN
    DELETE FROM labels
     WHERE asset_id = NEW.asset_id AND start_frame = NEW.start_frame AND end_frame = NEW.end_frame;
    INSERT INTO labels (kind, asset_id, start_frame, end_frame, text)
    SELECT 'tag', NEW.asset_id, NEW.start_frame, NEW.end_frame, value FROM json_each(NEW.tags);
    INSERT INTO labels (kind, asset_id, start_frame, end_frame, text)
    SELECT 'note', NEW.asset_id, NEW.start_frame, NEW.end_frame, NEW.note WHERE NEW.note IS NOT NULL;
END;
CREATE TRIGGER frames_labels_changed AFTER UPDATE ON annotations BEGIN
    DELETE FROM labels
     WHERE asset_id = OLD.asset_id AND start_frame = OLD.start_frame AND end_frame = OLD.end_frame;
    DELETE FROM labels
     WHERE asset_id = NEW.asset_id AND start_frame = NEW.start_frame AND end_frame = NEW.end_frame;
    INSERT INTO labels (kind, asset_id, start_frame, end_frame, text)
    SELECT 'tag', NEW.asset_id, NEW.start_frame, NEW.end_frame, value FROM json_each(NEW.tags);
    INSERT INTO labels (kind, asset_id, start_frame, end_frame, text)
    SELECT 'note', NEW.asset_id, NEW.start_frame, NEW.end_frame, NEW.note WHERE NEW.note IS NOT NULL;
END;
CREATE TRIGGER frames_labels_removed AFTER DELETE ON annotations BEGIN
    DELETE FROM labels
     WHERE asset_id = OLD.asset_id AND start_frame = OLD.start_frame AND end_frame = OLD.end_frame;
END;
