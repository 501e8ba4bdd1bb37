-- What people decide and what the program remembers between runs (register.go).

CREATE TABLE register_counter (
    name  TEXT   NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
) /* strict */;
