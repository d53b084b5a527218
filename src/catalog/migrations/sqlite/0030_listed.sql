-- Shots are listed in these orders without sorting the whole catalogue.
CREATE UNIQUE INDEX titles_in_order ON titles (name COLLATE NOCASE, name);
CREATE INDEX assets_in_order ON assets (title_id, registered);
CREATE INDEX assets_by_date ON assets (created_at, registered);
-- The second of these serves its purpose too.
DROP INDEX assets_by_title;
