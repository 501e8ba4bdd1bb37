package vault

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/bits"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
)

// CopyReport is what Copy did, table by table.
type CopyReport struct {
	Tables []CopiedTable `json:"tables"`
	Rows   int64         `json:"rows"`
}

// CopiedTable is one table as it was read from the one vault, and read again from the other.
type CopiedTable struct {
	Set      string `json:"set"` // "vault", "register", "journal"
	Name     string `json:"table"`
	Rows     int64  `json:"rows"`
	Checksum string `json:"checksum"`
	Equal    bool   `json:"equal"`
}

// copyMark is a counter of the register while a copy is under way: a target that still has it
// was left half-way, and is emptied by the next copy.
const copyMark = "copy under way"

// Copy writes everything one vault holds into another, an empty one (else Conflict), on any
// engine: observations, references, history, what people decided, the journal. Writers of from
// wait meanwhile. Each table is read again from the target and compared by its number of rows
// and a checksum of their content, before anything is committed; where they differ (Internal),
// and on any other failure, the target stays empty. progress, which may be nil, is called now
// and then.
func Copy(ctx context.Context, from, to *DB, progress func(done, total int64)) (report CopyReport, err error) {
	defer fault.Wrap(&err, "vault.Copy")
	if from.address == to.address {
		return report, fault.Say(fault.Conflict, "vault.copy_not_empty")
	}
	entry, err := from.record(ctx, disclosure.Grant{Who: "garrigue vault copy", Reason: "copy of the whole vault"}, Complete)
	if err != nil {
		return report, err
	}
	c := &copier{from: from, to: to, progress: progress}
	// Looked at before anything is locked too: two addresses may be of one database, which now has
	// an entry in its journal, and whose writer would wait for itself.
	if err = c.clean(ctx, false); err == nil {
		// Nothing is written in from meanwhile: neither imports nor forms.
		err = from.tx(ctx, func(*bulk) error {
			return from.inRegister(ctx, func(*sql.Tx) error { return c.run(ctx) })
		})
	}
	report = c.report
	outcome := errors.Join(from.endRecord(ctx, entry, int(report.rows("observation")), err))
	if err == nil {
		// The entry came with the journal, as it was while it lasted.
		err = errors.Join(outcome, to.endRecord(ctx, entry, int(report.rows("observation")), nil))
	}
	return report, err
}

func (r CopyReport) rows(table string) int64 {
	for _, t := range r.Tables {
		if t.Set == "vault" && t.Name == table {
			return t.Rows
		}
	}
	return 0
}

type copier struct {
	from, to    *DB
	progress    func(done, total int64)
	done, total int64
	sessions    map[string]session
	begun       bool // something is committed, with the mark
	report      CopyReport
}

// copySets are the sets of tables in the order in which they are committed: until the vault is
// there, the mark in the register tells that the copy is not whole.
func copySets() []string { return []string{"register", "journal", "vault"} }

