package vault

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io/fs"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"garrigue/internal/fault"
)

// The keys of the advisory locks, each in its database: who writes observations and
// references (until the end of its transaction), who migrates, and who writes the register.
const (
	writerLock  = 0x47415256_00000001
	migrateLock = 0x47415256_00000002
	formLock    = 0x47415256_00000003
	journalLock = 0x47415256_00000004 // of a copy alone
)

// postgresMark is the comment of the schema that holds a vault.
const postgresMark = "Garrigue: the precise store"

// postgresSchema is where a set of tables is kept. Each has its version table.
func postgresSchema(set string) string {
	if set == "vault" {
		return "garrigue"
	}
	return "garrigue_" + set
}

// postgresDialect speaks to a PostgreSQL database with PostGIS. Nothing connects yet.
func postgresDialect(address string) (*dialect, error) {
	writes, err := postgresConfig(address, false)
	if err != nil {
		return nil, err
	}
	reads, err := postgresConfig(address, true)
	if err != nil {
		return nil, err
	}
	var fresh *freshness
	if severalHosts(writes) {
		fresh = &freshness{}
	}
	d := &dialect{
		goose: goose.DialectPostgres,
		extra: "postgres",
		mark:  "COMMENT ON SCHEMA garrigue IS '" + postgresMark + "'",
		open: func(set string, connections int, readOnly bool) (*sql.DB, error) {
			return openPostgres(writes, reads, set, connections, readOnly, fresh), nil
		},
		begin: func(ctx context.Context, set string) (session, error) { return beginPostgres(ctx, writes, set, fresh) },
		scan: func(ctx context.Context, set, text string, each func(s row) error) error {
			return scanPostgres(ctx, reads, set, text, fresh, each)
		},
		columns: `SELECT a.attname, COALESCE(array_position(string_to_array(CAST(i.indkey AS TEXT), ' '), CAST(a.attnum AS TEXT)), 0)
			FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
			LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
			WHERE n.nspname = current_schema() AND c.relname = $1 AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
			ORDER BY a.attnum`,
		size: `SELECT CAST(SUM(pg_total_relation_size(c.oid)) AS BIGINT) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname LIKE 'garrigue%' AND c.relkind = 'r'`,
		version: `SELECT 'PostgreSQL ' || current_setting('server_version')`,
		// A look-up costs a round trip.
		lookupsPerRow: 50,
		together:      256,
		// The planner knows nothing of what was just loaded.
		grown: "ANALYZE observation",
		form: func(ctx context.Context, tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(`+lockKey(formLock)+`)`); err != nil {
				return err
			}
			return fresh.writtenTx(ctx, tx)
		},
	}
	if d.verify, err = postgresVerify(); err != nil {
		return nil, err
	}
	d.prepare = func(ctx context.Context) (func(), error) {
		postgis, release, err := preparePostgres(ctx, writes, fresh)
		if err != nil {
			return nil, err
		}
		d.schema = strings.NewReplacer("{postgis}", pgx.Identifier{postgis}.Sanitize()).Replace
		return release, nil
	}
	return d, nil
}

// postgresVerify reads every value of every table: what the disk has lost is an error of the
// server. Constraints do the rest, but three that are no constraints there (migrations/postgres).
func postgresVerify() (map[string][]string, error) {
	verify := map[string][]string{}
	for _, set := range copySets() {
		tables, err := tableNames(set)
		if err != nil {
			return nil, err
		}
		for _, t := range tables {
			verify[set] = append(verify[set], `SELECT 'unread' FROM `+t+` AS t WHERE length(CAST(t AS TEXT)) < 0`)
		}
	}
	for _, c := range [][2]string{{"dataset", "dataset"}, {"batch", "batch"}, {"withdrawn", "batch"}} {
		verify["vault"] = append(verify["vault"], `SELECT 'observation ' || o.id FROM observation o LEFT JOIN `+c[1]+` r ON r.id = o.`+c[0]+
			` WHERE o.`+c[0]+` IS NOT NULL AND r.id IS NULL LIMIT 1`)
	}
	return verify, nil
}

// postgresConfig reads an address. Everything a session depends on is said by the program, so
// that neither the settings of a role nor those of the server change what is read. Of several
// hosts, writes go to the one that takes them and reads to a standby when there is one.
func postgresConfig(address string, readOnly bool) (*pgx.ConnConfig, error) {
	c, err := pgx.ParseConfig(address)
	if err != nil { // its text may quote the password
		said := fault.Say(fault.Invalid, "vault.pg_address")
		var file *fs.PathError // of a certificate
		if errors.As(err, &file) {
			said = said.Because(file)
		}
		return nil, said
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = 10 * time.Second
	}
	if len(c.Fallbacks) > 0 && severalHosts(c) {
		c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
		if readOnly {
			c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsPreferStandby
		}
	}
	p := c.RuntimeParams
	if p["application_name"] == "" {
		p["application_name"] = "garrigue"
	}
	p["search_path"] = postgresSchema("vault")
	p["client_encoding"], p["timezone"], p["datestyle"] = "UTF8", "UTC", "ISO"
	p["statement_timeout"], p["idle_in_transaction_session_timeout"], p["lock_timeout"] = "0", "0", "0"
	// What is read after a lock was waited for is what its last holder left.
	p["default_transaction_isolation"] = "read committed"
	p["default_transaction_read_only"] = "off"
	if readOnly {
		p["default_transaction_read_only"] = "on"
	}
	// The end of a context asks the server to stop, and cuts the line if it does not.
	c.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: 2 * time.Second}
	}
	return c, nil
}

// severalHosts tells an address of several servers from the two ways (with TLS and without)
// of reaching one.
func severalHosts(c *pgx.ConnConfig) bool {
	for _, f := range c.Fallbacks {
		if f.Host != c.Host || f.Port != c.Port {
			return true
		}
	}
	return false
}

func openPostgres(writes, reads *pgx.ConnConfig, set string, connections int, readOnly bool, fresh *freshness) *sql.DB {
	c := writes
	if readOnly {
		c = reads
	}
	c = c.Copy()
	c.RuntimeParams["search_path"] = postgresSchema(set)
	// A connection cut since its last use is replaced and not handed out: one round trip.
	options := []stdlib.OptionOpenDB{stdlib.OptionShouldPing(func(context.Context, stdlib.ShouldPingParams) bool { return true })}
	if readOnly && fresh != nil {
		options = append(options, stdlib.OptionAfterConnect(func(ctx context.Context, conn *pgx.Conn) error { return fresh.wait(ctx, conn.PgConn()) }),
			stdlib.OptionResetSession(func(ctx context.Context, conn *pgx.Conn) error {
				if fresh.wait(ctx, conn.PgConn()) != nil {
					return driver.ErrBadConn // another connection is made, and its error told
				}
				return nil
			}))
	}
	db := stdlib.OpenDB(*c, options...)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db
}

// connect opens a connection outside the pools.
func connectPostgres(ctx context.Context, c *pgx.ConnConfig, params map[string]string) (*pgconn.PgConn, error) {
	config := c.Config.Copy()
	for k, v := range params {
		config.RuntimeParams[k] = v
	}
	conn, err := pgconn.ConnectConfig(ctx, config)
	return conn, classify(err)
}

// preparePostgres checks the server and the database, and makes the schemas. It holds the
// right to migrate until release is called.
func preparePostgres(ctx context.Context, c *pgx.ConnConfig, fresh *freshness) (postgis string, release func(), err error) {
	conn, err := connectPostgres(ctx, c, nil)
	if err != nil {
		return "", nil, err
	}
	end := func() { conn.Close(context.WithoutCancel(ctx)) }
	defer func() {
		if err != nil {
			end()
		}
	}()
	if _, err = ask(ctx, conn, `SELECT pg_advisory_lock($1)`, lockKey(migrateLock)); err != nil {
		return "", nil, err
	}
	if err = checkServer(ctx, conn); err != nil {
		return "", nil, err
	}
	if err = checkOurs(ctx, conn); err != nil {
		return "", nil, err
	}
	if err = createSchemas(ctx, conn); err != nil {
		return "", nil, err
	}
	postgis, err = ask(ctx, conn, `SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
		WHERE e.extname = 'postgis'`)
	fresh.written(ctx, conn)
	return postgis, end, err
}

func checkServer(ctx context.Context, conn *pgconn.PgConn) error {
	v, err := ask(ctx, conn, `SELECT current_setting('server_version')`)
	if err != nil {
		return err
	}
	if major, _, _ := strings.Cut(v, "."); len(major) < 2 || len(major) == 2 && major < "15" {
		return fault.Say(fault.Invalid, "vault.pg_old", v)
	}
	encoding, err := ask(ctx, conn, `SELECT current_setting('server_encoding')`)
	if err == nil && encoding != "UTF8" {
		err = fault.Say(fault.Invalid, "vault.pg_encoding", encoding)
	}
	return err
}

// checkOurs refuses a database that holds something else.
func checkOurs(ctx context.Context, conn *pgconn.PgConn) error {
	mark, err := ask(ctx, conn, `SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = 'garrigue'`)
	if err != nil || mark == postgresMark {
		return err
	}
	other, err := ask(ctx, conn, `SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%' AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
			AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
		ORDER BY n.nspname LIMIT 1`)
	if err == nil && other != "" {
		err = fault.Say(fault.Invalid, "vault.pg_other")
	}
	return err
}

// createSchemas makes what the migrations need, all or nothing.
func createSchemas(ctx context.Context, conn *pgconn.PgConn) error {
	installed, err := ask(ctx, conn, `SELECT count(*) FROM pg_extension WHERE extname = 'postgis'`)
	if err != nil {
		return err
	}
	texts := []string{"BEGIN"}
	if installed == "0" {
		texts = append(texts, `CREATE EXTENSION postgis SCHEMA public`)
	}
	for _, set := range []string{"vault", "journal", "register"} {
		texts = append(texts, `CREATE SCHEMA IF NOT EXISTS `+postgresSchema(set))
	}
	texts = append(texts, "COMMENT ON SCHEMA garrigue IS '"+postgresMark+"'", "COMMIT")
	missing, err := ask(ctx, conn, `SELECT count(*) FROM pg_namespace WHERE nspname IN ('garrigue', 'garrigue_journal', 'garrigue_register')`)
	if err != nil || missing == "3" && installed != "0" {
		return err
	}
	for _, text := range texts {
		if _, err := ask(ctx, conn, text); err != nil {
			var said *serverError
			if strings.Contains(text, "EXTENSION") && errors.As(err, &said) {
				key := "vault.pg_postgis"
				if said.code == "42501" {
					key = "vault.pg_postgis_right"
				}
				return fault.Say(fault.Invalid, key).Because(said)
			}
			return err
		}
	}
	return nil
}

// ask runs a statement and returns the first value of its answer as text, "" for none.
func ask(ctx context.Context, conn *pgconn.PgConn, text string, args ...string) (string, error) {
	values := make([][]byte, len(args))
	for i, a := range args {
		values[i] = []byte(a)
	}
	r := conn.ExecParams(ctx, text, values, nil, nil, nil).Read()
	if r.Err != nil {
		return "", interrupted(ctx, lost(r.Err))
	}
	if len(r.Rows) == 0 {
		return "", nil
	}
	return string(r.Rows[0][0]), nil
}

// beginPostgres begins a write transaction. One of them at a time: the lock is given back by
// the server at its end, however it ends. Each statement sees what was committed before it
// (READ COMMITTED), so that what the last writer wrote is seen once the lock is had.
func beginPostgres(ctx context.Context, c *pgx.ConnConfig, set string, fresh *freshness) (session, error) {
	conn, err := connectPostgres(ctx, c, map[string]string{"application_name": "garrigue (write)", "search_path": postgresSchema(set)})
	if err != nil {
		return nil, err
	}
	key := map[string]int64{"vault": writerLock, "register": formLock, "journal": journalLock}[set]
	for _, step := range []struct {
		text string
		args []string
	}{{"BEGIN ISOLATION LEVEL READ COMMITTED", nil}, {`SELECT pg_advisory_xact_lock($1)`, []string{lockKey(key)}}} {
		if _, err := ask(ctx, conn, step.text, step.args...); err != nil {
			conn.Close(context.WithoutCancel(ctx))
			return nil, err
		}
	}
	fresh.written(ctx, conn) // by the last holder: what is read from a standby meanwhile has it
	return &postgresSession{ctx: ctx, conn: conn, stmts: map[string]*postgresStatement{}, queue: &pgconn.Batch{}, fresh: fresh}, nil
}

// scanPostgres reads a query as the server sends it: one statement is one snapshot. Sorting is
// forbidden, so that an index gives the order and the first row comes at once.
func scanPostgres(ctx context.Context, c *pgx.ConnConfig, set, text string, fresh *freshness, each func(s row) error) (err error) {
	conn, err := connectPostgres(ctx, c, map[string]string{"application_name": "garrigue (read)", "search_path": postgresSchema(set), "enable_sort": "off"})
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := fresh.wait(ctx, conn); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := conn.ExecParams(ctx, text, nil, nil, nil, []int16{1})
	err = eachPostgres(r, func(s row) error {
		if err := ctx.Err(); err != nil { // rows that had already come
			return err
		}
		return each(s)
	})
	if err != nil {
		cancel() // the server stops, and the rest of the answer is not read
		r.Close()
		return err
	}
	_, err = r.Close()
	return lost(err)
}
