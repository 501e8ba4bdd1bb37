package vault

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"garrigue/internal/dataset"
	"garrigue/internal/fault"
	"garrigue/internal/observation"
	"garrigue/internal/taxon"
)

// Loaded counts the observations of one source, dataset, group and state.
type Loaded struct {
	Source    string // "" for files imported by hand
	Dataset   dataset.ID
	Group     string // public group (taxon.GroupOf), "" when the taxon is unmatched
	Group2    string // GROUP2_INPN of TAXREF, "" when unknown
	Held      observation.Hold
	Withdrawn bool
	Rows      int
	Latest    string // day of the last observation, ISO 8601
}

// Arrival says when observations of a source last came into a dataset, and how many rows of
// the last file of each name were refused.
type Arrival struct {
	Source   string
	Dataset  dataset.ID // 0 when the file's rows name several
	Last     time.Time
	Rejected int
}

// LoadingStamp changes whenever counts of loading may: after a batch, a run of classing, a
// change of reference.
func (db *DB) LoadingStamp(ctx context.Context) (_ string, err error) {
	defer fault.Wrap(&err, "vault.LoadingStamp")
	current, classed, err := db.Generation(ctx)
	if err != nil {
		return "", err
	}
	var batch, class int64
	err = db.read.QueryRowContext(ctx, `SELECT (SELECT COALESCE(MAX(id), 0) FROM batch), (SELECT COALESCE(MAX(id), 0) FROM class_run)`).
		Scan(&batch, &class)
	return fmt.Sprintf("%d.%d.%d.%d", batch, class, current, classed), interrupted(ctx, classify(err))
}

// loadingKey tells what is counted apart. Small numbers, since it is looked up for each
// observation.
type loadingKey struct {
	source, dataset, ref int64
	held                 observation.Hold
	gone                 bool
}

type loadingCount struct {
	rows   int
	latest string
}

// Loading counts the observations in one reading of them all, which is faster on both engines'
// drivers than their sorting of millions of rows: about a second per million.
func (db *DB) Loading(ctx context.Context) (list []Loaded, err error) {
	defer fault.Wrap(&err, "vault.Loading")
	sources, of, err := db.batchSources(ctx)
	if err != nil {
		return nil, err
	}
	counts := map[loadingKey]*loadingCount{}
	var buf [32]byte
	var last loadingKey
	var count *loadingCount
	err = db.dialect.scan(ctx, "vault", `SELECT batch, dataset, cd_ref, held, withdrawn, COALESCE(date_end, date_start) FROM observation`, func(r row) error {
		k := loadingKey{source: of[r.ColumnInt64(0)], dataset: r.ColumnInt64(1), ref: r.ColumnInt64(2), gone: r.ColumnType(4) != nullCell}
		if n := r.ColumnBytes(3, buf[:]); n > 0 {
			k.held = holdOf(buf[:n])
		}
		if count == nil || k != last {
			if count = counts[k]; count == nil {
				count = &loadingCount{}
				counts[k] = count
			}
			last = k
		}
		count.rows++
		if n := r.ColumnBytes(5, buf[:]); string(buf[:n]) > count.latest {
			count.latest = string(buf[:n])
		}
		return nil
	})
	if err != nil {
		return nil, interrupted(ctx, classify(err))
	}
	groups, err := db.groupsOf(ctx, counts)
	if err != nil {
		return nil, err
	}
	index := map[Loaded]int{}
	for k, c := range counts {
		g := groups[k.ref]
		l := Loaded{Source: sources[k.source], Dataset: dataset.ID(k.dataset), Group: g[0], Group2: g[1],
			Held: k.held, Withdrawn: k.gone}
		i, known := index[l]
		if !known {
			i = len(list)
			index[l] = i
			list = append(list, l)
		}
		list[i].Rows += c.rows
		list[i].Latest = max(list[i].Latest, c.latest)
	}
	return list, nil
}

