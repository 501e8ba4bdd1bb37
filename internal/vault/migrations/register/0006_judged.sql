-- The level that a person gave one observation (judged.go). Rows are never changed but to say that they
-- were taken back; the latest of an observation is in force. dataset is the permanent identifier of the
-- dataset, its name when it has none. level is a code. act numbers what was decided in one go.

CREATE TABLE sensitivity_decision (
    id         BIGINT  NOT NULL PRIMARY KEY,
    act        BIGINT  NOT NULL,
    dataset    TEXT    COLLATE "C" NOT NULL,
    source_key TEXT    COLLATE "C" NOT NULL,
    id_sinp    TEXT,
    cd_ref     BIGINT,
    level      TEXT    NOT NULL,
    actor      TEXT    NOT NULL,
    decided_at TEXT    NOT NULL,
    reason     TEXT    NOT NULL,
    undone_at  TEXT,
    undone_by  TEXT
) /* strict */;

CREATE INDEX sensitivity_decision_act ON sensitivity_decision (act);
