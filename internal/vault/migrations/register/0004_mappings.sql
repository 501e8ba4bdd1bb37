-- What the columns of a producer's files are, once told: by source and by header (mappings.go).
-- source is '.' for files imported by hand.

CREATE TABLE mapping (
    source      TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    header      TEXT NOT NULL,
    rules       TEXT,
    used_at     TEXT NOT NULL,
    actor       TEXT,
    PRIMARY KEY (source, fingerprint)
) /* strict */;
