package vault

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"garrigue/internal/fault"
)

// Mapping is what was told of the files of a source that have one header. The rules are the
// text of an ingest mapping, "" when the header is that of a known format.
type Mapping struct {
	Source string // name of a source, "" for files imported by hand
	Header []string
	Rules  string
	Used   time.Time
	By     string
}

// byHand stands for no source in the key of the table.
const byHand = "."

func sourceKey(source string) string {
	if source == "" {
		return byHand
	}
	return source
}

// fingerprint tells one header from another: names and order of the columns.
func fingerprint(header []string) string {
	sum := sha256.Sum256([]byte(strings.Join(header, "\x00")))
	return hex.EncodeToString(sum[:])
}

// MappingOf returns what was last told of files of a source with this header. NotFound when
// nothing was.
func (db *DB) MappingOf(ctx context.Context, source string, header []string) (_ Mapping, err error) {
	defer fault.Wrap(&err, "vault.MappingOf(%s)", source)
	return db.mapping(ctx, `SELECT source, header, COALESCE(rules, ''), used_at, COALESCE(actor, '') FROM mapping
		WHERE source = $1 AND fingerprint = $2`, sourceKey(source), fingerprint(header))
}

// LastMapping returns what was told of the last file of a source. NotFound when it had none.
func (db *DB) LastMapping(ctx context.Context, source string) (_ Mapping, err error) {
	defer fault.Wrap(&err, "vault.LastMapping(%s)", source)
	return db.mapping(ctx, `SELECT source, header, COALESCE(rules, ''), used_at, COALESCE(actor, '') FROM mapping
		WHERE source = $1 ORDER BY used_at DESC, fingerprint LIMIT 1`, sourceKey(source))
}

func (db *DB) mapping(ctx context.Context, query string, args ...any) (m Mapping, err error) {
	found := false
	err = db.registerRows(ctx, query, args, func(rows *sql.Rows) error {
		var header, used string
		if err := rows.Scan(&m.Source, &header, &m.Rules, &used, &m.By); err != nil {
			return err
		}
		if m.Source == byHand {
			m.Source = ""
		}
		m.Used, found = parseTime(used), true
		return json.Unmarshal([]byte(header), &m.Header)
	})
	if err == nil && !found {
		err = fault.Say(fault.NotFound, "vault.no_mapping")
	}
	return m, err
}

// PutMapping remembers what the files of a source with this header are, in place of what was
// told before.
func (db *DB) PutMapping(ctx context.Context, m Mapping) (err error) {
	defer fault.Wrap(&err, "vault.PutMapping(%s)", m.Source)
	header, err := json.Marshal(m.Header)
	if err != nil {
		return err
	}
	return db.inRegister(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO mapping (source, fingerprint, header, rules, used_at, actor)
			VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (source, fingerprint) DO UPDATE
			SET header = excluded.header, rules = excluded.rules, used_at = excluded.used_at, actor = excluded.actor`,
			sourceKey(m.Source), fingerprint(m.Header), string(header), null(m.Rules), formatTime(m.Used), null(m.By))
		return err
	})
}

// ForgetMapping forgets what was told of the files of a source with this header. NotFound when
// nothing was.
func (db *DB) ForgetMapping(ctx context.Context, source string, header []string) (err error) {
	defer fault.Wrap(&err, "vault.ForgetMapping(%s)", source)
	return db.inRegister(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `DELETE FROM mapping WHERE source = $1 AND fingerprint = $2`, sourceKey(source), fingerprint(header))
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n > 0 {
			return err
		}
		return fault.Say(fault.NotFound, "vault.no_mapping")
	})
}
