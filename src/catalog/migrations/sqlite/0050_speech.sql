-- Lines that were heard, beside those of subtitles.
ALTER TABLE cues ADD COLUMN origin TEXT NOT NULL DEFAULT 'subtitles';
-- How sure the model is of a line that was heard, and its words: a JSON list.
ALTER TABLE cues ADD COLUMN confidence REAL;
ALTER TABLE cues ADD COLUMN words TEXT;
ALTER TABLE passages ADD COLUMN origin TEXT NOT NULL DEFAULT 'subtitles';
