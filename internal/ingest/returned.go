package ingest

import (
	"io"
	"slices"
	"strings"

	"garrigue/internal/quality"
	"garrigue/internal/tabular"
)

// The two columns that rejects bear when they go back to their producer. Where the file has a
// column of such a name itself, the second pair is used.
func returnedNames() [2][2]string {
	return [2][2]string{{"code", "motif"}, {"code_rejet", "motif_rejet"}}
}

// returnedTerm is the base of the terms of these columns in an archive.
const returnedTerm = "urn:garrigue:rejet/"

// How many rows, of how much text, are looked at to tell our columns from a producer's own of
// the same names.
const (
	peekRows  = 100
	peekBytes = 16 << 20
)

// dropReturned recognises a file of rejects that comes back corrected: the two columns we
// added are left out, so that its rows are those of the first file. Columns of these names
// are ours when all they hold is codes of our own.
func (r *rows) dropReturned() error {
	at := -1
	own := r.header[:min(r.own, len(r.header))]
	for _, pair := range returnedNames() {
		if i := slices.Index(own, pair[0]); i >= 0 && i+1 < len(own) && own[i+1] == pair[1] {
			at = i // the second pair wins: the first is then the producer's
		}
	}
	if at < 0 {
		return nil
	}
	ours, written := true, false
	for size := 0; len(r.ahead) < peekRows && size < peekBytes; {
		row, err := r.t.Next()
		if err == io.EOF {
			r.over = true
			break
		}
		if err != nil {
			return err
		}
		row.Fields = slices.Clone(row.Fields)
		r.ahead = append(r.ahead, row)
		size += len(row.Raw)
		if at+1 < len(row.Fields) && !ourCodes(row.Fields[at], row.Fields[at+1]) {
			ours = false
			break
		}
		written = written || at < len(row.Fields) && strings.TrimSpace(row.Fields[at]) != ""
	}
	// Two empty columns of a long file may well be the producer's, and not empty further down.
	if !ours || !written && !r.over {
		return nil
	}
	r.returned = at + 1
	r.header = slices.Delete(slices.Clone(r.header), at, at+2)
	r.own -= 2
	return nil
}

// ourCodes reports whether two values may be what we wrote: codes of checks and a sentence,
// or both emptied by who corrected the row.
func ourCodes(codes, sentence string) bool {
	if strings.TrimSpace(codes) == "" {
		return strings.TrimSpace(sentence) == ""
	}
	for _, c := range strings.Split(codes, ",") {
		if !slices.Contains(quality.Codes(), quality.Code(strings.TrimSpace(c))) {
			return false
		}
	}
	return true
}

// take returns the next row of the table itself, without the columns we added.
func (r *rows) take() (tabular.Row, error) {
	var row tabular.Row
	if len(r.ahead) > 0 {
		row, r.ahead = r.ahead[0], r.ahead[1:]
	} else if r.over {
		return row, io.EOF
	} else {
		var err error
		if row, err = r.t.Next(); err != nil {
			return row, err
		}
	}
	if at := r.returned - 1; at >= 0 && at < len(row.Fields) {
		row.Fields = append(row.Fields[:at], row.Fields[min(at+2, len(row.Fields)):]...)
	}
	return row, nil
}

// close gives back what the table keeps open.
func (r *rows) close() {
	if c, ok := r.t.(io.Closer); ok {
		c.Close() // only read from: nothing is lost
	}
}

// layout tells how the rows are written in their file, to give some of them back.
func (s *source) layout(r *rows) tabular.Layout {
	l := r.t.Layout()
	l.Returned = r.returned
	if s.archive == nil {
		return l
	}
	l.Kind, l.RowType, l.Header = "dwca", s.archive.table.RowType, r.header
	if r.whole() {
		l.Separator, l.Quote = ",", `"`
	}
	if r.returned > 0 {
		pair := returnedNames()[0]
		l.Header = slices.Insert(slices.Clone(r.header), r.returned-1, pair[:]...)
	}
	terms := map[string]string{"id": "id"}
	for _, t := range []*metaTable{s.archive.core, &s.archive.table} {
		if t == nil {
			continue
		}
		for _, f := range t.Fields {
			terms[f.Term[strings.LastIndexAny(f.Term, "/#")+1:]] = f.Term
		}
	}
	for _, h := range l.Header {
		l.Types = append(l.Types, terms[h])
	}
	return l
}

// whole reports whether rows hold more than their own line: values of the core of an archive,
// or some that its description gives to all. Their Raw is then all of it, as CSV.
func (r *rows) whole() bool { return r.core != nil || len(r.fixed) > 0 }
