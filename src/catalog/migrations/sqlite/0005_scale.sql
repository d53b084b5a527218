-- What keeps leases, coverage, changes and deletion as quick with many films as with few.

-- Inputs of the run that are not ready yet.
ALTER TABLE runs ADD COLUMN waits_for INTEGER NOT NULL DEFAULT 0;
-- How often a worker's process ended while it held the run.
ALTER TABLE runs ADD COLUMN deaths INTEGER NOT NULL DEFAULT 0;
-- How far the run was at the last of those that counted.
ALTER TABLE runs ADD COLUMN done_at_death INTEGER NOT NULL DEFAULT -1;
UPDATE runs SET waits_for = (
    SELECT COUNT(*) FROM run_inputs i JOIN runs p ON p.id = i.input_id
     WHERE i.run_id = runs.id AND p.state <> 'ready');

-- Triggers, so that no writer can forget it.
CREATE TRIGGER run_ready AFTER UPDATE OF state ON runs WHEN NEW.state = 'ready' AND OLD.state <> 'ready' BEGIN
    UPDATE runs SET waits_for = waits_for - 1
     WHERE id IN (SELECT run_id FROM run_inputs WHERE input_id = NEW.id);
END;
CREATE TRIGGER run_input_added AFTER INSERT ON run_inputs BEGIN
    UPDATE runs SET waits_for = waits_for + (SELECT state <> 'ready' FROM runs WHERE id = NEW.input_id)
     WHERE id = NEW.run_id;
END;

DROP INDEX runs_by_state;
CREATE INDEX runs_by_state ON runs (state, queue);
-- In the order in which runs are leased; the row id breaks ties.
CREATE INDEX runs_to_lease ON runs (queue, deaths, asset_id) WHERE state = 'pending' AND waits_for = 0;
CREATE INDEX runs_leased ON runs (worker, lease_until) WHERE state = 'running';

-- Rows that refer to others are looked for when those are deleted.
CREATE INDEX wanted_by_run ON wanted (run_id);
CREATE INDEX published_by_run ON published (run_id);
CREATE INDEX jobs_by_asset ON jobs (asset_id);
CREATE INDEX aliases_by_asset ON aliases (asset_id);
CREATE INDEX assets_by_uri ON assets (uri);

-- One row per asset: only its newest change matters to a reader.
DELETE FROM changes WHERE seq NOT IN (SELECT MAX(seq) FROM changes GROUP BY asset_id);
DROP INDEX changes_by_asset;
CREATE UNIQUE INDEX changes_by_asset ON changes (asset_id);

-- Shots that readers see, so that listing titles counts no rows of `shots`.
ALTER TABLE assets ADD COLUMN shots INTEGER NOT NULL DEFAULT 0;
UPDATE assets SET shots = (
    SELECT COUNT(*) FROM published p JOIN shots s ON s.run_id = p.run_id
     WHERE p.asset_id = assets.id AND p.feature = 'shots');

-- How many assets there are ('assets'), and how many have a published run of each feature.
CREATE TABLE tallies (
    name  TEXT PRIMARY KEY NOT NULL,
    count INTEGER NOT NULL
) STRICT;
INSERT INTO tallies SELECT 'assets', COUNT(*) FROM assets;
INSERT INTO tallies SELECT 'published/' || feature, COUNT(*) FROM published GROUP BY feature;
-- Triggers, because deleting an asset deletes its rows in `published` as well.
CREATE TRIGGER assets_added AFTER INSERT ON assets BEGIN
    UPDATE tallies SET count = count + 1 WHERE name = 'assets';
END;
CREATE TRIGGER assets_removed AFTER DELETE ON assets BEGIN
    UPDATE tallies SET count = count - 1 WHERE name = 'assets';
END;
CREATE TRIGGER published_added AFTER INSERT ON published BEGIN
    INSERT INTO tallies (name, count) VALUES ('published/' || NEW.feature, 1)
        ON CONFLICT (name) DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER published_removed AFTER DELETE ON published BEGIN
    UPDATE tallies SET count = count - 1 WHERE name = 'published/' || OLD.feature;
END;

-- How far the index had followed the changes, with a random mark for each time. An index whose mark is not here
-- followed another catalogue, or a later state of this one before it was restored from a backup.
CREATE TABLE index_marks (
    mark TEXT PRIMARY KEY NOT NULL,
    seq  INTEGER NOT NULL
) STRICT;
CREATE INDEX index_marks_by_seq ON index_marks (seq);

-- The order of registration. Ids follow the clock, which may be set back, and VACUUM may renumber row ids.
ALTER TABLE assets ADD COLUMN registered INTEGER NOT NULL DEFAULT 0;
UPDATE assets SET registered = rowid;
CREATE INDEX assets_by_registration ON assets (registered);
CREATE TRIGGER asset_registered AFTER INSERT ON assets BEGIN
    UPDATE assets SET registered = (SELECT MAX(registered) + 1 FROM assets) WHERE id = NEW.id;
END;

-- Uploads under way, so that a kill leaves nothing behind in the store.
CREATE TABLE uploads (
    prefix TEXT PRIMARY KEY NOT NULL
) STRICT;

-- Fencing token of the newest attempt; `attempts` may be lowered when work is given back.
ALTER TABLE redaction_files ADD COLUMN token INTEGER NOT NULL DEFAULT 0;