func (c *copier) run(ctx context.Context) (err error) {
	c.sessions = map[string]session{}
	defer func() {
		for _, s := range c.sessions {
			s.end(false)
		}
		if err != nil && c.begun {
			err = errors.Join(err, c.clean(context.WithoutCancel(ctx), true))
		}
	}()
	if err := c.clean(ctx, false); err != nil {
		return err
	}
	if err := c.count(ctx); err != nil {
		return err
	}
	for _, set := range copySets() {
		if c.sessions[set], err = c.to.dialect.begin(ctx, set); err != nil {
			delete(c.sessions, set)
			return classify(err)
		}
		if err := c.copySet(ctx, set); err != nil {
			return err
		}
	}
	if _, err := c.sessions["register"].exec(`INSERT INTO register_counter (name, value) VALUES ($1, 1)`, []any{copyMark}); err != nil {
		return err
	}
	for _, set := range copySets() {
		s := c.sessions[set]
		if err := s.end(true); err != nil {
			return err
		}
		delete(c.sessions, set)
		c.begun = true
	}
	return c.to.inRegister(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM register_counter WHERE name = $1`, copyMark)
		return err
	})
}

// clean makes sure the target is empty, and empties one that a copy left half-way. Observations
// and references are committed last: a target that has some is whole, mark or not, and is not
// touched unless mine says that this very copy put them there.
func (c *copier) clean(ctx context.Context, mine bool) error {
	half := false
	err := c.to.registerRows(ctx, `SELECT value FROM register_counter WHERE name = $1`, []any{copyMark}, func(*sql.Rows) error {
		half = true
		return nil
	})
	if err != nil {
		return err
	}
	// The mark goes last.
	for _, set := range []string{"vault", "journal", "register"} {
		tables, err := tableNames(set)
		if err != nil {
			return err
		}
		err = c.inSet(ctx, set, func(s session) error {
			for _, t := range slices.Backward(tables) { // what refers to a table comes after it
				if half && (mine || set != "vault") {
					if _, err := s.exec(`DELETE FROM `+t, nil); err != nil {
						return err
					}
					continue
				}
				empty := true
				if err := s.rows(`SELECT 1 FROM `+t+` LIMIT 1`, nil, func(row) error { empty = false; return nil }); err != nil {
					return err
				}
				if !empty {
					return fault.Say(fault.Conflict, "vault.copy_not_empty")
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *copier) inSet(ctx context.Context, set string, f func(s session) error) error {
	s, err := c.to.dialect.begin(ctx, set)
	if err != nil {
		return classify(err)
	}
	if err := f(s); err != nil {
		s.end(false)
		return err
	}
	if err := s.end(true); err != nil {
		s.end(false)
		return err
	}
	return nil
}

func (c *copier) count(ctx context.Context) error {
	for _, set := range copySets() {
		tables, err := tableNames(set)
		if err != nil {
			return err
		}
		for _, t := range tables {
			err := c.from.dialect.scan(ctx, set, `SELECT COUNT(*) FROM `+t, func(s row) error {
				c.total += s.ColumnInt64(0)
				return nil
			})
			if err != nil {
				return interrupted(ctx, classify(err))
			}
		}
	}
	return nil
}

// copySet copies the tables of a set and reads them again, all in the transaction of the set.
func (c *copier) copySet(ctx context.Context, set string) error {
	tables, err := tableNames(set)
	if err != nil {
		return err
	}
	s := c.sessions[set]
	sorted := set == "vault" && c.to.dialect.sortIndexes
	if sorted {
		for _, name := range indexNames() {
			if _, err := s.exec(`DROP INDEX `+name, nil); err != nil {
				return err
			}
		}
	}
	for _, t := range tables {
		if err := c.copyTable(ctx, set, t); err != nil {
			return err
		}
	}
	if sorted {
		for _, text := range indexTexts() {
			if _, err := s.exec(text, nil); err != nil {
				return err
			}
		}
	}
	if text := c.to.dialect.grown; set == "vault" && text != "" {
		if _, err := s.exec(text, nil); err != nil {
			return err
		}
	}
	return nil
}

func (c *copier) copyTable(ctx context.Context, set, table string) error {
	s := c.sessions[set]
	columns, key, err := tableColumns(s, c.to.dialect, table)
	if err != nil {
		return err
	}
	list := strings.Join(columns, ", ")
	into, err := s.loader(table, list)
	if err != nil {
		return err
	}
	text := `SELECT ` + list + ` FROM ` + table
	var sent, found tableSum
	err = c.from.dialect.scan(ctx, set, text+` ORDER BY `+strings.Join(key, ", "), func(r row) error {
		if sent.rows%1000 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			if c.progress != nil {
				c.progress(c.done+sent.rows, c.total)
			}
		}
		sent.add(r, len(columns))
		bindRow(into, r, len(columns), &sent)
		return run(into)
	})
	if err != nil {
		return interrupted(ctx, classify(err))
	}
	if err := s.rows(text, nil, func(r row) error { found.add(r, len(columns)); return nil }); err != nil {
		return interrupted(ctx, err)
	}
	c.done += sent.rows
	t := CopiedTable{Set: set, Name: table, Rows: sent.rows, Checksum: sent.String(), Equal: sent.equal(&found)}
	c.report.Tables, c.report.Rows = append(c.report.Tables, t), c.report.Rows+t.Rows
	if c.progress != nil {
		c.progress(c.done, c.total)
	}
	if !t.Equal {
		return fault.Say(fault.Internal, "vault.copy_differs", table, sent.rows, found.rows)
	}
	return nil
}

// bindRow binds the columns of a row as they are.
func bindRow(into binder, r row, n int, scratch *tableSum) {
	for i := range n {
		switch r.ColumnType(i) {
		case integerCell:
			into.BindInt64(i+1, r.ColumnInt64(i))
		case floatCell:
			into.BindFloat(i+1, r.ColumnFloat(i))
		case textCell:
			into.BindText(i+1, storable(r.ColumnText(i)))
		case blobCell:
			into.BindBytes(i+1, scratch.bytes(r, i))
		default:
			into.BindNull(i + 1)
		}
	}
}

// tableSum is a checksum of the rows of a table that does not depend on their order or on the
// engine: the sum, on 128 bits, of a hash of each.
type tableSum struct {
	rows   int64
	hi, lo uint64
	buf    []byte
	cell   []byte
}

// bytes reads a column whole; they are good until the next call.
func (t *tableSum) bytes(r row, i int) []byte {
	n := r.ColumnLen(i)
	if cap(t.cell) < n {
		t.cell = make([]byte, n, n+n/2)
	}
	t.cell = t.cell[:n]
	return t.cell[:r.ColumnBytes(i, t.cell)]
}

func (t *tableSum) add(r row, n int) {
	b := t.buf[:0]
	for i := range n {
		c := r.ColumnType(i)
		b = append(b, byte(c))
		switch c {
		case integerCell:
			b = binary.BigEndian.AppendUint64(b, uint64(r.ColumnInt64(i)))
		case floatCell:
			f := r.ColumnFloat(i) + 0 // SQLite keeps no negative zero
			b = binary.BigEndian.AppendUint64(b, math.Float64bits(f))
		case textCell, blobCell:
			v := t.bytes(r, i)
			if c == textCell && (bytes.IndexByte(v, 0) >= 0 || !utf8.Valid(v)) {
				v = []byte(storable(string(v))) // what every engine can hold
			}
			b = binary.BigEndian.AppendUint32(b, uint32(len(v)))
			b = append(b, v...)
		}
	}
	t.buf = b
	sum := sha256.Sum256(b)
	var carry uint64
	t.lo, carry = bits.Add64(t.lo, binary.BigEndian.Uint64(sum[8:]), 0)
	t.hi, _ = bits.Add64(t.hi, binary.BigEndian.Uint64(sum[:]), carry)
	t.rows++
}

func (t *tableSum) equal(o *tableSum) bool { return t.rows == o.rows && t.hi == o.hi && t.lo == o.lo }

// String is the checksum in hexadecimal.
func (t *tableSum) String() string { return fmt.Sprintf("%016x%016x", t.hi, t.lo) }

// tableNames lists the tables of a set as its migrations make them: what a table refers to
// comes before it.
func tableNames(set string) (list []string, err error) {
	created := regexp.MustCompile(`(?m)^(CREATE|DROP) TABLE (\w+)`)
	dir := path.Join("migrations", set)
	entries, err := fs.ReadDir(migrations, dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		text, err := fs.ReadFile(migrations, path.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		for _, m := range created.FindAllStringSubmatch(string(text), -1) {
			if m[1] == "CREATE" {
				list = append(list, m[2])
			} else {
				list = slices.DeleteFunc(list, func(t string) bool { return t == m[2] })
			}
		}
	}
	return list, nil
}

// tableColumns lists the columns of a table that are stored, and those of its key, in order.
func tableColumns(s session, d *dialect, table string) (columns, key []string, err error) {
	places := map[int64]string{}
	err = s.rows(d.columns, []any{table}, func(r row) error {
		columns = append(columns, r.ColumnText(0))
		if n := r.ColumnInt64(1); n > 0 {
			places[n] = r.ColumnText(0)
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	for n := range int64(len(places)) {
		key = append(key, places[n+1])
	}
	if len(columns) == 0 || len(key) == 0 {
		return nil, nil, fmt.Errorf("table %s has no columns or no key", table)
	}
	return columns, key, nil
}

// Location says where a vault is and how much it holds.
type Location struct {
	Engine       string `json:"engine"` // "SQLite 3.53.0"
	Bytes        int64  `json:"bytes"`
	Observations int64  `json:"observations"`
	Schema       int64  `json:"schema"` // version
}

// Where describes the vault, without its address: that may hold a password.
func (db *DB) Where(ctx context.Context) (l Location, err error) {
	defer fault.Wrap(&err, "vault.Where")
	for _, q := range []struct {
		text string
		into any
	}{{db.dialect.version, &l.Engine}, {db.dialect.size, &l.Bytes}, {`SELECT COUNT(*) FROM observation`, &l.Observations},
		{`SELECT MAX(version_id) FROM schema_version`, &l.Schema}} {
		if err := db.read.QueryRowContext(ctx, q.text).Scan(q.into); err != nil {
			return l, interrupted(ctx, classify(err))
		}
	}
	return l, nil
}
