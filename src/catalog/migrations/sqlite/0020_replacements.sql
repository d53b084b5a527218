-- Another file for an asset: where its next content is, until what is computed of it is published.

-- Counts the files that an asset has had; results of one file never pass for those of another.
ALTER TABLE assets ADD COLUMN content INTEGER NOT NULL DEFAULT 0;

CREATE TABLE replacements (
    asset_id TEXT PRIMARY KEY NOT NULL REFERENCES assets (id) ON DELETE CASCADE,
    -- What `assets.content` becomes.
    content  INTEGER NOT NULL,
    uri      TEXT NOT NULL,
    version  TEXT,
    size     INTEGER NOT NULL,
    -- BLAKE3 in hex, once the bytes have been read whole.
    blake3   TEXT UNIQUE,
    -- Subtitle files that come with it: JSON.
    sidecars TEXT NOT NULL
) STRICT;

-- The asset whose file a resumable upload becomes; NULL for a new asset.
ALTER TABLE resumable_uploads ADD COLUMN replaces TEXT;
