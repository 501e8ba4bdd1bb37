-- What classing knows beside the level: that a person decided it, that a person should look at
-- it, and the grouping (idSINPRegroupement) whose members take the level of the most sensitive.
ALTER TABLE observation ADD COLUMN sens_manual INTEGER;

ALTER TABLE observation ADD COLUMN sens_review INTEGER;

ALTER TABLE observation ADD COLUMN grouping_id TEXT;

ALTER TABLE observation_class ADD COLUMN sens_manual INTEGER;

ALTER TABLE observation_class ADD COLUMN sens_review INTEGER;

ALTER TABLE observation_class ADD COLUMN grouping_id TEXT;

-- Few observations are in one of these. Publishing reads the first alone, without the rows.
CREATE INDEX observation_grouping ON observation (grouping_id, cd_ref, sensitivity, stated_level) WHERE grouping_id IS NOT NULL AND withdrawn IS NULL;

CREATE INDEX observation_review ON observation (cd_ref) WHERE sens_review = 1 AND withdrawn IS NULL;
