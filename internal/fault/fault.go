// Package fault gives every error one of a few kinds, so that the edge (a page, the
// command line, a job) can answer without reading its text, and a sentence for people
// that is a key of the catalogues, never the cause.
//
// It decides nothing about logging or status codes: those belong to the edge.
package fault

import (
	"errors"
	"fmt"
)

// Kind says what sort of failure an error is. The list is closed.
type Kind uint8

// The kinds. Internal is the zero value: an error nobody classified is our fault.
const (
	Internal    Kind = iota // ours: a bug, a broken disk
	Invalid                 // the caller's input is wrong
	NotFound                // there is no such thing
	Forbidden               // the caller may not
	Conflict                // the state does not allow it now
	Unavailable             // a part we depend on is away; try again
)

var kindNames = [...]string{"internal", "invalid", "not found", "forbidden", "conflict", "unavailable"}

// String returns the English name of the kind, for logs.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "internal"
}

// Error is a classified failure. Key and Args name a sentence of the catalogues for the
// person who waits for an answer; Cause is for the log only.
type Error struct {
	Kind  Kind
	Key   string
	Args  []any
	Cause error
}

// Say returns an error of a kind whose sentence is the catalogue entry key, with args for
// its {0}, {1}… places.
func Say(kind Kind, key string, args ...any) *Error {
	return &Error{Kind: kind, Key: key, Args: args}
}

// Because attaches the technical cause, which is logged and never shown.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.Cause = cause
	return &c
}

// Error implements error with the technical text: kind, key, arguments, cause.
func (e *Error) Error() string {
	s := e.Kind.String() + ": " + e.Key
	if len(e.Args) > 0 {
		s += fmt.Sprint(" ", e.Args)
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// KindOf returns the kind of the outermost classified error in err's chain, Internal when
// there is none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// Is reports whether err is of the given kind.
func Is(err error, kind Kind) bool { return err != nil && KindOf(err) == kind }

// Wrap adds context once to the error a function is about to return:
//
//	defer fault.Wrap(&err, "vault.Taxon(%d)", cd)
//
// It keeps nil nil and keeps the kind.
func Wrap(errp *error, format string, args ...any) {
	if *errp != nil {
		*errp = fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), *errp)
	}
}
