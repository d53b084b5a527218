-- What happened, in order, for those who follow it: server-sent events and webhooks. Triggers write it, so that no
-- writer can forget it.

CREATE TABLE events (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    at       INTEGER NOT NULL,
    -- asset.registered, asset.deleted, stage.running, stage.ready, job.ready …
    type     TEXT NOT NULL,
    title_id TEXT NOT NULL,
    asset_id TEXT NOT NULL,
    job_id   TEXT,
    -- More of it, as JSON.
    body     TEXT NOT NULL
) STRICT;

CREATE TRIGGER asset_registered_event AFTER INSERT ON assets BEGIN
    INSERT INTO events (at, type, title_id, asset_id, body)
    VALUES (CAST(unixepoch('subsec') * 1000 AS INTEGER), 'asset.registered', NEW.title_id, NEW.id,
            json_object('uri', NEW.uri));
END;

CREATE TRIGGER asset_deleted_event AFTER DELETE ON assets BEGIN
    INSERT INTO events (at, type, title_id, asset_id, body)
    VALUES (CAST(unixepoch('subsec') * 1000 AS INTEGER), 'asset.deleted', OLD.title_id, OLD.id,
            json_object('uri', OLD.uri));
END;

-- One trigger, since the order of two is not defined: first the stage, then the jobs that are over with it.
CREATE TRIGGER run_event AFTER UPDATE OF state ON runs WHEN NEW.state <> OLD.state BEGIN
    INSERT INTO events (at, type, title_id, asset_id, body)
    SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER), 'stage.' || NEW.state, a.title_id, a.id,
           json_object('feature', NEW.feature, 'code', NEW.failure_code, 'reason', NEW.reason)
      FROM assets a WHERE a.id = NEW.asset_id;
    INSERT INTO events (at, type, title_id, asset_id, job_id, body)
    SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER),
           'job.' || (SELECT CASE WHEN SUM(r.state = 'failed') > 0 THEN 'failed'
                                  WHEN SUM(r.state = 'cancelled') > 0 THEN 'cancelled' ELSE 'ready' END
                        FROM job_runs o JOIN runs r ON r.id = o.run_id WHERE o.job_id = j.id),
           a.title_id, a.id, j.id, '{}'
      FROM job_runs i JOIN jobs j ON j.id = i.job_id JOIN assets a ON a.id = j.asset_id
     WHERE NEW.state IN ('ready', 'failed', 'cancelled')
       AND i.run_id = NEW.id AND j.cancelled_at IS NULL
       AND NOT EXISTS (SELECT 1 FROM job_runs o JOIN runs r ON r.id = o.run_id
                        WHERE o.job_id = j.id AND r.state NOT IN ('ready', 'failed', 'cancelled'));
END;

CREATE TRIGGER job_cancelled_event AFTER UPDATE OF cancelled_at ON jobs
WHEN NEW.cancelled_at IS NOT NULL AND OLD.cancelled_at IS NULL BEGIN
    INSERT INTO events (at, type, title_id, asset_id, job_id, body)
    SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER), 'job.cancelled', a.title_id, a.id, NEW.id, '{}'
      FROM assets a WHERE a.id = NEW.asset_id;
END;

-- Where events are posted to.
CREATE TABLE webhooks (
    id         TEXT PRIMARY KEY NOT NULL,
    url        TEXT NOT NULL,
    -- The key that signs, in Base64. It has to be known to sign with; it is shown once.
    secret     TEXT NOT NULL,
    -- Types of events, or their beginnings with a dot: a JSON list; all if empty.
    types      TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    -- Events up to this one have been queued for it.
    seq        INTEGER NOT NULL
) STRICT;

CREATE TABLE deliveries (
    id          TEXT PRIMARY KEY NOT NULL,
    webhook_id  TEXT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    type        TEXT NOT NULL,
    -- What is posted, as it is signed.
    body        TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
    attempts    INTEGER NOT NULL DEFAULT 0,
    not_before  INTEGER NOT NULL,
    -- What the last attempt met.
    status      INTEGER,
    error       TEXT,
    created_at  INTEGER NOT NULL,
    finished_at INTEGER
) STRICT;
CREATE INDEX deliveries_by_webhook ON deliveries (webhook_id, id);
CREATE INDEX deliveries_to_send ON deliveries (not_before) WHERE state = 'pending';