// holdOf reads the code of a reason to hold; one this program does not know is the severest.
func holdOf(code []byte) observation.Hold {
	codes := holdCodes()
	for i := 1; i < len(codes); i++ {
		if codes[i] == string(code) {
			return observation.Hold(i)
		}
	}
	return observation.Unclassed
}

// batchSources numbers the sources, and says which one each batch is of.
func (db *DB) batchSources(ctx context.Context) (names []string, of map[int64]int64, err error) {
	rows, err := db.read.QueryContext(ctx, `SELECT id, COALESCE(source, '') FROM batch`)
	if err != nil {
		return nil, nil, interrupted(ctx, classify(err))
	}
	defer rows.Close()
	of = map[int64]int64{}
	number := map[string]int64{}
	for rows.Next() {
		var id int64
		var name string
		if err := rows.Scan(&id, &name); err != nil {
			return nil, nil, classify(err)
		}
		n, known := number[name]
		if !known {
			n = int64(len(names))
			number[name], names = n, append(names, name)
		}
		of[id] = n
	}
	return names, of, interrupted(ctx, classify(rows.Err()))
}

// groupsOf returns the public group and GROUP2_INPN of every taxon counted.
func (db *DB) groupsOf(ctx context.Context, counts map[loadingKey]*loadingCount) (map[int64][2]string, error) {
	var refs []any
	groups := map[int64][2]string{}
	for k := range counts {
		if _, seen := groups[k.ref]; !seen && k.ref != 0 {
			groups[k.ref] = [2]string{taxon.GroupOf(&taxon.Name{})}
			refs = append(refs, k.ref)
		}
	}
	for part := range slices.Chunk(refs, 500) {
		rows, err := db.read.QueryContext(ctx, `SELECT cd_nom, COALESCE(kingdom, ''), COALESCE(phylum, ''), COALESCE(class, ''),
			COALESCE(taxon_order, ''), COALESCE(group1, ''), COALESCE(group2, '') FROM taxon_name
			WHERE cd_nom IN (`+placeholders(1, len(part))+`)`, part...)
		if err != nil {
			return nil, interrupted(ctx, classify(err))
		}
		defer rows.Close()
		for rows.Next() {
			var ref int64
			var n taxon.Name
			if err := rows.Scan(&ref, &n.Kingdom, &n.Phylum, &n.Class, &n.Order, &n.Group1, &n.Group2); err != nil {
				return nil, classify(err)
			}
			groups[ref] = [2]string{taxon.GroupOf(&n), n.Group2}
		}
		if err := rows.Err(); err != nil {
			return nil, interrupted(ctx, classify(err))
		}
	}
	return groups, nil
}

// Arrivals lists when and what last came, by source and dataset.
func (db *DB) Arrivals(ctx context.Context) (list []Arrival, err error) {
	defer fault.Wrap(&err, "vault.Arrivals")
	type key struct {
		source  string
		dataset dataset.ID
	}
	at := map[key]int{}
	entry := func(source string, d int64) *Arrival {
		k := key{source, dataset.ID(d)}
		i, known := at[k]
		if !known {
			i = len(list)
			at[k] = i
			list = append(list, Arrival{Source: source, Dataset: k.dataset})
		}
		return &list[i]
	}
	read := func(text string, f func(a *Arrival, ended string, rejected int)) error {
		rows, err := db.read.QueryContext(ctx, text)
		if err != nil {
			return interrupted(ctx, classify(err))
		}
		defer rows.Close()
		for rows.Next() {
			var source, ended string
			var d int64
			var rejected int
			if err := rows.Scan(&source, &d, &ended, &rejected); err != nil {
				return classify(err)
			}
			f(entry(source, d), ended, rejected)
		}
		return interrupted(ctx, classify(rows.Err()))
	}
	if err := read(`SELECT COALESCE(b.source, ''), d.dataset, COALESCE(MAX(b.ended_at), ''), 0
		FROM batch_dataset d JOIN batch b ON b.id = d.batch GROUP BY b.source, d.dataset ORDER BY 1, 2`,
		func(a *Arrival, ended string, _ int) { a.Last = parseTime(ended) }); err != nil {
		return nil, err
	}
	err = read(`SELECT COALESCE(source, ''), COALESCE(dataset, 0), COALESCE(ended_at, ''), rejected FROM batch
		WHERE id IN (SELECT MAX(id) FROM batch GROUP BY source, file) ORDER BY id`,
		func(a *Arrival, ended string, rejected int) {
			a.Rejected += rejected
			if t := parseTime(ended); t.After(a.Last) {
				a.Last = t
			}
		})
	return list, err
}

