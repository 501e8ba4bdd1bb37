-- Codes of taxa in other systems (VisioNature), and the further replacements of a withdrawn
-- CD_NOM that was split.

CREATE TABLE taxon_code (
    system    TEXT   COLLATE "C" NOT NULL,
    code      TEXT   COLLATE "C" NOT NULL,
    cd_nom    BIGINT NOT NULL,
    reference BIGINT NOT NULL REFERENCES reference (id),
    PRIMARY KEY (system, code)
) /* strict */;

CREATE TABLE taxon_replacement (
    cd_nom      BIGINT NOT NULL,
    replacement BIGINT NOT NULL,
    reference   BIGINT NOT NULL REFERENCES reference (id),
    PRIMARY KEY (cd_nom, replacement)
) /* strict */;
