-- The last number given, so that two programs never take the same.

CREATE TABLE journal_counter (
    name  TEXT   NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
) /* strict */;

INSERT INTO journal_counter (name, value) SELECT 'journal', MAX(id) FROM journal HAVING COUNT(*) > 0;
