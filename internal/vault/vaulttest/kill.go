package vaulttest

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"garrigue/internal/dataset"
	"garrigue/internal/vault"
)

func testReopen(t *testing.T, place func(t *testing.T) string) {
	at := place(t)
	db := must(vault.Open(t.Context(), at))(t)
	d := someDataset(t, db)
	importRows(t, db, row(d, "a", 1))
	b := must(db.Begin(t.Context(), vault.BatchInfo{}))(t)
	must(b.Put(t.Context(), row(d, "b", 1)))(t)
	check(t, db.Close()) // with a batch still open
	db = reopen(t, at)
	if n := count(t, db); n != 1 {
		t.Errorf("%d rows", n)
	}
	if got := importRows(t, db, row(d, "a", 1), row(d, "b", 1)); got[0] != vault.Unchanged || got[1] != vault.Created {
		t.Errorf("outcomes %v", got)
	}
	check(t, db.Check(t.Context()))
}

// testTwoHandles: a second process (here a second handle) waits for the first one's batch.
func testTwoHandles(t *testing.T, place func(t *testing.T) string) {
	at := place(t)
	one, two := reopen(t, at), reopen(t, at)
	d := someDataset(t, one)
	b := must(one.Begin(t.Context(), vault.BatchInfo{}))(t)
	must(b.Put(t.Context(), row(d, "a", 1)))(t)
	if n := count(t, reopen(t, at)); n != 0 { // opening does not wait for a batch, nor reading
		t.Errorf("%d rows", n)
	}
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := two.Begin(short, vault.BatchInfo{}); err == nil {
		t.Fatal("two batches at once")
	}
	if n := count(t, two); n != 0 {
		t.Errorf("%d rows seen by the other handle", n)
	}
	done := make(chan error)
	go func() {
		c, err := two.Begin(t.Context(), vault.BatchInfo{})
		if err == nil {
			if out, perr := c.Put(t.Context(), row(d, "a", 1)); perr != nil || out != vault.Unchanged {
				err = fmt.Errorf("outcome %d, %v", out, perr)
			}
			c.Rollback()
		}
		done <- err
	}()
	time.Sleep(30 * time.Millisecond)
	must(b.Commit(t.Context(), vault.BatchInfo{}))(t)
	check(t, <-done)
}

const childVariable = "GARRIGUE_VAULTTEST_CHILD"

// child is the life of the process that is killed: it imports, and says where it is.
func child(t *testing.T) bool {
	at := os.Getenv(childVariable)
	if at == "" {
		return false
	}
	ctx := t.Context()
	db := reopen(t, at)
	d := must(db.EnsureDataset(ctx, dataset.Dataset{Name: "Hirondelles"}))(t).ID
	b := must(db.Begin(ctx, vault.BatchInfo{File: "killed.csv"}))(t)
	for i := range killRows {
		o := row(d, fmt.Sprint("k", i), i)
		o.Comment = "by the child"
		must(b.Put(ctx, o))(t)
		if i%100 == 0 {
			fmt.Println("row", i)
		}
	}
	fmt.Println("committing")
	must(b.Commit(ctx, vault.BatchInfo{Read: killRows}))(t)
	fmt.Println("committed")
	time.Sleep(time.Minute) // to be killed
	return true
}

const killRows = 20_000

func testKill(t *testing.T, place func(t *testing.T) string) {
	name, _, _ := strings.Cut(t.Name(), "/")
	for _, c := range []struct {
		line    string // kill when the child says so
		delay   time.Duration
		present int // rows put before the child starts
	}{
		{"row 0", 0, 0}, {"row 15000", 0, 0}, {"committing", 0, 0}, {"committing", 20 * time.Millisecond, 0},
		{"row 300", 0, 500}, {"row 19900", 0, 500}, {"committing", 5 * time.Millisecond, 500}, {"committed", 0, 500},
	} {
		t.Run(fmt.Sprintf("%s after %s over %d rows", c.line, c.delay, c.present), func(t *testing.T) {
			at := place(t)
			db := must(vault.Open(t.Context(), at))(t)
			d := someDataset(t, db)
			if c.present > 0 {
				b := must(db.Begin(t.Context(), vault.BatchInfo{File: "before.csv"}))(t)
				for i := range c.present {
					must(b.Put(t.Context(), row(d, fmt.Sprint("k", i), i)))(t)
				}
				must(b.Commit(t.Context(), vault.BatchInfo{}))(t)
			}
			check(t, db.Close())
			committed := killChild(t, name, at, c.line, c.delay)

			db = reopen(t, at)
			check(t, db.Check(t.Context()))
			list := all(t, db)
			batches := must(db.Batches(t.Context(), 0))(t)
			whole := len(list) == killRows && batches[0].File == "killed.csv"
			if !whole && len(list) != c.present || committed && !whole {
				t.Fatalf("%d rows, %d batches: neither before nor after", len(list), len(batches))
			}
			for _, o := range list {
				if (o.Comment != "") != whole {
					t.Fatalf("observation %d is not of its time", o.ID)
				}
			}
			// Run again, the result is the same as one clean run.
			b := must(db.Begin(t.Context(), vault.BatchInfo{}))(t)
			defer b.Rollback()
			for i := range killRows {
				o := row(d, fmt.Sprint("k", i), i)
				o.Comment = "by the child"
				must(b.Put(t.Context(), o))(t)
			}
			must(b.Commit(t.Context(), vault.BatchInfo{}))(t)
			if n := count(t, db); n != killRows {
				t.Errorf("%d rows after the second run", n)
			}
		})
	}
}

// killChild runs the child until it prints a line, kills it, and reports whether it had
// committed.
func killChild(t *testing.T, test, at, line string, delay time.Duration) (committed bool) {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+test+"$", "-test.v=false")
	cmd.Env = append(os.Environ(), childVariable+"="+at)
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	seen := false
	for s := bufio.NewScanner(out); s.Scan(); {
		committed = committed || s.Text() == "committed"
		if !seen && s.Text() == line {
			seen = true
			time.AfterFunc(delay, func() { cmd.Process.Kill() })
		}
	}
	cmd.Wait() // killed: its error is the point
	if !seen {
		t.Fatalf("the child never said %q", line)
	}
	return committed
}
