package vault_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkb"

	"garrigue/internal/civil"
	"garrigue/internal/dataset"
	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/i18n"
	"garrigue/internal/needs"
	"garrigue/internal/observation"
	"garrigue/internal/taxon"
	"garrigue/internal/vault"
)

func do(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// psql runs statements on a database, each in its own transaction.
func psql(t testing.TB, address string, texts ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	do(t, err)
	defer conn.Close(context.Background())
	for _, text := range texts {
		_, err := conn.Exec(t.Context(), text)
		do(t, err)
	}
}

// ask returns the rows of a query as text, columns separated by spaces.
func ask(t testing.TB, address, text string) (list []string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	do(t, err)
	defer conn.Close(context.Background())
	rows, err := conn.Query(t.Context(), text)
	do(t, err)
	for rows.Next() {
		values, err := rows.Values()
		do(t, err)
		list = append(list, strings.TrimSuffix(fmt.Sprintln(values...), "\n"))
	}
	do(t, rows.Err())
	return list
}

// as is an address for another user.
func as(t testing.TB, address, user, password string) string {
	t.Helper()
	u, err := url.Parse(address)
	do(t, err)
	u.User = url.UserPassword(user, password)
	return u.String()
}

// fails checks how opening an address fails: its kind, its sentence, and that the password is
// nowhere in it.
func fails(t *testing.T, address string, kind fault.Kind, key string) {
	t.Helper()
	db, err := vault.Open(t.Context(), address)
	if err == nil {
		db.Close()
	}
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != kind || f.Key != key {
		t.Errorf("%v, want %s %s", err, kind, key)
		return
	}
	if strings.Contains(err.Error(), "S3CRET") || strings.Contains(fmt.Sprintf("%+v %#v", f.Cause, f.Args), "S3CRET") {
		t.Errorf("%s: the error tells the password", key)
	}
	for _, l := range []i18n.Lang{i18n.FR, i18n.EN} {
		if !i18n.Has(l, f.Key) {
			t.Errorf("%s has no sentence %s", l, f.Key)
		}
	}
}

func TestPostgresOpenRefuses(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server")
	}
	s := needs.NewServer(t)
	admin := s.URL("postgres")
	psql(t, admin, `CREATE ROLE plain LOGIN PASSWORD 'S3CRET'`, `CREATE ROLE owner LOGIN PASSWORD 'S3CRET'`)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	do(t, err)
	nobody := closed.Addr().String()
	closed.Close()

	fails(t, "postgres://u:S3CRET@%zz/base", fault.Invalid, "vault.pg_address")
	fails(t, "postgres://u:S3CRET@host:port/base", fault.Invalid, "vault.pg_address")
	fails(t, "postgres://u:S3CRET@"+nobody+"/base?sslmode=disable", fault.Unavailable, "vault.pg_unreachable")
	fails(t, as(t, s.URL("none"), "plain", "S3CRET"), fault.NotFound, "vault.pg_no_database")
	fails(t, as(t, admin, "nobody", "S3CRET"), fault.Invalid, "vault.pg_login")

	other := s.Database(t)
	psql(t, other, `CREATE TABLE synthese (id INTEGER)`)
	fails(t, other, fault.Invalid, "vault.pg_other")
	if got := ask(t, other, `SELECT nspname FROM pg_namespace WHERE nspname LIKE 'garrigue%'`); len(got) > 0 {
		t.Errorf("a database that is not ours was changed: %v", got)
	}
	fails(t, as(t, s.Database(t), "plain", "S3CRET"), fault.Invalid, "vault.pg_right")
	fails(t, as(t, s.Empty(t), "plain", "S3CRET"), fault.Invalid, "vault.pg_postgis_right")
	psql(t, admin, `CREATE DATABASE latin ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0`)
	fails(t, s.URL("latin"), fault.Invalid, "vault.pg_encoding")

	newer := s.Database(t)
	db, err := vault.Open(t.Context(), newer)
	do(t, err)
	do(t, db.Close())
	psql(t, newer, `INSERT INTO garrigue.schema_version (version_id, is_applied) VALUES (9999, true)`)
	fails(t, newer, fault.Conflict, "vault.newer_schema")

	// A user who owns an empty database with PostGIS needs no other right.
	mine := s.Database(t)
	u, err := url.Parse(mine)
	do(t, err)
	psql(t, admin, `ALTER DATABASE `+strings.TrimPrefix(u.Path, "/")+` OWNER TO owner`)
	db, err = vault.Open(t.Context(), as(t, mine, "owner", "S3CRET"))
	do(t, err)
	do(t, db.Check(t.Context()))
	do(t, db.Close())
	s.Stop(t, "fast")
	fails(t, mine, fault.Unavailable, "vault.pg_unreachable")
}

