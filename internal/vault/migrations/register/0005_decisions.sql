-- What people decided about names (decisions.go). Rows are never changed: the latest of a name
-- and scope is in force. name is folded; cd_nom is null when the words name no taxon.

CREATE TABLE taxon_decision (
    id         BIGINT  NOT NULL PRIMARY KEY,
    name       TEXT    COLLATE "C" NOT NULL,
    cited      TEXT    NOT NULL,
    source     TEXT    COLLATE "C",
    dataset    TEXT    COLLATE "C",
    cd_nom     BIGINT,
    actor      TEXT    NOT NULL,
    decided_at TEXT    NOT NULL,
    reason     TEXT,
    taxref     TEXT,
    revoked    INTEGER NOT NULL
) /* strict */;

CREATE INDEX taxon_decision_name ON taxon_decision (name);
