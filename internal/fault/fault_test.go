package fault_test

import (
	"errors"
	"fmt"
	"testing"

	"garrigue/internal/fault"
)

func TestKindSurvivesWrapping(t *testing.T) {
	read := func() (err error) {
		defer fault.Wrap(&err, "atlas.Taxon(%d)", 42)
		return fault.Say(fault.NotFound, "taxon.none", 42)
	}
	err := read()
	if !fault.Is(err, fault.NotFound) || fault.KindOf(err) != fault.NotFound {
		t.Errorf("kind of %v is %v", err, fault.KindOf(err))
	}
	if got, want := err.Error(), "atlas.Taxon(42): not found: taxon.none [42]"; got != want {
		t.Errorf("text %q, want %q", got, want)
	}
}

func TestWrapKeepsNil(t *testing.T) {
	var err error
	fault.Wrap(&err, "context")
	if err != nil {
		t.Errorf("nil became %v", err)
	}
	if fault.Is(nil, fault.Internal) {
		t.Error("no error has a kind")
	}
}

func TestUnclassifiedIsInternal(t *testing.T) {
	if k := fault.KindOf(errors.New("disk")); k != fault.Internal {
		t.Errorf("kind %v", k)
	}
}

// The cause is for the log and for errors.Is; the original error is not changed by it.
func TestBecause(t *testing.T) {
	cause := errors.New("no space left")
	plain := fault.Say(fault.Unavailable, "vault.full")
	err := fmt.Errorf("import: %w", plain.Because(cause))
	if !errors.Is(err, cause) {
		t.Error("cause lost")
	}
	if plain.Cause != nil {
		t.Error("Because changed its receiver")
	}
	if fault.Kind(200).String() != "internal" {
		t.Error("an unknown kind must read as internal")
	}
}
