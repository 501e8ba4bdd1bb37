package vault

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
)

// The kinds of events of a timeline.
const (
	Creation   = "created"
	Update     = "updated"
	Withdrawal = eventWithdrawn
	Return     = eventReturned
	Classing   = "classed"
)

// Event is one moment in the life of an observation.
type Event struct {
	At   time.Time
	Kind string
	// Batch is the import that caused it, 0 for a run of classing; the rest tells which it was.
	Batch   int64
	File    string
	Source  string
	By      string
	Changes []Change // of Update and Classing
}

// Change is one column that an event gave another value, as text; "" for none.
type Change struct{ Field, Before, After string }

// Find returns the ids of the observations that a person names: by the number of the vault, or
// by the permanent identifier, which several datasets may have. NotFound when there is none.
func (db *DB) Find(ctx context.Context, name string) (ids []int64, err error) {
	defer fault.Wrap(&err, "vault.Find")
	text := `SELECT id FROM observation WHERE id_sinp = $1 ORDER BY id`
	var arg any
	if id, err := uuid.Parse(name); err == nil {
		arg = id.String()
	} else if n, err := strconv.ParseInt(name, 10, 64); err == nil {
		text, arg = `SELECT id FROM observation WHERE id = $1`, n
	} else {
		return nil, fault.Say(fault.Invalid, "vault.bad_name", name)
	}
	if ids, err = db.ids(ctx, nil, text, arg); err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		return nil, fault.Say(fault.NotFound, "vault.no_observation", name)
	}
	return ids, nil
}

// Timeline returns the life of one observation, oldest first, with the columns that each
// event changed, against a grant recorded in the journal. NotFound when there is none.
func (db *DB) Timeline(ctx context.Context, g disclosure.Grant, id int64) (list []Event, err error) {
	defer fault.Wrap(&err, "vault.Timeline(%d)", id)
	entry, err := db.record(ctx, g, Complete)
	if err != nil {
		return nil, err
	}
	list, err = db.timeline(ctx, id)
	if jerr := db.endRecord(ctx, entry, len(list), err); err == nil {
		err = jerr
	}
	return list, err
}

// moment is an event with what the row was before it.
type moment struct {
	Event
	order int64
	class bool
	row   map[string]string // whole, or the class or the batch only
}

func (db *DB) timeline(ctx context.Context, id int64) ([]Event, error) {
	state, err := db.rowTexts(ctx, id)
	if err != nil {
		return nil, err
	}
	moments, err := db.formerRows(ctx, id)
	if err != nil {
		return nil, err
	}
	classes, err := db.formerClasses(ctx, id)
	if err != nil {
		return nil, err
	}
	moments = append(moments, classes...)
	slices.SortStableFunc(moments, func(a, b moment) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.order, b.order))
	})
	// Backwards, so that what an event left is known: the row as it is, then what it was.
	for i := range slices.Backward(moments) {
		m := &moments[i]
		if m.row == nil {
			continue
		}
		if m.Kind == Return { // the batch before is all it replaced
			state = maps.Clone(state)
			maps.Copy(state, m.row)
			continue
		}
		before := m.row
		if m.class {
			before = maps.Clone(state)
			maps.Copy(before, m.row)
		}
		m.Changes = differences(before, state)
		state = before
	}
	batch, _ := strconv.ParseInt(state["batch"], 10, 64)
	events := []Event{{Kind: Creation, Batch: batch}}
	for _, m := range moments {
		events = append(events, m.Event)
	}
	return events, db.nameBatches(ctx, events)
}

// differences lists the columns of two states that differ, by name; what the vault keeps for
// itself is left out.
func differences(before, after map[string]string) (out []Change) {
	names := slices.Collect(maps.Keys(before))
	names = slices.AppendSeq(names, maps.Keys(after))
	slices.Sort(names)
	for _, n := range slices.Compact(names) {
		switch n {
		case "id", "batch", "content_hash", "twin_key", "cell10", "withdrawn":
			continue
		}
		if before[n] != after[n] {
			out = append(out, Change{n, before[n], after[n]})
		}
	}
	return out
}

