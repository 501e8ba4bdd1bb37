package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"garrigue/internal/fault"
)

// Options of the kind postgresql.
const (
	// OptionSince names a column that grows with every change (a date, a number): only rows at
	// or after the greatest value of the last run, less OptionOverlap, are read.
	OptionSince            = "since"
	OptionOverlap          = "overlap"           // 1h for dates, a number for numbers
	OptionStatementTimeout = "statement_timeout" // 1h
)

// viewState is how far the last run read.
type viewState struct {
	Mark   string `json:"mark,omitempty"`   // greatest value of the column since, as the server writes it
	Column string `json:"column,omitempty"` // of Mark: another one starts over
	Query  string `json:"query,omitempty"`  // hash of the query Mark belongs to
	SHA256 string `json:"sha256,omitempty"` // of what was read, to know the same again
}

func checkPostgreSQL(cfg Config) error {
	if strings.TrimSpace(cfg.Query) == "" {
		return wrong(cfg, "query", `""`)
	}
	if cfg.Location == "" && cfg.Secrets["dsn"] == "" {
		return wrong(cfg, "location", `""`)
	}
	if regexp.MustCompile(`(?i)password\s*=`).MatchString(cfg.Location) {
		return fault.Say(fault.Invalid, "source.password_in_settings", cfg.Name)
	}
	if cfg.Options[OptionSince] != "" && cfg.Complete {
		return fault.Say(fault.Invalid, "source.complete_since", cfg.Name)
	}
	if v := cfg.Options[OptionOverlap]; v != "" {
		if _, err := strconv.ParseInt(v, 10, 64); err != nil {
			if _, err := durationOption(cfg, OptionOverlap, 0); err != nil {
				return err
			}
		}
	}
	_, err := durationOption(cfg, OptionStatementTimeout, time.Hour)
	return err
}

// view is a query on an open connection, in a transaction that reads one state of the database.
type view struct {
	cfg     Config
	conn    *pgx.Conn
	tx      pgx.Tx
	at      string // for people
	query   string
	columns []string // expressions that write each column as text
	names   []string
	since   string // type of the column since, "" without
	stamp   bool   // which is a date or a time
}

// openView connects, forbids writing, and describes the query.
func openView(ctx context.Context, cfg Config, env Env) (_ *view, err error) {
	v := &view{cfg: cfg, query: strings.TrimRight(strings.TrimSpace(cfg.Query), "; \n\t")}
	config, err := pgConfig(cfg, env)
	if err != nil {
		return nil, err
	}
	v.at = fmt.Sprintf("%s:%d/%s", config.Host, config.Port, config.Database)
	if v.conn, err = pgx.ConnectConfig(ctx, config); err != nil {
		return nil, v.sentence(ctx, err)
	}
	defer func() {
		if err != nil {
			v.close()
		}
	}()
	if v.tx, err = v.conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}); err != nil {
		return nil, v.sentence(ctx, err)
	}
	return v, v.describe(ctx)
}

func pgConfig(cfg Config, env Env) (*pgx.ConnConfig, error) {
	secret := func(name, otherwise string) (string, error) {
		if cfg.Secrets[name] == "" {
			return otherwise, nil
		}
		return env.Secret(name)
	}
	dsn, err := secret("dsn", cfg.Location)
	if err != nil {
		return nil, err
	}
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, fault.Say(fault.Invalid, "source.bad_dsn", cfg.Name) // the cause quotes the address
	}
	if config.User, err = secret("user", config.User); err != nil {
		return nil, err
	}
	if config.Password, err = secret("password", config.Password); err != nil {
		return nil, err
	}
	timeout, err := durationOption(cfg, OptionStatementTimeout, time.Hour)
	if err != nil {
		return nil, err
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 20 * time.Second
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	for name, value := range map[string]string{"default_transaction_read_only": "on", "TimeZone": "UTC", "DateStyle": "ISO",
		"IntervalStyle": "iso_8601", "client_encoding": "UTF8", "standard_conforming_strings": "on", "bytea_output": "hex",
		"extra_float_digits": "1", "statement_timeout": strconv.FormatInt(timeout.Milliseconds(), 10), "application_name": "garrigue"} {
		config.RuntimeParams[name] = value
	}
	return config, nil
}

func (v *view) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = v.conn.Close(ctx) // nothing was written, and nothing waits for it
}

// from is the query as a table. It was prepared, so it is one statement.
func (v *view) from() string { return "FROM (" + v.query + "\n) AS q" }

func quoteName(name string) string { return pgx.Identifier{name}.Sanitize() }

