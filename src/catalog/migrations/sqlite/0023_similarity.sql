-- How alike query and shot are, beside the score that fuses all recalls by rank.
ALTER TABLE bin_items ADD COLUMN similarity REAL;
CREATE INDEX bins_by_owner ON bins (owner);