// shaped is an observation with a shape.
func shaped(t testing.TB, d dataset.ID, key string, shape orb.Geometry) *observation.Observation {
	t.Helper()
	b, err := wkb.Marshal(shape)
	do(t, err)
	day, _ := civil.Make(2024, 5, 1)
	c := shape.Bound().Center()
	return &observation.Observation{Dataset: d, SourceKey: key, CdNom: 3696, CdRef: 3696, NameCited: "Delichon urbicum",
		Presence: observation.Present, When: observation.Period{Start: day, End: day}, CountMin: -1, CountMax: -1,
		Place: observation.Place{Georeference: observation.ByGeometry, Geometry: b, Lon: c[0], Lat: c[1],
			AltitudeMin: observation.NoAltitude, AltitudeMax: observation.NoAltitude},
		Observers: "NOM Prénom", Validation: observation.Probable}
}

// fill puts one observation of each sort of place, and the areas they are in.
func fill(t testing.TB, db *vault.DB) {
	t.Helper()
	ctx := t.Context()
	_, err := db.PutNames(ctx, vault.Reference{Kind: "taxref", Name: "t", SHA256: "1"}, func(yield func(taxon.Name, error) bool) {
		yield(taxon.Name{CdNom: 3696, CdRef: 3696, ScientificName: "Delichon urbicum", FullName: "Delichon urbicum (Linnaeus, 1758)", Vernacular: "Hirondelle de fenêtre", Group2: "Oiseaux"}, nil)
	})
	do(t, err)
	square := orb.MultiPolygon{{{{3, 43}, {4, 43}, {4, 44}, {3, 44}, {3, 43}}}}
	_, err = db.PutAreas(ctx, vault.Reference{Kind: "areas", Name: "a", SHA256: "2"}, geo.Commune, func(yield func(geo.Area, error) bool) {
		yield(geo.Area{Key: geo.AdminKey(geo.Commune, "34172"), Name: "Montpellier", Parent: geo.AdminKey(geo.Department, "34"), Geometry: square}, nil)
	})
	do(t, err)
	d, err := db.EnsureDataset(ctx, dataset.Dataset{Name: "Hirondelles"})
	do(t, err)
	b, err := db.Begin(ctx, vault.BatchInfo{File: "f"})
	do(t, err)
	defer b.Rollback()
	rows := []*observation.Observation{
		shaped(t, d.ID, "point", orb.Point{3.87, 43.61}),
		shaped(t, d.ID, "points", orb.MultiPoint{{3.1, 43.1}, {3.2, 43.2}}),
		shaped(t, d.ID, "line", orb.LineString{{3, 43}, {4, 44}}),
		shaped(t, d.ID, "polygon", square[0]),
		shaped(t, d.ID, "both", orb.Collection{orb.Point{3.5, 43.5}, orb.LineString{{3, 43}, {3.5, 43.5}}}),
		shaped(t, d.ID, "broken", orb.Point{1, 1}), shaped(t, d.ID, "short", orb.Point{1, 1}), shaped(t, d.ID, "open", orb.Point{1, 1}),
		shaped(t, d.ID, "commune", orb.Point{3.5, 43.5}), shaped(t, d.ID, "cell", orb.Point{3.87, 43.61}),
	}
	rows[5].Place.Geometry = []byte{0, 1, 0, 255, 7, 7, 7, 7, 7, 7}
	rows[6].Place.Geometry = []byte{1}
	ring, err := wkb.Marshal(orb.Polygon{{{0, 0}, {1, 0}, {1, 1}, {2, 2}}})
	do(t, err)
	rows[7].Place.Geometry = ring
	p := &rows[8].Place
	p.Georeference, p.Geometry, p.Attached, p.Commune = observation.ByCommune, nil, geo.AdminKey(geo.Commune, "34172"), geo.AdminKey(geo.Commune, "34172")
	p = &rows[9].Place
	p.Georeference, p.Geometry, p.Attached = observation.ByCell, nil, geo.CellKey(geo.Cell10, 770, 6270)
	for _, o := range rows {
		_, err := b.Put(ctx, o)
		do(t, err)
	}
	_, err = b.Commit(ctx, vault.BatchInfo{})
	do(t, err)
}

