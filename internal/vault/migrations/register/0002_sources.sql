-- The sources: what each remembers, who reads it now, what its runs did, and the state of
-- loading day by day (sources.go, loading.go).

CREATE TABLE source_state (
    source  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    state   TEXT,
    kept_at TEXT NOT NULL
) /* strict */;

-- Who is at work on a source. until is moved on while the work lasts.
CREATE TABLE source_lease (
    source TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    token  TEXT NOT NULL,
    host   TEXT NOT NULL,
    since  TEXT NOT NULL,
    until  TEXT COLLATE "C" NOT NULL
) /* strict */;

CREATE TABLE source_run (
    id         BIGINT NOT NULL PRIMARY KEY,
    source     TEXT   COLLATE "C" NOT NULL,
    cause      TEXT   NOT NULL,
    actor      TEXT,
    started_at TEXT   COLLATE "C" NOT NULL,
    ended_at   TEXT,
    outcome    TEXT,
    error_key  TEXT,
    error_args TEXT,
    notes      TEXT,
    files      BIGINT NOT NULL,
    refused    BIGINT NOT NULL,
    bytes      BIGINT NOT NULL,
    read       BIGINT NOT NULL,
    created    BIGINT NOT NULL,
    updated    BIGINT NOT NULL,
    same       BIGINT NOT NULL,
    withdrawn  BIGINT NOT NULL,
    rejected   BIGINT NOT NULL,
    held       BIGINT NOT NULL,
    next_at    TEXT
) /* strict */;

CREATE INDEX source_run_source ON source_run (source, id);

CREATE TABLE loading_day (
    day      TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    taken_at TEXT NOT NULL,
    content  TEXT NOT NULL
) /* strict */;

-- The counts of loading as last made, good while their stamp is the vault's.
CREATE TABLE loading_count (
    id      INTEGER NOT NULL PRIMARY KEY,
    stamp   TEXT    NOT NULL,
    content TEXT    NOT NULL
) /* strict */;
