-- First frame of the transition with which a shot begins, and the frame after it; of a cut, the shot's first frame
-- twice. NULL where an earlier version found the shot and kept only where it begins.
ALTER TABLE shots ADD COLUMN boundary_start INTEGER;
ALTER TABLE shots ADD COLUMN boundary_end INTEGER;
UPDATE shots SET boundary_start = start_frame, boundary_end = start_frame
 WHERE boundary IN ('start', 'cut', 'continued');

-- The runs that somebody asked for with a job.
CREATE TABLE job_runs (
    job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    PRIMARY KEY (job_id, run_id)
) STRICT;
CREATE INDEX job_runs_by_run ON job_runs (run_id);
INSERT INTO job_runs (job_id, run_id)
SELECT j.id, w.run_id FROM jobs j JOIN wanted w ON w.asset_id = j.asset_id;

-- When somebody cancelled it. A run that another job asks for goes on.
ALTER TABLE jobs ADD COLUMN cancelled_at INTEGER;

-- What went wrong, as a stable code for programs. Two causes that were kinds before are codes now.
ALTER TABLE runs ADD COLUMN failure_code TEXT;
UPDATE runs SET failure_code = failure_kind WHERE failure_kind IS NOT NULL;
