package ingest

import (
	"archive/zip"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path"
	"strings"

	"garrigue/internal/fault"
	"garrigue/internal/tabular"
)

// archive is a Darwin Core Archive: a zip with a meta.xml that describes its tables
// (Darwin Core text guide). One of them holds the occurrences: the core, or an extension of
// an event or taxon core, whose rows are then joined with the core's.
type archive struct {
	table metaTable
	core  *metaTable
	entry map[string]string // location in meta.xml → name in the zip
	// joined is the core's table, read once.
	joined *coreTable
}

type metaFile struct {
	XMLName    xml.Name    `xml:"archive"`
	Core       metaTable   `xml:"core"`
	Extensions []metaTable `xml:"extension"`
}

type metaTable struct {
	RowType    string      `xml:"rowType,attr"`
	Encoding   string      `xml:"encoding,attr"`
	Terminated *string     `xml:"fieldsTerminatedBy,attr"`
	Enclosed   *string     `xml:"fieldsEnclosedBy,attr"`
	HeaderSkip int         `xml:"ignoreHeaderLines,attr"`
	Locations  []string    `xml:"files>location"`
	ID         *metaIndex  `xml:"id"`
	CoreID     *metaIndex  `xml:"coreid"`
	Fields     []metaField `xml:"field"`
}

type metaIndex struct {
	Index int `xml:"index,attr"`
}

type metaField struct {
	Index   *int   `xml:"index,attr"`
	Term    string `xml:"term,attr"`
	Default string `xml:"default,attr"`
}

// Limits against an archive that lies: no real meta.xml or core table is larger. A core is
// held in memory while its extension is read.
const (
	maxMeta    = 4 << 20
	maxColumns = 4000
	maxCore    = 256 << 20
)

// openArchive returns nil when the file is no zip or has no meta.xml. Errors: Invalid, with
// a sentence, for an archive without occurrences or badly described.
func openArchive(f *os.File, size int64, name string) (*archive, error) {
	var magic [4]byte
	if _, err := f.ReadAt(magic[:], 0); err != nil || string(magic[:2]) != "PK" {
		return nil, nil // a table, or too short: tabular tells
	}
	z, err := zip.NewReader(f, size)
	if err != nil {
		return nil, nil // damaged: tabular has the sentence
	}
	var meta *zip.File
	for _, e := range z.File {
		if strings.EqualFold(path.Base(e.Name), "meta.xml") && !strings.HasPrefix(e.Name, "__MACOSX") {
			meta = e
			break
		}
	}
	if meta == nil {
		return nil, nil
	}
	m, err := readMeta(meta)
	var other xml.UnmarshalError
	if errors.As(err, &other) {
		return nil, nil // another kind of meta.xml: a spreadsheet's
	}
	if err != nil {
		return nil, fault.Say(fault.Invalid, "ingest.meta", name).Because(err)
	}
	a := &archive{entry: map[string]string{}}
	dir := path.Dir(meta.Name)
	for _, e := range z.File {
		rel := e.Name
		if dir != "." {
			rel = strings.TrimPrefix(rel, dir+"/")
		}
		a.entry[rel] = e.Name
	}
	return a, a.choose(m, name)
}

func readMeta(e *zip.File) (m metaFile, err error) {
	r, err := e.Open()
	if err != nil {
		return m, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxMeta+1))
	if err != nil {
		return m, err
	}
	if len(b) > maxMeta {
		return m, errors.New("meta.xml is too long")
	}
	return m, xml.Unmarshal(b, &m)
}

// choose finds the table of occurrences.
func (a *archive) choose(m metaFile, name string) error {
	switch {
	case m.Core.holds("occurrence", "darwincore", "simpledarwinrecord"):
		a.table = m.Core
	default:
		for i := range m.Extensions {
			if m.Extensions[i].holds("occurrence") {
				a.table = m.Extensions[i]
				core := m.Core
				a.core = &core
				break
			}
		}
	}
	if a.table.RowType == "" {
		key := "ingest.no_occurrence"
		if m.Core.holds("taxon") {
			key = "ingest.checklist"
		}
		return fault.Say(fault.Invalid, key, name)
	}
	for _, t := range []*metaTable{&a.table, a.core} {
		if t == nil {
			continue
		}
		if err := a.check(t, name); err != nil {
			return err
		}
	}
	return nil
}

func (a *archive) check(t *metaTable, name string) error {
	if len(t.Locations) != 1 {
		return fault.Say(fault.Invalid, "ingest.meta_files", name, len(t.Locations))
	}
	loc := strings.TrimSpace(t.Locations[0])
	if a.entry[loc] == "" {
		return fault.Say(fault.Invalid, "ingest.meta_missing", name, loc)
	}
	for _, f := range t.Fields {
		if f.Index != nil && (*f.Index < 0 || *f.Index >= maxColumns) {
			return fault.Say(fault.Invalid, "ingest.meta", name)
		}
	}
	if t.ID != nil && (t.ID.Index < 0 || t.ID.Index >= maxColumns) || t.CoreID != nil && (t.CoreID.Index < 0 || t.CoreID.Index >= maxColumns) {
		return fault.Say(fault.Invalid, "ingest.meta", name)
	}
	return nil
}

