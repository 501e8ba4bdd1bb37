-- What a rule of sensitivity may also be limited to: another area than a department (kind:code), a
-- season (first and last day as MMDD, 0 all year), a stage of life.

ALTER TABLE sensitivity_rule ADD COLUMN area TEXT;

ALTER TABLE sensitivity_rule ADD COLUMN season_from INTEGER NOT NULL DEFAULT 0;

ALTER TABLE sensitivity_rule ADD COLUMN season_to INTEGER NOT NULL DEFAULT 0;

ALTER TABLE sensitivity_rule ADD COLUMN life_stage TEXT;

-- A list that nobody described stands apart (sensitivity.Apart): it is not the national list, which
-- those of regions replace.
UPDATE sensitivity_list SET region = '-' WHERE region IS NULL AND citation IS NULL AND name = id;
