-- Subtitle tracks that people add and remove.

-- Files that were uploaded for the asset on their own: JSON, like `sidecars`.
ALTER TABLE assets ADD COLUMN added_subtitles TEXT NOT NULL DEFAULT '[]';
-- Ids of tracks in the video or beside it that are not read: JSON.
ALTER TABLE assets ADD COLUMN removed_subtitles TEXT NOT NULL DEFAULT '[]';
