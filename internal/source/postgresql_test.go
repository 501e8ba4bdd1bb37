package source

import (
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"garrigue/internal/fault"
	"garrigue/internal/needs"
)

// view is a source on a database of its own, whose address goes as a secret.
func viewSource(t *testing.T, query string, options map[string]string) (Config, Env, *pgx.Conn) {
	t.Helper()
	address := needs.Postgres(t)
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(t.Context()) })
	env, _ := testEnv(t, map[string]string{"dsn": address})
	return Config{Name: "base", Kind: KindPostgreSQL, Query: query, Secrets: map[string]string{"dsn": "V"}, Options: options}, env, conn
}

func run(t *testing.T, conn *pgx.Conn, text string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), text); err != nil {
		t.Fatal(err)
	}
}

func csvOf(t *testing.T, res Result) string {
	t.Helper()
	if len(res.Files) != 1 {
		t.Fatalf("%d files", len(res.Files))
	}
	b, err := os.ReadFile(res.Files[0].Path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const observationTable = `CREATE TABLE obs (id int, "Nom cité" text, geom geometry(Point, 2154), vu timestamp, maj timestamptz, n numeric, ok bool, d date)`

func TestPostgreSQL(t *testing.T) {
	cfg, env, conn := viewSource(t, `SELECT * FROM obs ORDER BY id; `, nil)
	run(t, conn, observationTable)
	run(t, conn, `INSERT INTO obs VALUES (1, 'Aigle, "royal"; l''été', ST_SetSRID(ST_MakePoint(700000.5, 6300000), 2154), '2024-05-01 06:30', '2024-05-02 10:00+02', 1.50, true, '2024-05-01'),
		(2, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`)
	res := mustFetch(t, cfg, nil, env)
	want := "id,Nom cité,geom,vu,maj,n,ok,d\n" +
		`1,"Aigle, ""royal""; l'été",SRID=2154;POINT(700000.5 6300000),2024-05-01T06:30:00,2024-05-02T08:00:00Z,1.50,t,2024-05-01` + "\n2,,,,,,,\n"
	if got := csvOf(t, res); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if again := mustFetch(t, cfg, res.State, env); !again.Unchanged {
		t.Error("the same rows came again")
	}
	r, err := Test(t.Context(), cfg, env)
	if err != nil || r.Rows != 2 || !r.Allowed || len(r.Columns) != 8 {
		t.Errorf("%+v %v", r, err)
	}
}

func TestPostgreSQLSince(t *testing.T) {
	cfg, env, conn := viewSource(t, `SELECT id, maj FROM obs`, map[string]string{OptionSince: "maj", OptionOverlap: "30m"})
	run(t, conn, observationTable)
	run(t, conn, `INSERT INTO obs (id, maj) VALUES (1, '2024-05-01 10:00Z'), (2, '2024-05-02 10:00Z'), (3, NULL)`)
	res := mustFetch(t, cfg, nil, env)
	if n := strings.Count(csvOf(t, res), "\n"); n != 4 {
		t.Errorf("first run: %d lines", n)
	}
	run(t, conn, `INSERT INTO obs (id, maj) VALUES (4, '2024-05-02 09:40Z'), (5, '2024-05-03 00:00Z'), (6, '2024-05-02 09:20Z')`)
	got := csvOf(t, mustFetch(t, cfg, res.State, env))
	for row, want := range map[string]bool{"\n1,": false, "\n2,": true, "\n3,": true, "\n4,": true, "\n5,": true, "\n6,": false} {
		if strings.Contains(got, row) != want {
			t.Errorf("second run, row %q is there: %v\n%s", row, !want, got)
		}
	}
	cfg.Query = `SELECT id, maj FROM obs WHERE id > 1` // another query starts over
	if n := strings.Count(csvOf(t, mustFetch(t, cfg, res.State, env)), "\n"); n != 6 {
		t.Errorf("another query: %d lines", n)
	}
	cfg.Query, cfg.Options = `SELECT id FROM obs`, map[string]string{OptionSince: "id", OptionOverlap: "1"}
	res = mustFetch(t, cfg, nil, env)
	if got := csvOf(t, mustFetch(t, cfg, res.State, env)); got != "id\n5\n6\n" {
		t.Errorf("by number: %q", got)
	}
}

func TestPostgreSQLRefusals(t *testing.T) {
	cfg, env, conn := viewSource(t, "", nil)
	run(t, conn, observationTable)
	run(t, conn, `CREATE FUNCTION ecrit() RETURNS int LANGUAGE sql AS 'INSERT INTO obs (id) VALUES (9) RETURNING id'`)
	for _, c := range []struct {
		query   string
		options map[string]string
		kind    fault.Kind
		key     string
	}{
		{`SELECT * FROM rien`, nil, fault.Invalid, "source.query"},
		{`SELECT`, map[string]string{OptionSince: "maj"}, fault.Invalid, "source.no_column"},
		{`SELECT 1) AS q; DROP TABLE obs; --`, nil, fault.Invalid, "source.query"},
		{`SELECT 1; COMMIT; DROP TABLE obs`, nil, fault.Invalid, "source.query"},
		{`WITH x AS (INSERT INTO obs (id) VALUES (1) RETURNING id) SELECT * FROM x`, nil, fault.Invalid, "source.query"},
		{`SELECT ecrit()`, nil, fault.Invalid, "source.query_writes"},
		{`SELECT id, id FROM obs`, nil, fault.Invalid, "source.column_twice"},
		{`SELECT pg_sleep(5)::text`, map[string]string{OptionStatementTimeout: "100ms"}, fault.Invalid, "source.query_slow"},
		{`SELECT CAST('x' || id AS int) FROM (SELECT 7 AS id) s`, nil, fault.Invalid, "source.query"},
	} {
		cfg.Query, cfg.Options = c.query, c.options
		_, err := Fetch(t.Context(), cfg, nil, env)
		t.Run(c.query, func(t *testing.T) { wantSaid(t, err, c.kind, c.key) })
	}
	run(t, conn, `INSERT INTO obs (id) VALUES (1)`) // the table is there
	var n int
	if err := conn.QueryRow(t.Context(), `SELECT count(*) FROM obs`).Scan(&n); err != nil || n != 1 {
		t.Errorf("%d rows, %v", n, err)
	}
	cfg.Query, cfg.Options = `SELECT * FROM obs`, nil
	cfg.Secrets, cfg.Location = map[string]string{"password": "V"}, "postgres://personne@127.0.0.1:1/rien"
	env, _ = testEnv(t, map[string]string{"password": "s3cret"})
	_, err := Fetch(t.Context(), cfg, nil, env)
	wantSaid(t, err, fault.Unavailable, "source.unreachable")
	if strings.Contains(err.Error(), "s3cret") {
		t.Error("the error tells the password")
	}
}

// A complete source that gives nothing any more must not empty the vault.
func TestPostgreSQLEmpties(t *testing.T) {
	cfg, env, conn := viewSource(t, `SELECT id FROM obs`, nil)
	run(t, conn, observationTable)
	cfg.Complete = true
	_, err := Fetch(t.Context(), cfg, nil, env)
	wantSaid(t, err, fault.Invalid, "source.nothing_left")
}

// The database is restarted in the middle of a reading: the run starts over, and is whole.
func TestPostgreSQLRestart(t *testing.T) {
	s := needs.NewServer(t)
	address := s.Database(t)
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	run(t, conn, `CREATE TABLE obs AS SELECT i AS id, repeat(md5(i::text), 20) AS texte FROM generate_series(1, 60000) i`)
	conn.Close(t.Context())
	env, _ := testEnv(t, map[string]string{"dsn": address})
	cfg := Config{Name: "base", Kind: KindPostgreSQL, Query: `SELECT * FROM obs ORDER BY id`, Secrets: map[string]string{"dsn": "V"}}
	restarted := false
	env.Progress = func(p Progress) {
		if !restarted && p.Done > 5<<20 {
			restarted = true
			s.Restart(t, "immediate")
		}
	}
	res := mustFetch(t, cfg, nil, env)
	if !restarted {
		t.Fatal("the server was not restarted")
	}
	if n := strings.Count(csvOf(t, res), "\n"); n != 60_001 {
		t.Errorf("%d lines", n)
	}
}
