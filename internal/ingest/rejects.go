package ingest

import (
	"archive/zip"
	"bufio"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"garrigue/internal/fault"
	"garrigue/internal/geopackage"
	"garrigue/internal/i18n"
	shapes "garrigue/internal/layer"
	"garrigue/internal/quality"
	"garrigue/internal/tabular"
	"garrigue/internal/vault"
	"garrigue/internal/workbook"
)

// Given says what file of rejects was made.
type Given struct {
	Rows    int
	Kind    string    // as in Layout: "text", "xlsx"…
	Columns [2]string // what the two columns are called
	// Instead is the kind of the producer's file when rejects cannot be given in it, "" when
	// they are.
	Instead string
	// Lost is how many characters the producer's encoding does not have, or that were unreadable
	// in the file to begin with: they are "?".
	Lost int
}

// GiveBack writes the rejected rows of a batch to a file at path, in the form of the file they
// came in, with two columns more: their codes and the sentences that say why. Corrected, the
// file can be imported as it is: the two columns are then left out. Nothing stays at path
// when it fails. The file holds what the producer's held, names of people too.
//
// Errors: NotFound for a batch there is not; Conflict when the batch has no rejects, when it
// is older than what it takes to write them, or when there is a file at path already.
func GiveBack(ctx context.Context, db *vault.DB, batch int64, path string, lang i18n.Lang) (given Given, err error) {
	defer fault.Wrap(&err, "ingest.GiveBack(%d)", batch)
	layout, err := layoutOf(ctx, db, batch)
	if err != nil {
		return given, err
	}
	if _, err := os.Lstat(path); err == nil {
		return given, fault.Say(fault.Conflict, "rejects.exists", filepath.Base(path))
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), ".garrigue-rejets-*")
	if err != nil {
		return given, fault.Say(fault.Invalid, "rejects.folder", filepath.Dir(path)).Because(err)
	}
	defer os.RemoveAll(dir)
	draft := filepath.Join(dir, "rejets")
	if err := suits(path, kindGiven(layout)); err != nil {
		return given, err
	}
	g, err := newGiver(layout, draft, &given)
	if err != nil {
		return given, err
	}
	err = eachLine(ctx, db, batch, func(r *vault.Reject) error {
		given.Rows++
		return g.row(r.Row, codesOf(r.Findings), sentencesOf(lang, r.Findings))
	})
	if err == nil && given.Rows == 0 {
		err = fault.Say(fault.Conflict, "rejects.none_in", batch)
	}
	if closing := g.close(err == nil); err == nil {
		err = closing
	}
	if err != nil {
		return given, err
	}
	if err := os.Chmod(draft, 0o600); err != nil { // it names people, whoever made it
		return given, err
	}
	// A link fails where a rename would put itself in place of a file made meanwhile.
	if err := os.Link(draft, path); err != nil {
		if errors.Is(err, os.ErrExist) {
			return given, fault.Say(fault.Conflict, "rejects.exists", filepath.Base(path))
		}
		return given, os.Rename(draft, path) // a file system without links
	}
	return given, nil
}

// kindGiven is the kind of file that the rejects of a file of this layout are given in.
func kindGiven(l tabular.Layout) string {
	switch l.Kind {
	case "text", "dwca", "xlsx", "ods", "geojson", "geopackage":
		return l.Kind
	case "shapefile":
		return "geopackage"
	}
	return "text"
}

// suits refuses a name whose end says another kind of file than what is written: no program
// would open it.
func suits(path, kind string) error {
	ends := map[string][]string{"text": {".csv", ".tsv", ".txt"}, "dwca": {".zip"}, "xlsx": {".xlsx"}, "ods": {".ods"},
		"geojson": {".geojson", ".json"}, "geopackage": {".gpkg"}}
	ext := strings.ToLower(filepath.Ext(path))
	if slices.Contains(ends[kind], ext) {
		return nil
	}
	for _, other := range ends {
		if slices.Contains(other, ext) {
			return fault.Say(fault.Invalid, "rejects.extension", filepath.Base(path), ends[kind][0])
		}
	}
	switch ext {
	case ".gz", ".shp", ".gml", ".xml", ".xls", ".dbf":
		return fault.Say(fault.Invalid, "rejects.extension", filepath.Base(path), ends[kind][0])
	}
	return nil
}

