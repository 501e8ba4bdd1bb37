-- What happens to an observation after it came in: withdrawal, return, classes it had, twins.

ALTER TABLE batch ADD COLUMN source TEXT;

ALTER TABLE batch ADD COLUMN actor TEXT;

ALTER TABLE batch ADD COLUMN layout TEXT;

ALTER TABLE batch ADD COLUMN withdrawn BIGINT NOT NULL DEFAULT 0;

ALTER TABLE batch ADD COLUMN returned BIGINT NOT NULL DEFAULT 0;

ALTER TABLE batch ADD COLUMN twins BIGINT NOT NULL DEFAULT 0;

CREATE TABLE batch_dataset (
    batch     BIGINT NOT NULL REFERENCES batch (id),
    dataset   BIGINT NOT NULL REFERENCES dataset (id),
    row_count BIGINT NOT NULL,
    PRIMARY KEY (batch, dataset)
) /* strict */;

-- consent is a class, as sensitivity is. withdrawn is the batch that withdrew the observation.
ALTER TABLE observation ADD COLUMN consent TEXT;

ALTER TABLE observation ADD COLUMN consent_default INTEGER;

ALTER TABLE observation ADD COLUMN twin_key BIGINT;

ALTER TABLE observation ADD COLUMN withdrawn BIGINT REFERENCES batch (id);

DROP INDEX observation_id_sinp;

CREATE INDEX observation_id_sinp ON observation (id_sinp, dataset);

CREATE INDEX observation_twin_key ON observation (twin_key, dataset);

-- event is 'withdrawn' or 'returned', which replace no content; NULL is an update.
ALTER TABLE observation_history ADD COLUMN event TEXT;

CREATE TABLE class_run (
    id         BIGINT NOT NULL PRIMARY KEY,
    started_at TEXT   NOT NULL,
    generation BIGINT NOT NULL,
    changed    BIGINT NOT NULL
) /* strict */;

-- The class an observation had before a run of classing, or a batch, gave it another.
CREATE TABLE observation_class (
    observation      BIGINT NOT NULL REFERENCES observation (id),
    id               BIGINT NOT NULL,
    class_run        BIGINT REFERENCES class_run (id),
    batch            BIGINT REFERENCES batch (id),
    replaced_at      TEXT   NOT NULL,
    cd_ref           BIGINT,
    sensitivity      INTEGER NOT NULL,
    sensitivity_list TEXT,
    held             TEXT,
    consent          TEXT,
    consent_default  INTEGER,
    PRIMARY KEY (observation, id)
) /* strict */;

-- The same observation come by two roads. A cluster is what may be one; those of one slot are
-- taken for one.
CREATE TABLE twin (
    observation BIGINT NOT NULL PRIMARY KEY REFERENCES observation (id),
    cluster     BIGINT NOT NULL,
    slot        BIGINT NOT NULL
) /* strict */;

CREATE INDEX twin_cluster ON twin (cluster, slot);
