-- Searches over HTTP, if the settings ask for it, so that reformulations can be learnt from them. No key is here: `client`
-- is drawn at random for each key and each run of the server, and is kept nowhere else.
CREATE TABLE search_log (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    client   TEXT NOT NULL,
    at       INTEGER NOT NULL,
    -- The words searched for, without case; NULL if the query was anything but words.
    words    TEXT,
    -- Whether the client looked at a shot that this search found.
    opened   INTEGER NOT NULL DEFAULT 0 CHECK (opened IN (0, 1)),
    -- The search before, of the same client, if that was just before.
    previous INTEGER
) STRICT;
CREATE INDEX search_log_words ON search_log (words) WHERE words IS NOT NULL;
CREATE INDEX search_log_previous ON search_log (previous) WHERE previous IS NOT NULL;