// layoutOf reads how the file of a batch was laid out.
func layoutOf(ctx context.Context, db *vault.DB, batch int64) (l tabular.Layout, err error) {
	known, err := db.Batches(ctx, 0)
	if err != nil {
		return l, err
	}
	i := slices.IndexFunc(known, func(b vault.BatchInfo) bool { return b.ID == batch })
	if i < 0 {
		return l, fault.Say(fault.NotFound, "rejects.nobatch", batch)
	}
	if known[i].Rejected == 0 {
		return l, fault.Say(fault.Conflict, "rejects.none_in", batch)
	}
	if err := json.Unmarshal([]byte(known[i].Layout), &l); err != nil || l.Kind == "" {
		return l, fault.Say(fault.Conflict, "rejects.no_layout", batch)
	}
	return l, nil
}

// eachLine gives each rejected line once, with the findings of all the rows it made.
func eachLine(ctx context.Context, db *vault.DB, batch int64, f func(*vault.Reject) error) error {
	var last *vault.Reject
	err := db.EachReject(ctx, batch, func(r *vault.Reject) error {
		if last != nil && last.Line == r.Line && last.Row == r.Row {
			last.Findings = append(last.Findings, r.Findings...)
			return nil
		}
		if last != nil {
			if err := f(last); err != nil {
				return err
			}
		}
		last = r
		return nil
	})
	if err == nil && last != nil {
		err = f(last)
	}
	return err
}

