-- Files of redactions are leased like runs, by the worker of this machine that has them, and may be videos.

-- The worker that has it.
ALTER TABLE redaction_files ADD COLUMN worker TEXT;
-- Workers that ended while they had it and got no further, and how far it was at the last such end.
ALTER TABLE redaction_files ADD COLUMN deaths INTEGER NOT NULL DEFAULT 0;
ALTER TABLE redaction_files ADD COLUMN done_at_death INTEGER NOT NULL DEFAULT 0;
-- Thousandths of it that are done.
ALTER TABLE redaction_files ADD COLUMN done INTEGER NOT NULL DEFAULT 0;
-- Name of the result, which the container of a video may give another extension. NULL where an earlier version wrote it.
ALTER TABLE redaction_files ADD COLUMN result TEXT;
CREATE INDEX redaction_files_by_worker ON redaction_files (worker) WHERE state = 'running';
-- What earlier versions had under way when they ended.
UPDATE redaction_files SET state = 'queued' WHERE state = 'running';