// quoteText writes a literal; standard_conforming_strings is on.
func quoteText(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// describe learns the columns: preparing refuses anything but one statement.
func (v *view) describe(ctx context.Context) error {
	d, err := v.conn.Prepare(ctx, "", "SELECT * "+v.from())
	if err != nil {
		return v.sentence(ctx, err)
	}
	types, err := v.types(ctx, d.Fields)
	if err != nil {
		return err
	}
	since := v.cfg.Options[OptionSince]
	for i, f := range d.Fields {
		if slices.Contains(v.names, f.Name) {
			return fault.Say(fault.Invalid, "source.column_twice", v.cfg.Name, f.Name)
		}
		v.names = append(v.names, f.Name)
		v.columns = append(v.columns, column(f.Name, types[i]))
		if f.Name == since {
			v.since = types[i]
			v.stamp = strings.HasPrefix(types[i], "timestamp") || types[i] == "date"
		}
	}
	if since != "" && v.since == "" {
		return fault.Say(fault.Invalid, "source.no_column", v.cfg.Name, since, strings.Join(v.names, ", "))
	}
	return nil
}

// types names the type of each column, without its modifiers.
func (v *view) types(ctx context.Context, fields []pgconn.FieldDescription) ([]string, error) {
	names := make([]string, len(fields))
	for i, f := range fields {
		if err := v.tx.QueryRow(ctx, "SELECT format_type("+strconv.FormatUint(uint64(f.DataTypeOID), 10)+"::oid, NULL)").Scan(&names[i]); err != nil {
			return nil, v.sentence(ctx, err)
		}
	}
	return names, nil
}

// column writes a column so that its text says everything: shapes with their projection,
// times as ISO 8601.
func column(name, kind string) string {
	n := "q." + quoteName(name)
	if i := strings.LastIndex(kind, "."); i >= 0 {
		kind = kind[i+1:] // of another schema than those searched
	}
	switch kind {
	case "geometry", "geography":
		return "ST_AsEWKT(" + n + ") AS " + quoteName(name)
	case "timestamp without time zone":
		return "to_char(" + n + `, 'YYYY-MM-DD"T"HH24:MI:SS') AS ` + quoteName(name)
	case "timestamp with time zone":
		return "to_char(" + n + `, 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS ` + quoteName(name)
	}
	return n
}

// where keeps the rows of an increment. Rows without a value are always taken: nothing tells
// when they changed.
func (v *view) where(mark string) string {
	if v.since == "" || mark == "" {
		return ""
	}
	n := "q." + quoteName(v.cfg.Options[OptionSince])
	bound := "CAST(" + quoteText(mark) + " AS " + v.since + ")"
	overlap := v.cfg.Options[OptionOverlap]
	switch {
	case v.stamp:
		d := time.Hour
		if parsed, err := time.ParseDuration(overlap); err == nil {
			d = parsed
		}
		bound += " - make_interval(secs => " + strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + ")"
	case overlap != "":
		bound += " - " + overlap // a number: see checkPostgreSQL
	}
	return " WHERE " + n + " >= " + bound + " OR " + n + " IS NULL"
}

// top is the greatest value of the column since, "" when there is none.
func (v *view) top(ctx context.Context) (string, error) {
	if v.since == "" {
		return "", nil
	}
	var mark *string
	err := v.tx.QueryRow(ctx, "SELECT CAST(max(q."+quoteName(v.cfg.Options[OptionSince])+") AS text) "+v.from()).Scan(&mark)
	if err != nil || mark == nil {
		return "", v.sentence(ctx, err)
	}
	return *mark, nil
}

// fetchPostgreSQL reads the view into a CSV of the spool, streaming, in one state of the
// database; it starts over when the connection is cut.
func fetchPostgreSQL(ctx context.Context, cfg Config, state State, env Env) (Result, error) {
	was, err := readState[viewState](state)
	if err != nil {
		return Result{}, err
	}
	l, err := limitsOf(cfg)
	if err != nil {
		return Result{}, err
	}
	for try := 1; ; try++ {
		res, err := readView(ctx, cfg, was, env, l)
		if err == nil || ctx.Err() != nil || !fault.Is(err, fault.Unavailable) || try >= l.tries {
			return res, err
		}
		c := client{sleep: env.Sleep, log: env.Log}
		if err := c.pause(ctx, try, 0); err != nil {
			return Result{}, err
		}
	}
}

func readView(ctx context.Context, cfg Config, was viewState, env Env, l limits) (res Result, err error) {
	v, err := openView(ctx, cfg, env)
	if err != nil {
		return res, err
	}
	defer v.close()
	now := viewState{Column: cfg.Options[OptionSince], Query: hashText(v.query)}
	mark := was.Mark
	if was.Column != now.Column || was.Query != now.Query {
		mark = ""
	}
	if now.Mark, err = v.top(ctx); err != nil {
		return res, err
	}
	if err := os.MkdirAll(env.Spool, 0o700); err != nil {
		return res, spoolError(err)
	}
	path := filepath.Join(env.Spool, cfg.Name+".csv")
	rows, bytes, err := v.copy(ctx, path, mark, env, l)
	res.Bytes = bytes
	if err != nil {
		return res, err
	}
	if now.SHA256, err = hashFile(ctx, path); err != nil {
		return res, err
	}
	if now.Mark == "" {
		now.Mark = mark
	}
	if rows == 0 || now.SHA256 == was.SHA256 && now.Query == was.Query {
		res.Unchanged = true
		if cfg.Complete && rows == 0 {
			return res, fault.Say(fault.Invalid, "source.nothing_left", cfg.Name)
		}
		if err := os.Remove(path); err != nil {
			return res, spoolError(err)
		}
	} else {
		res.Files = []File{{Path: path, Name: cfg.Name + ".csv", Complete: cfg.Complete}}
		res.Done = func() error { return os.Remove(path) }
	}
	res.State, err = writeState(now)
	return res, err
}

// copy streams the rows into a file.
func (v *view) copy(ctx context.Context, path, mark string, env Env, l limits) (rows, bytes int64, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return 0, 0, spoolError(err)
	}
	w := &meter{f: f, max: l.maxSize, tell: func(n int64) { env.Progress(Progress{Source: v.cfg.Name, Step: "fetch", Done: n}) }}
	tag, err := v.conn.PgConn().CopyTo(ctx, w, "COPY (SELECT "+strings.Join(v.columns, ", ")+" "+v.from()+v.where(mark)+") TO STDOUT (FORMAT csv, HEADER)")
	if cerr := f.Close(); err == nil && cerr != nil {
		err = spoolError(cerr)
	}
	if errors.Is(w.err, errTooLarge) {
		return 0, w.n, fault.Say(fault.Invalid, "source.too_large", v.at, size(l.maxSize))
	}
	if w.err != nil {
		return 0, w.n, spoolError(w.err)
	}
	return tag.RowsAffected(), w.n, v.sentence(ctx, err)
}