// TestPostgresSig: what a person sees in QGIS, with the role made for it.
func TestPostgresSig(t *testing.T) {
	address := needs.Postgres(t)
	db, err := vault.Open(t.Context(), address)
	do(t, err)
	defer db.Close()
	fill(t, db)
	want := []string{"commune geom 4326 MULTIPOLYGON", "departement geom 4326 MULTIPOLYGON", "observation_line geom 4326 MULTILINESTRING",
		"observation_point geom 4326 MULTIPOINT", "observation_polygon geom 4326 MULTIPOLYGON", "observation_rattachee geom 4326 MULTIPOLYGON",
		"zone geom 4326 MULTIPOLYGON"}
	got := ask(t, address, `SELECT f_table_name, f_geometry_column, srid, type FROM geometry_columns WHERE f_table_schema = 'sig' ORDER BY 1`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("geometry_columns: %s", diff)
	}
	for view, want := range map[string][]string{
		"observation_point":     {"1 MULTIPOINT((3.87 43.61))", "2 MULTIPOINT((3.1 43.1),(3.2 43.2))", "5 MULTIPOINT((3.5 43.5))"},
		"observation_line":      {"3 MULTILINESTRING((3 43,4 44))", "5 MULTILINESTRING((3 43,3.5 43.5))"},
		"observation_polygon":   {"4 MULTIPOLYGON(((3 43,4 43,4 44,3 44,3 43)))"},
		"observation_rattachee": {"9 MULTIPOLYGON(((3 43,4 43,4 44,3 44,3 43)))", "10 MULTIPOLYGON(((3.87 43.53,3.87 43.62,3.99 43.61,3.99 43.52,3.87 43.53)))"},
	} {
		got := ask(t, address, `SELECT id, ST_AsText(ST_SnapToGrid(geom, 0.01)) FROM sig.`+view+` ORDER BY id`)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", view, diff)
		}
	}
	got = ask(t, address, `SELECT taxon, nom_vernaculaire, groupe, jeu_donnees, date_debut, rattachement, validation, cd_nom FROM sig.observation_point WHERE id = 1`)
	if diff := cmp.Diff([]string{"Delichon urbicum (Linnaeus, 1758) Hirondelle de fenêtre Oiseaux Hirondelles 2024-05-01 géométrie probable 3696"}, got); diff != "" {
		t.Error(diff)
	}
	plan := strings.Join(ask(t, address+"&enable_seqscan=off", `EXPLAIN SELECT id FROM sig.observation_point WHERE geom && ST_MakeEnvelope(3, 43, 4, 44, 4326)`), "\n")
	if !strings.Contains(plan, "observation_geom_point") {
		t.Errorf("the view does not use its index:\n%s", plan)
	}

	conn, err := pgx.Connect(t.Context(), address)
	do(t, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(t.Context(), `SET ROLE garrigue_lecture`)
	do(t, err)
	var n int
	if err := conn.QueryRow(t.Context(), `SELECT count(*) FROM sig.observation_point p JOIN sig.commune c ON ST_Intersects(p.geom, c.geom)`).Scan(&n); err != nil || n != 3 {
		t.Errorf("the role reads %d points, %v", n, err)
	}
	for _, text := range []string{`SELECT 1 FROM garrigue.observation`, `SELECT 1 FROM garrigue_journal.journal`, `SELECT 1 FROM garrigue_register.register_counter`,
		`UPDATE sig.commune SET nom = ''`, `DELETE FROM sig.departement`, `CREATE TABLE sig.mine (id INTEGER)`} {
		if _, err := conn.Exec(t.Context(), text); err == nil || !strings.Contains(err.Error(), "42501") {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, column := range ask(t, address, `SELECT column_name FROM information_schema.columns WHERE table_schema = 'sig'`) {
		if strings.Contains(column, "observ") || strings.Contains(column, "determin") || strings.Contains(column, "comment") {
			t.Errorf("column %s names people", column)
		}
	}
}

// TestPostgresOGR: GDAL, as QGIS, finds the layers.
func TestPostgresOGR(t *testing.T) {
	ogrinfo := needs.Tool(t, "ogrinfo")
	address := needs.Postgres(t)
	db, err := vault.Open(t.Context(), address)
	do(t, err)
	defer db.Close()
	fill(t, db)
	out, err := exec.CommandContext(t.Context(), ogrinfo, "-ro", "-so", "PG:"+address+"&application_name=ogr", "sig.observation_point").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, want := range []string{"Geometry: Multi Point", "Feature Count: 3", "WGS 84", "taxon: String"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
}

func importMany(ctx context.Context, db *vault.DB, d dataset.ID, n int, at func(i int)) (err error) {
	b, err := db.Begin(ctx, vault.BatchInfo{File: "many.csv"})
	if err != nil {
		return err
	}
	defer b.Rollback()
	day, _ := civil.Make(2024, 5, 1)
	for i := range n {
		o := observation.Observation{Dataset: d, SourceKey: fmt.Sprint("k", i), CdNom: 3696, Presence: observation.Present, CountMin: -1, CountMax: -1,
			When: observation.Period{Start: day, End: day}, Place: observation.Place{AltitudeMin: observation.NoAltitude, AltitudeMax: observation.NoAltitude}}
		if _, err := b.Put(ctx, &o); err != nil {
			return err
		}
		at(i)
	}
	_, err = b.Commit(ctx, vault.BatchInfo{})
	return err
}

// dump is everything a vault holds of observations, in order.
func dump(t testing.TB, db *vault.DB) string {
	t.Helper()
	var b strings.Builder
	do(t, db.Observations(t.Context(), disclosure.Grant{Who: "test", Reason: "dump"}, vault.Complete, func(o *observation.Observation) error {
		line, err := json.Marshal(o)
		b.Write(append(line, '\n'))
		return err
	}))
	return b.String()
}

// TestPostgresCut: a connection cut or a server that crashes in the middle of a batch or of a
// reading is Unavailable; run again, the vault is that of one clean run.
func TestPostgresCut(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server")
	}
	s := needs.NewServer(t)
	ctx := t.Context()
	const n = 8000
	open := func(address string) (*vault.DB, dataset.ID) {
		db, err := vault.Open(ctx, address)
		do(t, err)
		t.Cleanup(func() { db.Close() })
		d, err := db.EnsureDataset(ctx, dataset.Dataset{Name: "d"})
		do(t, err)
		return db, d.ID
	}
	clean, d := open(s.Database(t))
	do(t, importMany(ctx, clean, d, n, func(int) {}))
	want := dump(t, clean)

	terminate := func(address string) {
		psql(t, address, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	}
	for name, cut := range map[string]func(address string){
		"terminated": terminate,
		"crash":      func(string) { s.Restart(t, "immediate") },
		"stopped":    func(string) { s.Restart(t, "fast") },
	} {
		for _, at := range []int{0, n / 2, n - 1} {
			t.Run(fmt.Sprintf("%s at %d", name, at), func(t *testing.T) {
				address := s.Database(t)
				db, d := open(address)
				err := importMany(ctx, db, d, n, func(i int) {
					if i == at {
						cut(address)
					}
				})
				if !fault.Is(err, fault.Unavailable) {
					t.Fatalf("cut: %v", err)
				}
				do(t, importMany(ctx, db, d, n, func(int) {}))
				if got := dump(t, db); got != want {
					t.Errorf("not what one clean run gives: %d bytes, want %d", len(got), len(want))
				}
				if list, err := db.Batches(ctx, 0); err != nil || len(list) != 1 {
					t.Errorf("%d batches, %v", len(list), err)
				}
				do(t, db.Check(ctx))
			})
		}
		t.Run(name+" while reading", func(t *testing.T) {
			address := s.Database(t)
			db, d := open(address)
			do(t, importMany(ctx, db, d, n, func(int) {}))
			seen := 0
			err := db.Observations(ctx, disclosure.Grant{Who: "test", Reason: "cut"}, vault.Complete, func(*observation.Observation) error {
				if seen++; seen == 5 {
					cut(address)
				}
				return nil
			})
			// A short answer may have been sent whole before the cut.
			if err != nil && !fault.Is(err, fault.Unavailable) || err == nil && seen != n {
				t.Errorf("cut after %d rows: %v", seen, err)
			}
			if got := dump(t, db); got != want {
				t.Error("reading again gives something else")
			}
		})
	}
}

// TestPostgresWaitEnds: waiting for another writer ends with the context, on the server too.
func TestPostgresWaitEnds(t *testing.T) {
	address := needs.Postgres(t)
	one, err := vault.Open(t.Context(), address)
	do(t, err)
	defer one.Close()
	two, err := vault.Open(t.Context(), address)
	do(t, err)
	defer two.Close()
	b, err := one.Begin(t.Context(), vault.BatchInfo{})
	do(t, err)
	defer b.Rollback()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	begun := time.Now()
	if _, err := two.Begin(ctx, vault.BatchInfo{}); !fault.Is(err, fault.Unavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting past one's time: %v", err)
	}
	if took := time.Since(begun); took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
	deadline := time.Now().Add(3 * time.Second)
	for {
		waiting := ask(t, address, `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`)
		if waiting[0] == "0" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s sessions still wait on the server", waiting[0])
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// TestPostgresStandby: reads go to the standby, writes to the primary, in whatever order they
// are given; what was just written is read, however late the standby is.
func TestPostgresStandby(t *testing.T) {
	if testing.Short() {
		t.Skip("starts two servers")
	}
	ctx := t.Context()
	s := needs.NewServer(t)
	primary := s.Database(t)
	follower := s.Standby(t, "300ms")
	one, err := url.Parse(primary)
	do(t, err)
	two, err := url.Parse(follower.URL(""))
	do(t, err)
	both := *one
	both.Host = two.Host + "," + one.Host
	db, err := vault.Open(ctx, both.String())
	do(t, err)
	defer db.Close()
	d, err := db.EnsureDataset(ctx, dataset.Dataset{Name: "d"})
	do(t, err)
	for round := range 3 {
		do(t, importMany(ctx, db, d.ID, round+1, func(int) {}))
		if list, err := db.Batches(ctx, 0); err != nil || len(list) != round+1 {
			t.Errorf("round %d: %d batches, %v", round, len(list), err)
		}
		if got := strings.Count(dump(t, db), "\n"); got != round+1 {
			t.Errorf("round %d: %d rows", round, got)
		}
	}
	two.Path = one.Path
	if got := ask(t, two.String(), `SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'garrigue'`); got[0] != "true" {
		t.Error("nobody reads the standby")
	}
	alone := opened(t, two.String())
	var f *fault.Error
	if _, err := alone.EnsureDataset(ctx, dataset.Dataset{Name: "e"}); !errors.As(err, &f) || f.Key != "vault.pg_standby" || f.Kind != fault.Unavailable {
		t.Errorf("writing to a standby alone: %v", err)
	}
	do(t, alone.Close())
	follower.Stop(t, "fast")
	if list, err := db.Batches(ctx, 0); err != nil || len(list) != 3 {
		t.Errorf("without the standby: %d batches, %v", len(list), err)
	}
}

// TestPostgresText: a text that PostgreSQL cannot hold costs its character, not the row.
func TestPostgresText(t *testing.T) {
	db := opened(t, needs.Postgres(t))
	d, err := db.EnsureDataset(t.Context(), dataset.Dataset{Name: "d"})
	do(t, err)
	for round, want := range []vault.Outcome{vault.Created, vault.Unchanged} {
		b, err := db.Begin(t.Context(), vault.BatchInfo{})
		do(t, err)
		o := shaped(t, d.ID, "a\x00b", orb.Point{1, 2})
		o.Comment = "c\xffd"
		if out, err := b.Put(t.Context(), o); err != nil || out != want {
			t.Errorf("round %d: outcome %d, %v", round, out, err)
		}
		_, err = b.Commit(t.Context(), vault.BatchInfo{})
		do(t, err)
	}
	if got := dump(t, db); !strings.Contains(got, "a\uFFFDb") || !strings.Contains(got, "c\uFFFDd") {
		t.Error("the texts came back otherwise")
	}
}
