-- The text is PostgreSQL's; the SQLite dialect translates the type names (dialect.go).
-- Ids are made by the program. Statements are sent one by one.

CREATE TABLE counter (
    name  TEXT   NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
) /* strict */;

CREATE TABLE reference (
    id        BIGINT  NOT NULL PRIMARY KEY,
    kind      TEXT    NOT NULL,
    scope     TEXT    NOT NULL,
    name      TEXT    NOT NULL,
    version   TEXT    NOT NULL,
    sha256    TEXT    NOT NULL,
    row_count BIGINT  NOT NULL,
    loaded_at TEXT    NOT NULL,
    current   INTEGER NOT NULL
) /* strict */;

CREATE UNIQUE INDEX reference_content ON reference (kind, scope, name, sha256);

CREATE TABLE taxon_name (
    cd_nom          BIGINT NOT NULL PRIMARY KEY,
    cd_ref          BIGINT,
    cd_sup          BIGINT,
    rank            TEXT,
    scientific_name TEXT,
    author          TEXT,
    full_name       TEXT,
    vernacular      TEXT,
    vernacular_en   TEXT,
    kingdom         TEXT,
    phylum          TEXT,
    class           TEXT,
    taxon_order     TEXT,
    family          TEXT,
    group1          TEXT,
    group2          TEXT,
    group3          TEXT,
    habitat         TEXT,
    status_fr       TEXT,
    reference       BIGINT NOT NULL REFERENCES reference (id)
) /* strict */;

CREATE TABLE taxon_withdrawn (
    cd_nom      BIGINT NOT NULL PRIMARY KEY,
    replacement BIGINT,
    reason      TEXT,
    reference   BIGINT NOT NULL REFERENCES reference (id)
) /* strict */;

CREATE TABLE status (
    reference  BIGINT NOT NULL REFERENCES reference (id),
    number     BIGINT NOT NULL,
    cd_ref     BIGINT NOT NULL,
    type       TEXT,
    type_label TEXT,
    code       TEXT,
    label      TEXT,
    remark     TEXT,
    territory  TEXT,
    citation   TEXT,
    url        TEXT,
    PRIMARY KEY (reference, number)
) /* strict */;

CREATE TABLE sensitivity_list (
    id        TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    name      TEXT,
    citation  TEXT,
    version   TEXT,
    region    TEXT,
    reference BIGINT NOT NULL REFERENCES reference (id)
) /* strict */;

CREATE TABLE sensitivity_rule (
    list       TEXT    COLLATE "C" NOT NULL REFERENCES sensitivity_list (id),
    number     BIGINT  NOT NULL,
    cd_nom     BIGINT  NOT NULL,
    level      INTEGER NOT NULL,
    department TEXT,
    years      INTEGER NOT NULL,
    bio_status TEXT,
    behaviour  TEXT,
    condition  TEXT,
    PRIMARY KEY (list, number)
) /* strict */;

CREATE TABLE area (
    kind        TEXT   COLLATE "C" NOT NULL,
    code        TEXT   COLLATE "C" NOT NULL,
    name        TEXT,
    parent_kind TEXT,
    parent      TEXT,
    surface     DOUBLE PRECISION NOT NULL,
    geometry    BYTEA  NOT NULL,
    reference   BIGINT NOT NULL REFERENCES reference (id),
    PRIMARY KEY (kind, code)
) /* strict */;

CREATE TABLE dataset (
    id           BIGINT NOT NULL PRIMARY KEY,
    uuid         TEXT   COLLATE "C",
    name         TEXT   COLLATE "C" NOT NULL,
    organisation TEXT,
    framework    TEXT,
    public       TEXT
) /* strict */;

CREATE UNIQUE INDEX dataset_uuid ON dataset (uuid);

CREATE TABLE batch (
    id         BIGINT NOT NULL PRIMARY KEY,
    dataset    BIGINT REFERENCES dataset (id),
    file       TEXT,
    sha256     TEXT,
    format     TEXT,
    mapping    TEXT,
    started_at TEXT   NOT NULL,
    ended_at   TEXT,
    read       BIGINT NOT NULL,
    created    BIGINT NOT NULL,
    updated    BIGINT NOT NULL,
    same       BIGINT NOT NULL,
    rejected   BIGINT NOT NULL,
    held       BIGINT NOT NULL,
    warnings   BIGINT NOT NULL
) /* strict */;

CREATE TABLE reject (
    batch    BIGINT NOT NULL REFERENCES batch (id),
    number   BIGINT NOT NULL,
    line     BIGINT NOT NULL,
    content  TEXT,
    findings TEXT   NOT NULL,
    PRIMARY KEY (batch, number)
) /* strict */;

-- Columns that publishing reads come first: a scan stops decoding a row after the last one.
CREATE TABLE observation (
    id               BIGINT  NOT NULL PRIMARY KEY,
    dataset          BIGINT  NOT NULL REFERENCES dataset (id),
    cd_nom           BIGINT,
    cd_ref           BIGINT,
    presence         TEXT,
    date_start       TEXT,
    date_end         TEXT,
    date_precision   TEXT,
    georeference     TEXT,
    lon              DOUBLE PRECISION,
    lat              DOUBLE PRECISION,
    min_x            DOUBLE PRECISION,
    min_y            DOUBLE PRECISION,
    max_x            DOUBLE PRECISION,
    max_y            DOUBLE PRECISION,
    commune          TEXT,
    department       TEXT,
    attached         TEXT,
    uncertainty      BIGINT,
    altitude_min     INTEGER,
    altitude_max     INTEGER,
    place_nature     TEXT,
    organisation     TEXT,
    bio_status       TEXT,
    behaviour        TEXT,
    public           TEXT,
    diffusion        TEXT,
    blurring         TEXT,
    stated_level     INTEGER NOT NULL,
    sensitivity      INTEGER NOT NULL,
    sensitivity_list TEXT,
    validation       INTEGER NOT NULL,
    held             TEXT,
    batch            BIGINT  NOT NULL REFERENCES batch (id),
    content_hash     BIGINT  NOT NULL,
    id_sinp          TEXT    COLLATE "C",
    source_key       TEXT    COLLATE "C" NOT NULL,
    cell10           TEXT,
    name_cited       TEXT,
    time_start       TEXT,
    time_end         TEXT,
    place_name       TEXT,
    observers        TEXT,
    determiner       TEXT,
    count_min        INTEGER,
    count_max        INTEGER,
    count_object     TEXT,
    count_type       TEXT,
    life_stage       TEXT,
    sex              TEXT,
    technique        TEXT,
    geometry         BYTEA,
    comment          TEXT,
    extra            TEXT
) /* strict */;

CREATE UNIQUE INDEX observation_key ON observation (dataset, source_key);

CREATE INDEX observation_id_sinp ON observation (id_sinp);

CREATE TABLE observation_history (
    observation BIGINT NOT NULL REFERENCES observation (id),
    id          BIGINT NOT NULL,
    batch       BIGINT NOT NULL REFERENCES batch (id),
    replaced_at TEXT   NOT NULL,
    content     TEXT   NOT NULL,
    PRIMARY KEY (observation, id)
) /* strict */;