// meter counts what is written and stops at a size.
type meter struct {
	f      *os.File
	n, max int64
	told   int64
	tell   func(int64)
	err    error
}

func (m *meter) Write(p []byte) (int, error) {
	if m.err == nil && m.n+int64(len(p)) > m.max {
		m.err = errTooLarge
	}
	if m.err != nil {
		return 0, m.err
	}
	n, err := m.f.Write(p)
	m.n += int64(n)
	m.err = err
	if m.n-m.told > 1<<20 {
		m.told = m.n
		m.tell(m.n)
	}
	return n, err
}

// sentence gives an error of the database its words; its codes are those of
// https://www.postgresql.org/docs/current/errcodes-appendix.html.
func (v *view) sentence(ctx context.Context, err error) error {
	var known *fault.Error
	var pg *pgconn.PgError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &known):
		return err
	case !errors.As(err, &pg):
		return fault.Say(fault.Unavailable, "source.unreachable", v.at).Because(plainPG(err))
	}
	switch class := (pg.Code + "  ")[:2]; {
	case class == "28", pg.Code == "42501":
		return fault.Say(fault.Forbidden, "source.forbidden", v.at, pg.Code)
	case pg.Code == "3D000":
		return fault.Say(fault.NotFound, "source.not_found", v.at)
	case pg.Code == "57014":
		return fault.Say(fault.Invalid, "source.query_slow", v.cfg.Name)
	case pg.Code == "25006":
		return fault.Say(fault.Invalid, "source.query_writes", v.cfg.Name)
	case class == "42", class == "26", class == "0A", class == "54":
		return fault.Say(fault.Invalid, "source.query", v.cfg.Name, pg.Message)
	case class == "22":
		return fault.Say(fault.Invalid, "source.query", v.cfg.Name, pg.Code) // the message quotes a value
	}
	return fault.Say(fault.Unavailable, "source.unreachable", v.at).Because(errors.New(pg.Code))
}

// plainPG keeps the cause of a connection that failed without its address.
func plainPG(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

func testPostgreSQL(ctx context.Context, cfg Config, env Env) (TestReport, error) {
	r := TestReport{Place: cfg.Name}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	v, err := openView(ctx, cfg, env)
	if err != nil {
		return r, err
	}
	defer v.close()
	r.Reached, r.Place = true, v.at
	if err := v.tx.QueryRow(ctx, "SELECT count(*) "+v.from()).Scan(&r.Rows); err != nil {
		return r, v.sentence(ctx, err)
	}
	// Reading one row shows that every column can be written.
	rows, err := v.tx.Query(ctx, "SELECT "+strings.Join(v.columns, ", ")+" "+v.from()+" LIMIT 1")
	if err != nil {
		return r, v.sentence(ctx, err)
	}
	rows.Close()
	if err := rows.Err(); err != nil {
		return r, v.sentence(ctx, err)
	}
	r.Allowed, r.Files, r.Columns = true, 1, v.names[:min(len(v.names), 12)]
	return r, nil
}
