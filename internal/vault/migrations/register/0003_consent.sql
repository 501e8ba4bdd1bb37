-- What observers, or a platform for those who did not answer, agreed to about diffusion.

CREATE TABLE consent_wording (
    id      TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    wording TEXT NOT NULL
) /* strict */;

-- A row of kind 'default' has no person. Rows are never changed: the latest decides.
CREATE TABLE consent_choice (
    id           BIGINT  NOT NULL PRIMARY KEY,
    kind         TEXT    NOT NULL,
    person       TEXT    COLLATE "C",
    display      TEXT,
    source       TEXT    COLLATE "C",
    dataset      TEXT    COLLATE "C",
    organisation TEXT    COLLATE "C",
    date_from    BIGINT,
    date_to      BIGINT,
    precision_code TEXT  NOT NULL,
    decided      TEXT    NOT NULL,
    wording      TEXT    COLLATE "C",
    recorded_at  TEXT    NOT NULL,
    recorded_by  TEXT
) /* strict */;

CREATE INDEX consent_choice_person ON consent_choice (person);
