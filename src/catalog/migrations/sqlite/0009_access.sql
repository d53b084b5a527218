-- What keys may do: several scopes, some titles only, until a day. `keys.scope` holds names separated by commas.

ALTER TABLE keys ADD COLUMN all_titles INTEGER NOT NULL DEFAULT 1;
ALTER TABLE keys ADD COLUMN expires_at INTEGER;

-- The titles that a key sees where it does not see all. One that is deleted is not seen again under its name.
CREATE TABLE key_titles (
    key_id   TEXT NOT NULL REFERENCES keys (id) ON DELETE CASCADE,
    title_id TEXT NOT NULL REFERENCES titles (id) ON DELETE CASCADE,
    PRIMARY KEY (key_id, title_id)
) STRICT;
CREATE INDEX key_titles_by_title ON key_titles (title_id);

-- A key that sees some titles only sees the bins that it made.
ALTER TABLE bins ADD COLUMN owner TEXT REFERENCES keys (id);

-- Every request that changed something, or tried to.
CREATE TABLE audit (
    id         INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    at         INTEGER NOT NULL,
    -- Id and name of the key; NULL for a request of this machine without one.
    key_id     TEXT,
    key_name   TEXT,
    method     TEXT NOT NULL,
    path       TEXT NOT NULL,
    status     INTEGER NOT NULL,
    request_id TEXT NOT NULL
) STRICT;
