-- The state of the vault (counter changes) in which a row was last written again: a publication reads anew
-- only what was touched since the former one. New rows have none: their ids tell.
ALTER TABLE observation ADD COLUMN touched BIGINT;

CREATE INDEX observation_touched ON observation (touched) WHERE touched IS NOT NULL;
