-- Who read exact observations, why, when and how many.

CREATE TABLE journal (
    id         BIGINT NOT NULL PRIMARY KEY,
    started_at TEXT   NOT NULL,
    ended_at   TEXT,
    who        TEXT   NOT NULL,
    reason     TEXT   NOT NULL,
    fields     TEXT   NOT NULL,
    row_count  BIGINT NOT NULL,
    outcome    TEXT
) /* strict */;
