-- Events of titles, bins, redactions, and of what changes of assets. An event without a title or an asset has empty
-- text there.

ALTER TABLE events ADD COLUMN bin_id TEXT;
ALTER TABLE events ADD COLUMN redaction_id TEXT;
-- The key that alone sees a bin.
ALTER TABLE events ADD COLUMN owner TEXT;

CREATE TRIGGER asset_changed_event AFTER UPDATE OF title_id, metadata, tags, content ON assets
WHEN NEW.title_id <> OLD.title_id OR NEW.metadata <> OLD.metadata OR NEW.tags <> OLD.tags OR NEW.content <> OLD.content
BEGIN
    INSERT INTO events (at, type, title_id, asset_id, body)
    VALUES (CAST(unixepoch('subsec') * 1000 AS INTEGER),
            CASE WHEN NEW.content <> OLD.content THEN 'asset.replaced' ELSE 'asset.changed' END, NEW.title_id, NEW.id,
            json_object('uri', NEW.uri));
END;

CREATE TRIGGER title_created_event AFTER INSERT ON titles BEGIN
    INSERT INTO events (at, type, title_id, asset_id, body)
    VALUES (CAST(unixepoch('subsec') * 1000 AS INTEGER), 'title.created', NEW.id, '', json_object('name', NEW.name));
END;

CREATE TRIGGER title_changed_event AFTER UPDATE OF name, metadata ON titles
WHEN NEW.name <> OLD.name OR NEW.metadata <> OLD.metadata BEGIN
    INSERT INTO events (at, type, title_id, asset_id, body)
    VALUES (CAST(unixepoch('subsec') * 1000 AS INTEGER), 'title.changed', NEW.id, '', json_object('name', NEW.name));
END;

CREATE TRIGGER title_deleted_event AFTER DELETE ON titles BEGIN
    INSERT INTO events (at, type, title_id, asset_id, body)
    VALUES (CAST(unixepoch('subsec') * 1000 AS INTEGER), 'title.deleted', OLD.id, '', json_object('name', OLD.name));
END;

CREATE TRIGGER bin_created_event AFTER INSERT ON bins BEGIN
    INSERT INTO events (at, type, title_id, asset_id, bin_id, owner, body)
    VALUES (CAST(unixepoch('subsec') * 1000 AS INTEGER), 'bin.created', '', '', NEW.id, NEW.owner,
            json_object('name', NEW.name, 'revision', NEW.revision));
END;

-- Every change raises the revision.
CREATE TRIGGER bin_changed_event AFTER UPDATE OF revision ON bins WHEN NEW.revision <> OLD.revision BEGIN
    INSERT INTO events (at, type, title_id, asset_id, bin_id, owner, body)
    VALUES (CAST(unixepoch('subsec') * 1000 AS INTEGER), 'bin.changed', '', '', NEW.id, NEW.owner,
            json_object('name', NEW.name, 'revision', NEW.revision));
END;

CREATE TRIGGER bin_deleted_event AFTER DELETE ON bins BEGIN
    INSERT INTO events (at, type, title_id, asset_id, bin_id, owner, body)
    VALUES (CAST(unixepoch('subsec') * 1000 AS INTEGER), 'bin.deleted', '', '', OLD.id, OLD.owner,
            json_object('name', OLD.name, 'revision', OLD.revision));
END;

-- An upload is seen once it is complete.
CREATE TRIGGER redaction_listed_event AFTER INSERT ON redactions WHEN NEW.stage = 'listing' BEGIN
    INSERT INTO events (at, type, title_id, asset_id, redaction_id, body)
    VALUES (CAST(unixepoch('subsec') * 1000 AS INTEGER), 'redaction.created', '', '', NEW.id, '{}');
END;

-- One trigger, since the order of two is not defined. A redaction whose files all failed before they could be queued, or
-- that has none, is over at once.
CREATE TRIGGER redaction_stage_event AFTER UPDATE OF stage ON redactions WHEN NEW.stage <> OLD.stage BEGIN
    INSERT INTO events (at, type, title_id, asset_id, redaction_id, body)
    SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER),
           CASE NEW.stage WHEN 'deleting' THEN 'redaction.deleted' ELSE 'redaction.created' END, '', '', NEW.id, '{}'
     WHERE (NEW.stage = 'deleting' AND OLD.stage <> 'receiving') OR (OLD.stage = 'receiving' AND NEW.stage <> 'deleting');
    INSERT INTO events (at, type, title_id, asset_id, redaction_id, body)
    SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER),
           CASE WHEN COUNT(*) > 0 THEN 'redaction.failed' ELSE 'redaction.done' END, '', '', NEW.id,
           json_object('done', 0, 'failed', COUNT(*))
      FROM redaction_files f
     WHERE f.redaction_id = NEW.id
    HAVING NEW.stage = 'open' AND COUNT(*) = COALESCE(SUM(f.state = 'failed'), 0);
END;

-- The last file to be through ends its redaction.
CREATE TRIGGER redaction_over_event AFTER UPDATE OF state ON redaction_files
WHEN NEW.state <> OLD.state AND NEW.state IN ('done', 'failed')
 AND EXISTS (SELECT 1 FROM redactions WHERE id = NEW.redaction_id AND stage = 'open')
 AND NOT EXISTS (SELECT 1 FROM redaction_files
                  WHERE redaction_id = NEW.redaction_id AND state IN ('queued', 'running'))
BEGIN
    INSERT INTO events (at, type, title_id, asset_id, redaction_id, body)
    SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER),
           CASE WHEN SUM(f.state = 'failed') > 0 THEN 'redaction.failed' ELSE 'redaction.done' END,
           '', '', NEW.redaction_id,
           json_object('done', SUM(f.state = 'done'), 'failed', SUM(f.state = 'failed'))
      FROM redaction_files f WHERE f.redaction_id = NEW.redaction_id;
END;
