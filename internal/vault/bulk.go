package vault

import (
	"context"
	"fmt"
	"strings"

	"zombiezen.com/go/sqlite"

	"garrigue/internal/fault"
)

// bulk is one write transaction on a connection of its own, with typed binds.
type bulk struct {
	conn  *sqlite.Conn
	stmts map[string]*sqlite.Stmt
	ids   map[string]int64 // next ids taken in this transaction, by counter
}

// statement prepares a text once per transaction. This driver numbers ?N and not $N.
func (b *bulk) statement(text string) (*sqlite.Stmt, error) {
	if s := b.stmts[text]; s != nil {
		return s, nil
	}
	s, _, err := b.conn.PrepareTransient(strings.ReplaceAll(text, "$", "?"))
	if err != nil {
		return nil, classify(err)
	}
	b.stmts[text] = s
	return s, nil
}

func bindAll(s *sqlite.Stmt, args []any) error {
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

// exec runs a statement and returns how many rows it changed.
func (b *bulk) exec(text string, args ...any) (int, error) {
	s, err := b.statement(text)
	if err != nil {
		return 0, err
	}
	if err := bindAll(s, args); err != nil {
		return 0, err
	}
	if err := run(s); err != nil {
		return 0, err
	}
	return b.conn.Changes(), nil
}

// run steps a statement that returns no rows, and makes it ready for the next.
func run(s *sqlite.Stmt) error {
	if _, err := s.Step(); err != nil {
		return classify(err)
	}
	if err := s.Reset(); err != nil {
		return classify(err)
	}
	return nil
}

// rows calls scan with each row of a query.
func (b *bulk) rows(text string, args []any, scan func(s row) error) error {
	s, err := b.statement(text)
	if err != nil {
		return err
	}
	if err := bindAll(s, args); err != nil {
		return err
	}
	defer s.Reset()
	for {
		more, err := s.Step()
		if err != nil {
			return classify(err)
		}
		if !more {
			return nil
		}
		if err := scan(s); err != nil {
			return err
		}
	}
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

// finalize drops the statements, as must be before the indexes change under them.
func (b *bulk) finalize() {
	for text, s := range b.stmts {
		s.Finalize()
		delete(b.stmts, text)
	}
}

func (b *bulk) commit() error {
	for name, next := range b.ids {
		if err := b.setCounter("next "+name, next); err != nil {
			return err
		}
	}
	if _, err := b.exec("COMMIT"); err != nil {
		return err
	}
	b.finalize()
	b.conn.Close() // it is committed: a failure to close takes nothing back
	b.conn = nil
	return nil
}

func (b *bulk) rollback() error {
	if b.conn == nil {
		return nil
	}
	b.conn.SetInterrupt(nil) // the rollback itself must not be interrupted
	b.finalize()
	var err error
	if !b.conn.AutocommitEnabled() {
		_, err = b.exec("ROLLBACK")
		b.finalize()
	}
	if cerr := b.conn.Close(); err == nil {
		err = classify(cerr)
	}
	b.conn = nil
	return err
}

// begin takes the right to write and begins a transaction.
func (db *DB) begin(ctx context.Context) (*bulk, error) {
	select {
	case db.writing <- struct{}{}:
	case <-ctx.Done():
		return nil, fault.Say(fault.Unavailable, "vault.interrupted").Because(ctx.Err())
	}
	b, err := db.dialect.bulk(ctx, db.path)
	if err != nil {
		<-db.writing
		return nil, interrupted(ctx, classify(err))
	}
	return b, nil
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
