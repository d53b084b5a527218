-- The newest asset when the replacement began; later ones may have newer bytes of the same file.
ALTER TABLE replacements ADD COLUMN registered INTEGER NOT NULL DEFAULT 0;
UPDATE replacements SET registered = (SELECT MAX(registered) FROM assets);
CREATE INDEX replacements_by_uri ON replacements (uri);

-- The highest number that a content of the asset has had, published or not. Numbers are not used twice.
ALTER TABLE assets ADD COLUMN last_content INTEGER NOT NULL DEFAULT 0;
UPDATE assets SET last_content = COALESCE((SELECT content FROM replacements WHERE asset_id = id), content);

-- For followers of the title that an asset has left. Those of its new title receive that it has changed.
CREATE TRIGGER asset_left_event AFTER UPDATE OF title_id ON assets WHEN NEW.title_id <> OLD.title_id BEGIN
    INSERT INTO events (at, type, title_id, asset_id, body)
    VALUES (CAST(unixepoch('subsec') * 1000 AS INTEGER), 'asset.left', OLD.title_id, NEW.id, '{}');
END;