// rowTexts reads a row as it is, NULLs left out.
func (db *DB) rowTexts(ctx context.Context, id int64) (map[string]string, error) {
	columns := columnList(writtenColumns)
	cells, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range cells {
		into[i] = &cells[i]
	}
	err := db.read.QueryRowContext(ctx, `SELECT `+writtenColumns+` FROM observation WHERE id = $1`, id).Scan(into...)
	if err == sql.ErrNoRows {
		return nil, fault.Say(fault.NotFound, "vault.no_observation", id)
	}
	if err != nil {
		return nil, interrupted(ctx, classify(err))
	}
	out := map[string]string{}
	for i, c := range columns {
		if t := cellText(cells[i]); t != "" {
			out[c] = t
		}
	}
	return out, nil
}

func cellText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case []byte:
		return hex.EncodeToString(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case json.Number:
		if f, err := v.Float64(); err == nil {
			if n, err := v.Int64(); err == nil {
				return strconv.FormatInt(n, 10)
			}
			return strconv.FormatFloat(f, 'f', -1, 64)
		}
		return v.String()
	}
	return fmt.Sprint(v)
}

func (db *DB) formerRows(ctx context.Context, id int64) ([]moment, error) {
	rows, err := db.read.QueryContext(ctx, `SELECT id, batch, replaced_at, COALESCE(event, ''), content FROM observation_history
		WHERE observation = $1 ORDER BY id`, id)
	if err != nil {
		return nil, interrupted(ctx, classify(err))
	}
	defer rows.Close()
	var list []moment
	for rows.Next() {
		var m moment
		var at, content string
		if err := rows.Scan(&m.order, &m.Batch, &at, &m.Kind, &content); err != nil {
			return nil, classify(err)
		}
		m.At = parseTime(at)
		if m.Kind == "" {
			m.Kind = Update
		}
		if m.Kind == Update || m.Kind == Return {
			if m.row, err = texts(content); err != nil {
				return nil, err
			}
		}
		list = append(list, m)
	}
	return list, interrupted(ctx, classify(rows.Err()))
}

// texts reads a former row, which is a JSON object of its columns.
func texts(content string) (map[string]string, error) {
	var cells map[string]any
	d := json.NewDecoder(strings.NewReader(content))
	d.UseNumber()
	if err := d.Decode(&cells); err != nil {
		return nil, err
	}
	out := make(map[string]string, len(cells))
	for c, v := range cells {
		out[c] = cellText(v)
	}
	return out, nil
}

func (db *DB) formerClasses(ctx context.Context, id int64) ([]moment, error) {
	rows, err := db.read.QueryContext(ctx, `SELECT id, COALESCE(batch, 0), replaced_at, cd_ref, sensitivity, sensitivity_list, held,
		consent, consent_default, sens_manual, sens_review, grouping_id FROM observation_class WHERE observation = $1 ORDER BY id`, id)
	if err != nil {
		return nil, interrupted(ctx, classify(err))
	}
	defer rows.Close()
	var list []moment
	for rows.Next() {
		m := moment{class: true, row: map[string]string{}}
		m.Kind = Classing
		var at string
		var cells [9]any
		if err := rows.Scan(&m.order, &m.Batch, &at, &cells[0], &cells[1], &cells[2], &cells[3], &cells[4], &cells[5],
			&cells[6], &cells[7], &cells[8]); err != nil {
			return nil, classify(err)
		}
		m.At = parseTime(at)
		for i, c := range columnList(classNames) {
			m.row[c] = cellText(cells[i])
		}
		list = append(list, m)
	}
	return list, interrupted(ctx, classify(rows.Err()))
}

// nameBatches says which import each event is of.
func (db *DB) nameBatches(ctx context.Context, events []Event) error {
	for i := range events {
		e := &events[i]
		if e.Batch == 0 {
			continue
		}
		var started string
		err := db.read.QueryRowContext(ctx, `SELECT COALESCE(file, ''), COALESCE(source, ''), COALESCE(actor, ''), COALESCE(ended_at, started_at)
			FROM batch WHERE id = $1`, e.Batch).Scan(&e.File, &e.Source, &e.By, &started)
		if err != nil && err != sql.ErrNoRows {
			return interrupted(ctx, classify(err))
		}
		if e.At.IsZero() {
			e.At = parseTime(started)
		}
	}
	return nil
}