func (t *metaTable) holds(types ...string) bool {
	last := strings.ToLower(t.RowType[strings.LastIndexAny(t.RowType, "/#")+1:])
	for _, want := range types {
		if last == want {
			return true
		}
	}
	return false
}

// columns returns the names of the table's columns by place, and the values meta.xml gives
// for every row with their names.
func (t *metaTable) columns() (header, fixedNames, fixed []string) {
	set := func(i int, name string) {
		for len(header) <= i {
			header = append(header, "")
		}
		if header[i] == "" || name != "id" {
			header[i] = name
		}
	}
	if t.ID != nil {
		set(t.ID.Index, "id")
	}
	if t.CoreID != nil {
		set(t.CoreID.Index, "coreid")
	}
	for _, f := range t.Fields {
		term := f.Term[strings.LastIndexAny(f.Term, "/#")+1:]
		switch {
		case f.Index != nil:
			set(*f.Index, term)
		case f.Default != "":
			fixedNames, fixed = append(fixedNames, term), append(fixed, f.Default)
		}
	}
	return header, fixedNames, fixed
}

// options says to the table reader what meta.xml says.
func (a *archive) options(t *metaTable) (tabular.Options, error) {
	o := tabular.Options{NoHeader: true, SkipLines: t.HeaderSkip, Entry: a.entry[strings.TrimSpace(t.Locations[0])], AllowNoRows: true}
	o.Separator = ',' // the defaults of the text guide
	if t.Terminated != nil && *t.Terminated != "" {
		sep := unescape(*t.Terminated)
		if len(sep) != 1 {
			return o, fault.Say(fault.Invalid, "ingest.meta_separator", *t.Terminated)
		}
		o.Separator = sep[0]
	}
	if t.Enclosed != nil {
		switch q := unescape(*t.Enclosed); len(q) {
		case 0:
			o.NoQuote = true
		case 1:
			o.Quote = q[0]
		default:
			return o, fault.Say(fault.Invalid, "ingest.meta_separator", q)
		}
	}
	if enc, ok := tabular.ParseEncoding(t.Encoding); ok {
		o.Encoding = enc
	}
	return o, nil
}

func unescape(s string) string {
	return strings.NewReplacer(`\t`, "\t", `\n`, "\n", `\r`, "\r", `\\`, `\`).Replace(s)
}

// read starts a reading of the table of occurrences.
func (a *archive) read(s *source) (*rows, error) {
	o, err := a.options(&a.table)
	if err != nil {
		return nil, err
	}
	if a.core != nil && a.joined == nil {
		if a.joined, err = a.readCore(s); err != nil {
			return nil, err
		}
	}
	t, err := tabular.Open(s.file, s.size, s.name, o)
	if err != nil {
		return nil, err
	}
	header, fixedNames, fixed := a.table.columns()
	r := &rows{t: t, own: len(header), fixed: fixed}
	if a.joined != nil {
		names := map[string]bool{}
		for _, h := range header {
			names[strings.ToLower(h)] = true
		}
		r.core = a.joined.without(names, a.table.CoreID)
		header = append(header, r.core.header...)
	}
	r.header = distinct(append(header, fixedNames...))
	return r, nil
}

// coreTable is the core of an archive by its identifier.
type coreTable struct {
	header []string
	rows   map[string][]string
	keep   []int // columns the extension lacks
	by     int   // column of the extension that names the core's row
}

func (a *archive) readCore(s *source) (*coreTable, error) {
	o, err := a.options(a.core)
	if err != nil {
		return nil, err
	}
	t, err := tabular.Open(s.file, s.size, s.name, o)
	if err != nil {
		return nil, err
	}
	header, fixedNames, fixed := a.core.columns()
	own := len(header)
	c := &coreTable{header: append(header, fixedNames...), rows: map[string][]string{}}
	id := 0
	if a.core.ID != nil {
		id = a.core.ID.Index
	}
	held := 0
	for {
		row, err := t.Next()
		if err == io.EOF {
			return c, nil
		}
		if err != nil {
			return nil, err
		}
		if held += len(row.Raw); held > maxCore {
			return nil, fault.Say(fault.Invalid, "ingest.core_large", s.name, maxCore>>20)
		}
		if id < len(row.Fields) {
			fields := make([]string, own, own+len(fixed))
			copy(fields, row.Fields)
			c.rows[row.Fields[id]] = append(fields, fixed...)
		}
	}
}

// without returns the join for an extension that has these columns itself.
func (c *coreTable) without(names map[string]bool, coreID *metaIndex) *coreTable {
	out := &coreTable{rows: c.rows}
	if coreID != nil {
		out.by = coreID.Index
	}
	for i, h := range c.header {
		if h != "" && h != "id" && !names[strings.ToLower(h)] {
			out.keep, out.header = append(out.keep, i), append(out.header, h)
		}
	}
	return out
}

func (c *coreTable) join(fields []string) []string {
	var row []string
	if c.by < len(fields) {
		row = c.rows[fields[c.by]]
	}
	for _, i := range c.keep {
		v := ""
		if i < len(row) {
			v = row[i]
		}
		fields = append(fields, v)
	}
	return fields
}
