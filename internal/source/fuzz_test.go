package source

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// Whatever another machine calls a file, it is a plain name of a folder of ours.
func FuzzSafeName(f *testing.F) {
	for _, s := range []string{"obs.csv", "../../etc/passwd", `C:\x\y.csv`, "..", "a\x00b", strings.Repeat("é", 300), "\xff\xfe"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got := safeName(name, "x")
		if got == "" || got == "." || got == ".." || got != filepath.Base(got) || len(got) > 150 || strings.ContainsAny(got, "/\\\x00\n") ||
			utf8.ValidString(name) && !utf8.ValidString(got) {
			t.Errorf("safeName(%q) = %q", name, got)
		}
	})
}

// What servers write in headers, and the head of a file, is read without harm.
func FuzzHeaders(f *testing.F) {
	for _, s := range []string{"bytes 5-9/10", "bytes */10", "120", "Wed, 21 Oct 2026 07:28:00 GMT", "-1", "99999999999999999999", "a;b\n\"x;y"} {
		f.Add(s)
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		if n := rangeTotal(s); n < -1 {
			t.Errorf("rangeTotal(%q) = %d", s, n)
		}
		if d := retryAfter(http.Header{"Retry-After": {s}}, now); d < 0 {
			t.Errorf("retryAfter(%q) = %s", s, d)
		}
		if c := firstColumns(strings.NewReader(s)); len(c) > 12 {
			t.Errorf("%d columns", len(c))
		}
	})
}
