package vault

import (
	"context"
	"fmt"
	"time"

	"garrigue/internal/fault"
)

// session is one write transaction on a connection of its own, with typed binds; two engines
// have one. Texts are the shared SQL, with $N. It ends with the context it was begun with.
type session interface {
	// prepare prepares a text once per transaction.
	prepare(text string) (*prepared, error)
	// loader adds rows to a table by the million: a value for each of the columns, in order.
	loader(table, columns string) (*prepared, error)
	// exec runs a statement and returns how many rows it changed.
	exec(text string, args []any) (int, error)
	// rows calls scan with each row of a query.
	rows(text string, args []any, scan func(s row) error) error
	// end commits or rolls back, and closes the connection.
	end(commit bool) error
}

// prepared is a statement whose parameters are bound and which is then run, many times. An
// engine at the other end of a wire may send several runs together, in order and before
// anything else of its session; their errors come then.
type prepared struct {
	binder
	step func() error
}

// run runs a statement that returns no rows, and makes it ready for the next.
func run(s *prepared) error { return s.step() }

func bindAll(s binder, args []any) error {
	for i, a := range args {
		switch v := a.(type) {
		case nil:
			s.BindNull(i + 1)
		case string:
			s.BindText(i+1, v)
		case int:
			s.BindInt64(i+1, int64(v))
		case int64:
			s.BindInt64(i+1, v)
		case float64:
			s.BindFloat(i+1, v)
		case []byte:
			s.BindBytes(i+1, v)
		default:
			return fmt.Errorf("argument %d of type %T", i+1, a)
		}
	}
	return nil
}

// bulk is one write transaction.
type bulk struct {
	s   session          // nil once ended
	ids map[string]int64 // next ids taken in this transaction, by counter
}

// statement prepares a text once per transaction.
func (b *bulk) statement(text string) (*prepared, error) { return b.s.prepare(text) }

// exec runs a statement and returns how many rows it changed.
func (b *bulk) exec(text string, args ...any) (int, error) { return b.s.exec(text, args) }

// later runs a statement whose count of rows nobody needs: it may wait to be sent with others.
func (b *bulk) later(text string, args ...any) error {
	s, err := b.s.prepare(text)
	if err != nil {
		return err
	}
	if err := bindAll(s, args); err != nil {
		return err
	}
	return run(s)
}

// rows calls scan with each row of a query.
func (b *bulk) rows(text string, args []any, scan func(s row) error) error {
	return b.s.rows(text, args, scan)
}

// id takes the next number of a counter: ids are made here, in order, so that one text of
// SQL serves every engine. A number is given back only with the whole transaction.
func (b *bulk) id(counter string) (int64, error) {
	next, known := b.ids[counter]
	if !known {
		v, err := b.counter("next " + counter)
		if err != nil {
			return 0, err
		}
		next = max(v, 1)
	}
	b.ids[counter] = next + 1
	return next, nil
}

func (b *bulk) counter(name string) (value int64, err error) {
	err = b.rows(`SELECT value FROM counter WHERE name = $1`, []any{name}, func(s row) error {
		value = s.ColumnInt64(0)
		return nil
	})
	return value, err
}

func (b *bulk) setCounter(name string, value int64) error {
	_, err := b.exec(`INSERT INTO counter (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value)
	return err
}

func (b *bulk) commit() error {
	for name, next := range b.ids {
		if err := b.setCounter("next "+name, next); err != nil {
			return err
		}
	}
	if err := b.s.end(true); err != nil {
		return err
	}
	b.s = nil
	return nil
}

func (b *bulk) rollback() error {
	if b.s == nil {
		return nil
	}
	err := b.s.end(false)
	b.s = nil
	return err
}

// begin takes the right to write and begins a transaction.
func (db *DB) begin(ctx context.Context) (*bulk, error) {
	select {
	case db.writing <- struct{}{}:
	case <-ctx.Done():
		return nil, fault.Say(fault.Unavailable, "vault.interrupted").Because(ctx.Err())
	}
	s, err := db.dialect.begin(ctx, "vault")
	if err != nil {
		<-db.writing
		return nil, interrupted(ctx, classify(err))
	}
	return &bulk{s: s, ids: map[string]int64{}}, nil
}

// Writable reports whether a write of the data could begin within the time given: no import is
// under way. It is for what may as well be done later.
func (db *DB) Writable(ctx context.Context, within time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	b, err := db.begin(ctx)
	if err != nil {
		return false
	}
	defer func() { <-db.writing }()
	return b.rollback() == nil
}

// tx runs f in one write transaction, committed when f returns no error.
func (db *DB) tx(ctx context.Context, f func(b *bulk) error) error {
	b, err := db.begin(ctx)
	if err != nil {
		return err
	}
	defer func() { <-db.writing }()
	done := false
	defer func() {
		if !done { // also when f panics
			b.rollback()
		}
	}()
	if err := f(b); err != nil {
		return interrupted(ctx, err)
	}
	if err := b.commit(); err != nil {
		return interrupted(ctx, err)
	}
	done = true
	return nil
}
