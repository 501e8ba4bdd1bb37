package vault

import (
	"errors"
	"testing"

	"garrigue/internal/fault"
	"garrigue/internal/needs"
)

// TestPostgresTogether: statements that wait go with the next query, in order; the error of one
// of them is the query's.
func TestPostgresTogether(t *testing.T) {
	db, err := Open(t.Context(), needs.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	add := func(b *bulk, name any, value int64) error {
		return b.later(`INSERT INTO counter (name, value) VALUES ($1, $2)`, name, value)
	}
	err = db.tx(t.Context(), func(b *bulk) error {
		for i, name := range []string{"one", "two", "three"} {
			if err := add(b, name, int64(i)); err != nil {
				return err
			}
		}
		if v, err := b.counter("three"); err != nil || v != 2 {
			t.Errorf("a query after what waited: %d, %v", v, err)
		}
		if err := add(b, "four", 3); err != nil {
			return err
		}
		if n, err := b.exec(`UPDATE counter SET value = value + 1 WHERE value < $1`, 10); err != nil || n != 4 {
			t.Errorf("%d rows changed, %v", n, err)
		}
		return add(b, "five", 5) // goes with the commit
	})
	if err != nil {
		t.Fatal(err)
	}
	err = db.tx(t.Context(), func(b *bulk) error {
		if v, err := b.counter("five"); err != nil || v != 5 {
			t.Errorf("what waited at the commit: %d, %v", v, err)
		}
		if err := errors.Join(add(b, nil, 1), add(b, "six", 6)); err != nil {
			t.Errorf("sent at once: %v", err)
		}
		_, err := b.counter("six")
		return err
	})
	var f *fault.Error
	if !errors.As(err, &f) || f.Key != "vault.refused" {
		t.Errorf("a refused statement: %v", err)
	}
	err = db.tx(t.Context(), func(b *bulk) error {
		v, err := b.counter("six")
		if v != 0 {
			t.Error("a refused transaction left something")
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
