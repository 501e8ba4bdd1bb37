-- What blurred observations were shown as at the last batch, and the batches there were. No foreign
-- key to observation: what was shown is remembered as it was, whatever becomes of the row.

CREATE TABLE disclosed_batch (
    id           BIGINT NOT NULL PRIMARY KEY,
    day          TEXT   NOT NULL,
    taken_at     TEXT   NOT NULL,
    reason       TEXT   NOT NULL,
    fingerprint  TEXT   NOT NULL,
    observations BIGINT NOT NULL,
    changed      BIGINT NOT NULL
) /* strict */;

-- gone: it disappeared since, and stays away until the next batch. counted_in are the areas that
-- hold area, separated by spaces.
CREATE TABLE disclosed (
    observation    BIGINT  NOT NULL PRIMARY KEY,
    cd_ref         BIGINT  NOT NULL,
    dataset        BIGINT  NOT NULL,
    organisation   TEXT,
    date_start     TEXT,
    date_end       TEXT,
    date_precision TEXT    NOT NULL,
    area           TEXT    NOT NULL,
    counted_in     TEXT,
    reasons        INTEGER NOT NULL,
    validated      INTEGER NOT NULL,
    gone           INTEGER NOT NULL
) /* strict */;
