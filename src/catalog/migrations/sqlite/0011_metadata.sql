-- What people add: metadata of titles and assets, tags, and notes on spans of frames.

ALTER TABLE titles ADD COLUMN metadata TEXT NOT NULL DEFAULT '{}';
-- Made by hand, so it stays when its last asset goes.
ALTER TABLE titles ADD COLUMN kept INTEGER NOT NULL DEFAULT 0;
ALTER TABLE assets ADD COLUMN metadata TEXT NOT NULL DEFAULT '{}';
ALTER TABLE assets ADD COLUMN tags TEXT NOT NULL DEFAULT '[]';

-- Of frames, not of shots, so that they stay where they are when a video is segmented again.
CREATE TABLE annotations (
    asset_id    TEXT NOT NULL REFERENCES assets (id) ON DELETE CASCADE,
    start_frame INTEGER NOT NULL,
    end_frame   INTEGER NOT NULL,
    tags        TEXT NOT NULL,
    note        TEXT,
    updated_at  INTEGER NOT NULL,
    PRIMARY KEY (asset_id, start_frame, end_frame)
) STRICT;