func codesOf(findings []quality.Finding) string {
	var out []string
	for _, f := range findings {
		if c := string(f.Code); !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return strings.Join(out, ", ")
}

func sentencesOf(lang i18n.Lang, findings []quality.Finding) string {
	var out []string
	for _, f := range findings {
		if s := quality.Sentence(lang, f); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return strings.Join(out, " ")
}

// giver writes rejected rows: raw is what the batch kept of each.
type giver struct {
	row   func(raw, codes, sentences string) error
	close func(keep bool) error
}

// newGiver begins a file in the form of a layout, or in the nearest that can be written.
func newGiver(l tabular.Layout, path string, given *Given) (*giver, error) {
	if given.Kind = kindGiven(l); given.Kind != l.Kind {
		given.Instead = l.Kind
	}
	_, given.Columns = names(l)
	switch l.Kind {
	case "geopackage":
		return giveGeoPackage(l, path, l.Types)
	case "shapefile":
		types := make([]string, len(l.Types))
		for i, t := range l.Types {
			types[i] = typeOfDBF(t)
		}
		return giveGeoPackage(l, path, types)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	w := bufio.NewWriterSize(f, 256<<10)
	var g *giver
	switch l.Kind {
	case "text":
		g, err = giveText(l, w, given)
	case "dwca":
		g, err = giveArchive(l, w, given)
	case "xlsx", "ods":
		g, err = giveSheet(l, w)
	case "geojson":
		g = giveGeoJSON(l, w)
	default:
		g, err = giveText(tabular.Layout{Header: l.Header, Returned: l.Returned, Encoding: tabular.UTF8, Mark: true, Separator: ",", Quote: `"`, LineEnd: "\r\n"}, w, given)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	inner := g.close
	g.close = func(keep bool) error {
		err := inner(keep)
		if flush := w.Flush(); err == nil {
			err = flush
		}
		if closing := f.Close(); err == nil {
			err = closing
		}
		return err
	}
	return g, nil
}

// names returns the columns of the file of rejects: the producer's, without those of a first
// return, and the two of ours, called otherwise where the producer has a column of that name.
func names(l tabular.Layout) (own []string, pair [2]string) {
	own = slices.Clone(l.Header)
	if at := l.Returned - 1; at >= 0 && at+2 <= len(own) {
		own = slices.Delete(own, at, at+2)
	}
	for _, pair = range returnedNames() {
		if !slices.Contains(own, pair[0]) && !slices.Contains(own, pair[1]) {
			break
		}
	}
	return own, pair
}

// fieldsOf cuts a raw row that is CSV, as many fields as there are columns.
func fieldsOf(l tabular.Layout, raw string, width int) []string {
	f, _ := tabular.Fields(raw, ',', '"')
	if at := l.Returned - 1; at >= 0 && at+2 <= len(f) {
		f = slices.Delete(f, at, at+2)
	}
	for len(f) < width {
		f = append(f, "")
	}
	return f
}

func giveSheet(l tabular.Layout, w io.Writer) (*giver, error) {
	own, pair := names(l)
	var row func([]string) error
	var end func() error
	if l.Kind == "ods" {
		o, err := workbook.NewODSWriter(w, l.Table)
		if err != nil {
			return nil, err
		}
		row, end = o.Row, o.Close
	} else {
		x, err := workbook.NewXLSXWriter(w, l.Table)
		if err != nil {
			return nil, err
		}
		row, end = x.Row, x.Close
	}
	if err := row(append(own, pair[:]...)); err != nil {
		return nil, err
	}
	return &giver{
		row: func(raw, codes, sentences string) error {
			return row(append(fieldsOf(l, raw, len(own)), codes, sentences))
		},
		close: func(bool) error { return end() },
	}, nil
}

func giveGeoJSON(l tabular.Layout, w io.Writer) *giver {
	_, pair := names(l)
	g := shapes.NewGeoJSONWriter(w, l.Projection)
	return &giver{
		row: func(raw, codes, sentences string) error {
			return g.Feature(raw, pair[:], []string{codes, sentences})
		},
		close: func(keep bool) error {
			if !keep {
				return nil
			}
			return g.Close()
		},
	}
}

func giveGeoPackage(l tabular.Layout, path string, types []string) (*giver, error) {
	own, pair := names(l)
	if at := l.Returned - 1; at >= 0 && at+2 <= len(types) {
		types = slices.Delete(slices.Clone(types), at, at+2)
	}
	// The geometry stays last, where readers of layers give it.
	at := len(own)
	if at > 0 && own[at-1] == shapes.Geometry {
		at--
	}
	w, err := geopackage.Create(path, l.Table, geometryName(l), slices.Insert(slices.Clone(own), at, pair[:]...), types)
	if err != nil {
		return nil, err
	}
	return &giver{
		row: func(raw, codes, sentences string) error {
			return w.Row(slices.Insert(fieldsOf(l, raw, len(own)), at, codes, sentences))
		},
		close: func(keep bool) error {
			if !keep {
				w.Abort()
				return nil
			}
			return w.Close()
		},
	}, nil
}

func geometryName(l tabular.Layout) string {
	if l.Kind == "geopackage" {
		return l.Geometry
	}
	return "geom"
}

// typeOfDBF names the type that a field of a Shapefile has in a GeoPackage.
func typeOfDBF(t string) string {
	switch {
	case strings.HasPrefix(t, "N(") && !strings.Contains(t, ","), strings.HasPrefix(t, "I"):
		return "INTEGER"
	case strings.HasPrefix(t, "N("), strings.HasPrefix(t, "F"), strings.HasPrefix(t, "O"):
		return "REAL"
	case strings.HasPrefix(t, "D"):
		return "DATE"
	case strings.HasPrefix(t, "L"):
		return "BOOLEAN"
	}
	return "TEXT"
}

// textGiver writes rows of delimited text as their own lines, with two fields more.
type textGiver struct {
	l     tabular.Layout
	w     io.Writer
	sep   byte
	quote byte
	width int
	given *Given
	b     []byte
}

func newTextGiver(l tabular.Layout, w io.Writer, given *Given) *textGiver {
	t := &textGiver{l: l, w: w, sep: ',', given: given}
	if l.Separator != "" {
		t.sep = l.Separator[0]
	}
	if l.Quote != "" {
		t.quote = l.Quote[0]
	}
	if l.LineEnd == "" {
		t.l.LineEnd = "\n"
	}
	return t
}

func giveText(l tabular.Layout, w io.Writer, given *Given) (*giver, error) {
	t := newTextGiver(l, w, given)
	own, pair := names(l)
	t.width = len(own)
	if l.Mark {
		if _, err := w.Write(l.Encoding.Mark()); err != nil {
			return nil, err
		}
	}
	// Titles above the header are not kept, their place is: a mapping counts lines.
	if _, err := w.Write(t.append(nil, strings.Repeat(t.l.LineEnd, l.Above))); err != nil {
		return nil, err
	}
	head := l.Head
	if head == "" {
		head = tabular.Line(l.Header, t.sep)
	}
	if err := t.line(head, pair[0], pair[1]); err != nil {
		return nil, err
	}
	return &giver{row: t.line, close: func(bool) error { return nil }}, nil
}

// line writes a line of the producer's and two fields after it, under their columns.
func (t *textGiver) line(raw, codes, sentences string) error {
	fields, ends := tabular.Fields(raw, t.sep, t.quote)
	if at := t.l.Returned - 1; at >= 0 && at+1 < len(ends) {
		from := 0
		if at > 0 {
			from = ends[at-1]
		}
		raw = raw[:from] + raw[ends[at+1]:]
		fields = slices.Delete(fields, at, at+2)
	}
	n := len(fields)
	for n > t.width && fields[n-1] == "" && raw != "" && raw[len(raw)-1] == t.sep { // separators after the last column
		raw, n = raw[:len(raw)-1], n-1
	}
	if n < t.width {
		raw += strings.Repeat(string(rune(t.sep)), t.width-n)
	}
	t.b = t.append(t.b[:0], raw)
	for _, v := range [...]string{codes, sentences} {
		t.b = t.append(t.b, string(rune(t.sep))+t.field(v))
	}
	t.b = t.append(t.b, t.l.LineEnd)
	_, err := t.w.Write(t.b)
	return err
}

func (t *textGiver) append(b []byte, s string) []byte {
	b, lost := t.l.Encoding.Append(b, s)
	t.given.Lost += lost
	if t.l.Encoding == tabular.UTF8 {
		t.given.Lost += strings.Count(s, "\uFFFD")
	}
	return b
}

// field writes one of our values: in quotes as the file has them, else without what would cut
// it, and in the characters that old encodings have.
func (t *textGiver) field(v string) string {
	if t.l.Encoding == tabular.Latin9 {
		v = strings.NewReplacer("’", "'", "…", "...", "–", "-", "—", "-", "“", `"`, "”", `"`).Replace(v)
	}
	if t.quote == '"' {
		return tabular.Line([]string{v}, t.sep)
	}
	return strings.NewReplacer(string(rune(t.sep)), " ", "\n", " ", "\r", " ").Replace(v)
}

// giveArchive writes a Darwin Core Archive of one table.
func giveArchive(l tabular.Layout, w io.Writer, given *Given) (*giver, error) {
	z := zip.NewWriter(w)
	own, pair := names(l)
	meta, err := z.Create("meta.xml")
	if err == nil {
		_, err = io.WriteString(meta, metaOf(l, own, pair))
	}
	if err != nil {
		return nil, err
	}
	part, err := z.Create("occurrence.txt")
	if err != nil {
		return nil, err
	}
	l.Mark, l.LineEnd, l.Head, l.Above = false, "\n", "", 0
	g, err := giveText(l, part, given)
	if err != nil {
		return nil, err
	}
	g.close = func(bool) error { return z.Close() }
	return g, nil
}

// metaOf describes the table of an archive (Darwin Core text guide).
func metaOf(l tabular.Layout, own []string, pair [2]string) string {
	types := slices.Clone(l.Types)
	if at := l.Returned - 1; at >= 0 && at+2 <= len(types) {
		types = slices.Delete(types, at, at+2)
	}
	var b strings.Builder
	escape := func(s string) string {
		var e strings.Builder
		xml.EscapeText(&e, []byte(s)) // a Builder takes all
		return e.String()
	}
	encoding := map[tabular.Encoding]string{tabular.Windows1252: "windows-1252", tabular.Latin9: "iso-8859-15", tabular.UTF16LE: "utf-16le", tabular.UTF16BE: "utf-16be"}[l.Encoding]
	if encoding == "" {
		encoding = "utf-8"
	}
	fmt.Fprintf(&b, `%s<archive xmlns="http://rs.tdwg.org/dwc/text/">`+"\n"+`<core encoding="%s" fieldsTerminatedBy="%s" linesTerminatedBy="\n" fieldsEnclosedBy="%s" ignoreHeaderLines="1" rowType="%s">`+"\n",
		xml.Header, encoding, escape(strings.ReplaceAll(l.Separator, "\t", `\t`)), escape(l.Quote), escape(l.RowType))
	b.WriteString("<files><location>occurrence.txt</location></files>\n")
	for i, h := range own {
		if i >= len(types) {
			break
		}
		if h == "id" && types[i] == "id" {
			fmt.Fprintf(&b, `<id index="%d"/>`+"\n", i)
		} else if types[i] != "" {
			fmt.Fprintf(&b, `<field index="%d" term="%s"/>`+"\n", i, escape(types[i]))
		}
	}
	for i, name := range pair {
		fmt.Fprintf(&b, `<field index="%d" term="%s"/>`+"\n", len(own)+i, returnedTerm+name)
	}
	b.WriteString("</core>\n</archive>\n")
	return b.String()
}