// LoadingCounts returns what PutLoadingCounts kept, and the stamp it was kept under; nothing when
// it never was.
func (db *DB) LoadingCounts(ctx context.Context) (stamp string, content []byte, err error) {
	err = db.registerRows(ctx, `SELECT stamp, content FROM loading_count WHERE id = 1`, nil, func(rows *sql.Rows) error {
		var text string
		if err := rows.Scan(&stamp, &text); err != nil {
			return err
		}
		content = []byte(text)
		return nil
	})
	return stamp, content, err
}

// PutLoadingCounts keeps counts of Loading, so that they are made once for a state of the vault.
func (db *DB) PutLoadingCounts(ctx context.Context, stamp string, content []byte) (err error) {
	defer fault.Wrap(&err, "vault.PutLoadingCounts")
	return db.inRegister(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO loading_count (id, stamp, content) VALUES (1, $1, $2)
			ON CONFLICT (id) DO UPDATE SET stamp = excluded.stamp, content = excluded.content`, stamp, string(content))
		return err
	})
}

// LoadingDay is the state of loading as it was counted on a day.
type LoadingDay struct {
	Day     string // ISO 8601
	Taken   time.Time
	Content []byte // JSON, of the caller
}

// How much of the past is kept: each day of about a year, then the last day of each month.
const (
	loadingDays   = 400
	loadingMonths = 240
)

// PutLoadingDay keeps the state of a day, in place of an earlier one of the same day, and
// thins out the past.
func (db *DB) PutLoadingDay(ctx context.Context, d LoadingDay) (err error) {
	defer fault.Wrap(&err, "vault.PutLoadingDay")
	return db.inRegister(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO loading_day (day, taken_at, content) VALUES ($1, $2, $3)
			ON CONFLICT (day) DO UPDATE SET taken_at = excluded.taken_at, content = excluded.content`,
			d.Day, formatTime(d.Taken), string(d.Content)); err != nil {
			return err
		}
		limit := d.Taken.AddDate(0, 0, -loadingDays).Format(time.DateOnly)
		oldest := d.Taken.AddDate(0, -loadingMonths, 0).Format(time.DateOnly)
		_, err := tx.ExecContext(ctx, `DELETE FROM loading_day WHERE day < $2 OR day < $1 AND day NOT IN (
			SELECT MAX(day) FROM loading_day GROUP BY SUBSTR(day, 1, 7))`, limit, oldest)
		return err
	})
}

// LoadingDays lists the states kept, newest first; all of them when limit is 0.
func (db *DB) LoadingDays(ctx context.Context, limit int) (list []LoadingDay, err error) {
	if limit <= 0 {
		limit = 1 << 30
	}
	err = db.registerRows(ctx, `SELECT day, taken_at, content FROM loading_day ORDER BY day DESC LIMIT $1`, []any{limit},
		func(rows *sql.Rows) error {
			var d LoadingDay
			var taken, content string
			if err := rows.Scan(&d.Day, &taken, &content); err != nil {
				return err
			}
			d.Taken, d.Content = parseTime(taken), []byte(content)
			list = append(list, d)
			return nil
		})
	return list, err
}
