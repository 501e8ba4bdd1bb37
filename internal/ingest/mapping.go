package ingest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/tabular"
	"garrigue/internal/taxon"
)

// Mapping is what a person says of the files of a producer: which column tells which
// attribute, what holds for every row, how values are written. It is a TOML file people read
// and edit. Attributes bear the names shown in reports, those of the standard where it has one.
type Mapping struct {
	Format     string `toml:"format"`     // base format for the columns not named here, "" for none
	Table      string `toml:"table"`      // sheet, layer or entry
	HeaderRow  int    `toml:"header_row"` // line of the names of columns in a text, from 1
	Encoding   string `toml:"encoding"`
	Separator  string `toml:"separator"`
	Projection string `toml:"projection"`
	DateOrder  string `toml:"date_order"` // DMY or MDY, where figures alone do not tell
	Decimal    string `toml:"decimal"`    // "," or "."
	// Key are the columns that together tell a row from any other, when none does alone.
	Key       []string           `toml:"key"`
	Ignored   []string           `toml:"ignored"`
	Columns   map[string]string  `toml:"columns"`   // column → attribute
	Fixed     map[string]scalar  `toml:"fixed"`     // attribute → value of every row
	Combined  map[string]string  `toml:"combined"`  // attribute → "{column} {column}"
	Extracted map[string]Extract `toml:"extracted"` // attribute → part of a column
	Split     *Split             `toml:"split"`
	// Skip names, by column, the values of rows that are no observation: counted, not read.
	Skip   map[string][]string          `toml:"skip"`
	Values map[string]map[string]scalar `toml:"values"` // attribute → written → code

	name  string // of the file it was read from, for sentences
	lines []string
	order []string // columns in the order of a file, for writing
	// unmatched are the values of a file no list has, written as comments for a person to settle.
	unmatched map[string][]UnknownValue
}

// Extract takes a part of a column: what the pattern's groups catch, written as As.
type Extract struct {
	Column  string `toml:"column"`
	Pattern string `toml:"pattern"`
	As      string `toml:"as"` // "$1" when empty
}

// Split makes several rows of one whose column is a list: each match of the pattern is a row,
// its groups in turn the attributes. A row without a match gives none and is refused for want
// of a taxon.
type Split struct {
	Column     string   `toml:"column"`
	Pattern    string   `toml:"pattern"`
	Attributes []string `toml:"attributes"`
}

// scalar is a value a person may write with or without quotes: 60630, "60630", 2024-05-01.
type scalar string

// UnmarshalTOML implements toml.Unmarshaler.
func (s *scalar) UnmarshalTOML(v any) error {
	switch v := v.(type) {
	case string:
		*s = scalar(v)
	case int64:
		*s = scalar(strconv.FormatInt(v, 10))
	case float64:
		*s = scalar(strconv.FormatFloat(v, 'f', -1, 64))
	case bool:
		*s = scalar(strconv.FormatBool(v))
	case time.Time:
		*s = scalar(v.Format("2006-01-02"))
	default:
		return errors.New("a text or a number is expected")
	}
	return nil
}

// maxMapping is more than any mapping a person writes.
const maxMapping = 1 << 20

// ReadMapping reads a mapping file. Errors: NotFound; Invalid, naming the line and the key.
func ReadMapping(path string) (*Mapping, error) {
	name := filepath.Base(path)
	st, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fault.Say(fault.NotFound, "mapping.none", name).Because(err)
	}
	if err != nil || !st.Mode().IsRegular() || st.Size() > maxMapping {
		return nil, fault.Say(fault.Invalid, "mapping.unreadable", name).Because(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.Say(fault.Invalid, "mapping.unreadable", name).Because(err)
	}
	return ParseMapping(name, b)
}

// ParseMapping reads the text of a mapping; name is for sentences.
func ParseMapping(name string, b []byte) (*Mapping, error) {
	m := &Mapping{name: name, lines: strings.Split(string(b), "\n")}
	md, err := toml.Decode(string(b), m)
	if err != nil {
		var pe toml.ParseError
		if errors.As(err, &pe) {
			return nil, fault.Say(fault.Invalid, "mapping.syntax", name, pe.Position.Line, pe.Message)
		}
		return nil, fault.Say(fault.Invalid, "mapping.syntax", name, 0, err.Error())
	}
	if extra := md.Undecoded(); len(extra) > 0 {
		key := extra[0]
		return nil, fault.Say(fault.Invalid, "mapping.key", name, m.line(key[0], key[len(key)-1]), key.String())
	}
	return m, m.check()
}

// line returns the number of the line where a key of a section stands, 0 when it is not
// found. It only helps a person to find it.
func (m *Mapping) line(section, key string) int {
	at := 0
	inside := section == key
	for i, l := range m.lines {
		l = strings.TrimSpace(l)
		if strings.HasPrefix(l, "[") {
			inside = strings.HasPrefix(strings.Trim(l, "[] "), section)
			if inside && (strings.Contains(l, "."+key) || strings.Contains(l, `"`+key+`"`)) {
				return i + 1
			}
			continue
		}
		if !inside {
			continue
		}
		if k, _, ok := strings.Cut(l, "="); ok && strings.Trim(strings.TrimSpace(k), `"'`) == key {
			return i + 1
		}
		if at == 0 && strings.Contains(l, key) {
			at = i + 1
		}
	}
	return at
}

func (m *Mapping) bad(section, key, value string) error {
	return fault.Say(fault.Invalid, "mapping.value", m.name, m.line(section, key), key, value)
}

// check refuses what no file could satisfy.
func (m *Mapping) check() error {
	if m.Format != "" && named(m.Format) == nil {
		return m.bad("format", "format", m.Format)
	}
	if m.Projection != "" {
		if _, ok := parseCRS(m.Projection); !ok {
			return m.bad("projection", "projection", m.Projection)
		}
	}
	if _, ok := tabular.ParseEncoding(m.Encoding); !ok {
		return m.bad("encoding", "encoding", m.Encoding)
	}
	if len(m.Separator) > 1 {
		return m.bad("separator", "separator", m.Separator)
	}
	if m.HeaderRow < 0 || m.HeaderRow > 1000 {
		return m.bad("header_row", "header_row", itoa(m.HeaderRow))
	}
	if d := strings.ToUpper(m.DateOrder); d != "" && d != "DMY" && d != "MDY" {
		return m.bad("date_order", "date_order", m.DateOrder)
	}
	if m.Decimal != "" && m.Decimal != "," && m.Decimal != "." {
		return m.bad("decimal", "decimal", m.Decimal)
	}
	if _, err := m.fed(); err != nil {
		return err
	}
	for a, e := range m.Extracted {
		if _, err := regexp.Compile(e.Pattern); err != nil || e.Pattern == "" {
			return m.bad("extracted", a, e.Pattern)
		}
	}
	if s := m.Split; s != nil {
		re, err := regexp.Compile(s.Pattern)
		if err != nil || s.Pattern == "" || len(s.Attributes) == 0 || re.NumSubexp() != len(s.Attributes) {
			return m.bad("split", "pattern", s.Pattern)
		}
	}
	return m.checkValues()
}

// fed returns what feeds each attribute, and refuses one that is unknown or fed twice.
func (m *Mapping) fed() (map[field]string, error) {
	by := map[field]string{}
	feed := func(section, key, attribute, what string) error {
		f, ok := fieldOf(attribute)
		if !ok {
			return fault.Say(fault.Invalid, "mapping.attribute", m.name, m.line(section, key), attribute, orNone(nearestNames(attribute, attributeNames(), 3)))
		}
		if other, twice := by[f]; twice {
			return fault.Say(fault.Invalid, "mapping.twice", m.name, m.line(section, key), f.String(), other, what)
		}
		by[f] = what
		return nil
	}
	for _, c := range sortedKeys(m.Columns) {
		if err := feed("columns", c, m.Columns[c], c); err != nil {
			return nil, err
		}
	}
	for _, a := range sortedKeys(m.Fixed) {
		if err := feed("fixed", a, a, "fixed"); err != nil {
			return nil, err
		}
	}
	for _, a := range sortedKeys(m.Combined) {
		if err := feed("combined", a, a, "combined"); err != nil {
			return nil, err
		}
	}
	for _, a := range sortedKeys(m.Extracted) {
		if err := feed("extracted", a, a, "extracted"); err != nil {
			return nil, err
		}
	}
	if len(m.Key) > 0 {
		if err := feed("key", "key", fOrigin.String(), "key"); err != nil {
			return nil, err
		}
	}
	if m.Split != nil {
		for _, a := range m.Split.Attributes {
			if err := feed("split", "attributes", a, "split"); err != nil {
				return nil, err
			}
		}
	}
	return by, nil
}

// checkValues refuses a value given for an attribute whose list has no such code.
func (m *Mapping) checkValues() error {
	if len(m.Values) == 0 && len(m.Fixed) == 0 {
		return nil
	}
	all, err := readCodelists()
	if err != nil {
		return err
	}
	l := newLists(all)
	one := func(section, attribute, key, code string) error {
		f, ok := fieldOf(attribute)
		if !ok {
			return fault.Say(fault.Invalid, "mapping.attribute", m.name, m.line("values", attribute), attribute, orNone(nearestNames(attribute, attributeNames(), 3)))
		}
		list := l.of(f)
		if list == nil || code == "" {
			return nil
		}
		if _, ok := list.code(code); !ok {
			return fault.Say(fault.Invalid, "mapping.code", m.name, m.line(section, key), code, f.String(), orNone(list.nearest(code, 4)))
		}
		return nil
	}
	for _, a := range sortedKeys(m.Fixed) {
		if err := one("fixed", a, a, string(m.Fixed[a])); err != nil {
			return err
		}
	}
	for _, a := range sortedKeys(m.Values) {
		for _, w := range sortedKeys(m.Values[a]) {
			if err := one("values", a, w, string(m.Values[a][w])); err != nil {
				return err
			}
		}
	}
	return nil
}

// fieldOf returns the field of an attribute's name, whatever its case and accents.
func fieldOf(name string) (field, bool) {
	k := columnKey(name)
	if k == "" {
		return 0, false
	}
	for f := range nFields {
		if columnKey(f.String()) == k {
			return f, true
		}
	}
	for _, fm := range formats()[:2] { // the other names of the standard
		for f, names := range fm.columns {
			for _, n := range names {
				if columnKey(n) == k {
					return f, true
				}
			}
		}
	}
	return 0, false
}

// attributeNames lists the names of the attributes a mapping may feed.
func attributeNames() []string {
	out := make([]string, 0, nFields)
	for f := range nFields {
		out = append(out, f.String())
	}
	return out
}

// Setting is one attribute=value of the command line.
type Setting struct{ Attribute, Value string }

// ParseSettings reads attribute=value pairs. Errors: Invalid.
func ParseSettings(pairs []string) ([]Setting, error) {
	m := Mapping{name: "--set", Fixed: map[string]scalar{}}
	var out []Setting
	for _, p := range pairs {
		a, v, ok := strings.Cut(p, "=")
		a, v = strings.TrimSpace(a), strings.TrimSpace(v)
		if !ok || v == "" {
			return nil, fault.Say(fault.Invalid, "mapping.set", p)
		}
		f, known := fieldOf(a)
		if !known {
			return nil, fault.Say(fault.Invalid, "mapping.set_unknown", a, orNone(nearestNames(a, attributeNames(), 3)))
		}
		m.Fixed[f.String()] = scalar(v)
		out = append(out, Setting{f.String(), v})
	}
	return out, m.checkValues()
}

// Tell adds values for every row; a column that told one of their attributes no longer does.
func (m *Mapping) Tell(set []Setting) {
	for _, s := range set {
		f, ok := fieldOf(s.Attribute)
		if !ok {
			continue
		}
		for c, a := range m.Columns {
			if other, _ := fieldOf(a); other == f {
				delete(m.Columns, c)
			}
		}
		delete(m.Combined, f.String())
		delete(m.Extracted, f.String())
		if m.Fixed == nil {
			m.Fixed = map[string]scalar{}
		}
		m.Fixed[f.String()] = scalar(s.Value)
	}
}

// wishes is a mapping met with the header of a file: what the plan is made from.
type wishes struct {
	columns map[int16]field
	ignored map[int16]bool
	fixed   [nFields]string
	values  [nFields]*translation
	order   *dateOrder
	crs     geo.CRS
	derive  *deriver
}

// translation turns what a producer writes for an attribute into what the attribute takes.
type translation struct {
	table map[string]string // by taxon.Fold of what is written
	drop  byte              // separator of thousands to take away
}

func newTranslation(table map[string]string) *translation {
	t := &translation{table: make(map[string]string, len(table))}
	for from, to := range table {
		t.table[taxon.Fold(from)] = to
	}
	return t
}

func (t *translation) of(v string) string {
	if to, ok := t.table[taxon.Fold(v)]; ok {
		return to
	}
	if t.drop != 0 {
		v = strings.ReplaceAll(v, string(t.drop), "")
	}
	return v
}

// meet checks a mapping against the header of a file. Errors: Invalid, naming the column the
// file has not.
func (m *Mapping) meet(header []string, file string) (*wishes, error) {
	w := &wishes{columns: map[int16]field{}, ignored: map[int16]bool{}}
	at := func(section, name string) (int16, error) {
		if c, ok := columnAt(header, name); ok {
			return c, nil
		}
		return 0, fault.Say(fault.Invalid, "mapping.column", m.name, m.line(section, name), name, file, orNone(nearestNames(name, header, 3)))
	}
	for _, name := range sortedKeys(m.Columns) {
		c, err := at("columns", name)
		if err != nil {
			return nil, err
		}
		w.columns[c], _ = fieldOf(m.Columns[name])
	}
	for _, name := range m.Ignored { // a column to pass over may well be away
		if c, ok := columnAt(header, name); ok {
			w.ignored[c] = true
		}
	}
	for a, v := range m.Fixed {
		f, _ := fieldOf(a)
		w.fixed[f] = string(v)
	}
	for a, table := range m.Values {
		f, _ := fieldOf(a)
		plain := make(map[string]string, len(table))
		for from, to := range table {
			plain[from] = string(to)
		}
		w.values[f] = newTranslation(plain)
	}
	if m.Decimal != "" {
		w.separators(m.Decimal)
	}
	switch strings.ToUpper(m.DateOrder) {
	case "DMY":
		w.order = ptr(dayFirst)
	case "MDY":
		w.order = ptr(monthFirst)
	}
	w.crs, _ = parseCRS(m.Projection)
	var err error
	w.derive, err = m.deriver(header, at)
	return w, err
}

// separators has the separator of thousands taken away from numbers.
func (w *wishes) separators(decimal string) {
	drop := byte(',')
	if decimal == "," {
		drop = '.'
	}
	for _, f := range [...]field{fLon, fLat, fX, fY, fAltMin, fAltMax, fAltitude, fDepthMin, fDepthMax, fUncertainty, fCount, fCountMin, fCountMax} {
		if w.values[f] == nil {
			w.values[f] = &translation{}
		}
		w.values[f].drop = drop
	}
}

func ptr[T any](v T) *T { return &v }

// columnAt finds a column by its name, exactly or else folded.
func columnAt(header []string, name string) (int16, bool) {
	if i := slices.Index(header, name); i >= 0 {
		return int16(i), true
	}
	k := columnKey(name)
	for i, h := range header {
		if k != "" && columnKey(h) == k {
			return int16(i), true
		}
	}
	return 0, false
}

// deriver makes values that no column holds alone: one of a list, combined, extracted. It
// appends them to each row, which a list turns into several.
type deriver struct {
	own   int            // columns of the file
	split *regexp.Regexp // of the column from, in parts values
	from  int16
	parts int
	steps []deriveStep
	key   int // the step that makes the key of the row, -1 for none
	skip  map[int16][]string
	names []string
	into  []field
}

type deriveStep struct {
	literal []string // literal[0] column[0] literal[1] … : one more literal than columns
	column  []int16
	pattern *regexp.Regexp
	as      string
}

func (m *Mapping) deriver(header []string, at func(section, name string) (int16, error)) (*deriver, error) {
	d := &deriver{own: len(header), key: -1}
	name := func(attribute, header string) {
		f, _ := fieldOf(attribute)
		d.names, d.into = append(d.names, header), append(d.into, f)
	}
	if s := m.Split; s != nil {
		c, err := at("split", s.Column)
		if err != nil {
			return nil, err
		}
		d.split, d.from, d.parts = regexp.MustCompile(s.Pattern), c, len(s.Attributes)
		for _, a := range s.Attributes {
			name(a, s.Column)
		}
	}
	if len(m.Key) > 0 {
		s := deriveStep{literal: []string{""}}
		for i, k := range m.Key {
			c, err := at("key", k)
			if err != nil {
				return nil, err
			}
			if i > 0 {
				s.literal[i] = "|"
			}
			s.column, s.literal = append(s.column, c), append(s.literal, "")
		}
		d.key = len(d.steps)
		d.steps = append(d.steps, s)
		name(fOrigin.String(), strings.Join(m.Key, ", "))
	}
	for _, a := range sortedKeys(m.Combined) {
		s, err := parseTemplate(m.Combined[a], func(name string) (int16, error) { return at("combined", name) })
		if err != nil {
			return nil, err
		}
		d.steps = append(d.steps, s)
		name(a, m.Combined[a])
	}
	for _, a := range sortedKeys(m.Extracted) {
		e := m.Extracted[a]
		c, err := at("extracted", e.Column)
		if err != nil {
			return nil, err
		}
		as := e.As
		if as == "" {
			as = "$1"
		}
		d.steps = append(d.steps, deriveStep{column: []int16{c}, pattern: regexp.MustCompile(e.Pattern), as: as})
		name(a, e.Column)
	}
	for _, column := range sortedKeys(m.Skip) {
		c, err := at("skip", column)
		if err != nil {
			return nil, err
		}
		if d.skip == nil {
			d.skip = map[int16][]string{}
		}
		d.skip[c] = m.Skip[column]
	}
	if len(d.names)+len(d.skip) == 0 {
		return nil, nil
	}
	return d, nil
}

// parseTemplate reads "{genre} {espèce}".
func parseTemplate(t string, at func(string) (int16, error)) (s deriveStep, err error) {
	for {
		i := strings.IndexByte(t, '{')
		j := strings.IndexByte(t, '}')
		if i < 0 || j < i {
			s.literal = append(s.literal, t)
			return s, nil
		}
		c, err := at(t[i+1 : j])
		if err != nil {
			return s, err
		}
		s.literal, s.column = append(s.literal, t[:i]), append(s.column, c)
		t = t[j+1:]
	}
}

func (s *deriveStep) value(fields []string) string {
	if s.pattern != nil {
		v := fields[s.column[0]]
		at := s.pattern.FindStringSubmatchIndex(v)
		if at == nil {
			return ""
		}
		return string(s.pattern.ExpandString(nil, s.as, v, at))
	}
	var b strings.Builder
	some := false
	for i, c := range s.column {
		b.WriteString(s.literal[i])
		if v := clean(fields[c]); v != "" {
			some = true
			b.WriteString(v)
		}
	}
	if !some {
		return ""
	}
	b.WriteString(s.literal[len(s.column)])
	return strings.Join(strings.Fields(b.String()), " ")
}

// content is how many columns of a row make its content: the file's own, and the item of a
// list. What is derived from them adds nothing, and a mapping edited must not make other rows.
func (d *deriver) content() int { return d.own + d.parts }

// skips reports whether a row is said to be no observation.
func (d *deriver) skips(row tabular.Row) bool {
	for c, values := range d.skip {
		if int(c) < len(row.Fields) && slices.Contains(values, clean(row.Fields[c])) {
			return true
		}
	}
	return false
}

// rows returns what a row of the file becomes: itself with the derived values, several when a
// column is split. A row of the wrong length is left as it is, and told.
func (d *deriver) rows(row tabular.Row) []tabular.Row {
	n := len(row.Fields)
	for ; n > d.own && strings.TrimSpace(row.Fields[n-1]) == ""; n-- {
	}
	if row.Damaged || n != d.own {
		row.Fields = row.Fields[:n]
		if n > d.own { // still too long once the derived columns are counted
			row.Fields = slices.Concat(row.Fields, slices.Repeat([]string{"·"}, len(d.names)))
		}
		return []tabular.Row{row}
	}
	own := row.Fields[:n]
	made := make([]string, len(d.steps))
	for i := range d.steps {
		made[i] = d.steps[i].value(own)
	}
	if d.split == nil {
		row.Fields = slices.Concat(own, made)
		return []tabular.Row{row}
	}
	found := d.split.FindAllStringSubmatch(own[d.from], -1)
	if len(found) == 0 {
		found = [][]string{make([]string, d.parts+1)}
	}
	out := make([]tabular.Row, len(found))
	for i, f := range found {
		mine := made
		if d.key >= 0 {
			mine = slices.Clone(made)
			mine[d.key] += "|" + strings.Join(f[1:], "|")
		}
		out[i] = row
		out[i].Fields = slices.Concat(own, f[1:], mine)
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// Text writes the mapping as TOML. comment gives the sentence of a key of the catalogues, nil
// for a text without comments; notes are comments of columns, by their names.
func (m *Mapping) Text(comment func(key string, args ...any) string, notes map[string]string) []byte {
	w := mappingWriter{comment: comment, notes: notes}
	w.say("mapping.about")
	w.key("mapping.format", "format", m.Format)
	w.key("mapping.table", "table", m.Table)
	w.key("mapping.projection", "projection", m.Projection)
	w.key("mapping.date_order", "date_order", m.DateOrder)
	w.key("mapping.decimal", "decimal", m.Decimal)
	w.key("", "encoding", m.Encoding)
	w.key("", "separator", m.Separator)
	if m.HeaderRow > 0 {
		fmt.Fprintf(&w.b, "header_row = %d\n", m.HeaderRow)
	}
	w.list("mapping.key_columns", "key", m.Key)
	w.list("mapping.ignored", "ignored", m.Ignored)
	w.table("columns", m.Columns, m.order)
	fixed := map[string]string{}
	for a, v := range m.Fixed {
		fixed[a] = string(v)
	}
	w.table("fixed", fixed, nil)
	w.table("combined", m.Combined, nil)
	for _, a := range sortedKeys(m.Extracted) {
		e := m.Extracted[a]
		fmt.Fprintf(&w.b, "\n[extracted.%s]\ncolumn = %s\npattern = %s\n", tomlKey(a), tomlText(e.Column), tomlText(e.Pattern))
		if e.As != "" {
			fmt.Fprintf(&w.b, "as = %s\n", tomlText(e.As))
		}
	}
	if s := m.Split; s != nil {
		fmt.Fprintf(&w.b, "\n[split]\ncolumn = %s\npattern = %s\n", tomlText(s.Column), tomlText(s.Pattern))
		w.list("", "attributes", s.Attributes)
	}
	if len(m.Skip) > 0 {
		w.b.WriteString("\n[skip]\n")
		for _, c := range sortedKeys(m.Skip) {
			w.list("", tomlKey(c), m.Skip[c])
		}
	}
	w.values(m)
	return []byte(w.b.String())
}

// values writes what is known of values, and in a commented text those to be settled with the
// codes they look like.
func (w *mappingWriter) values(m *Mapping) {
	attributes := sortedKeys(m.Values)
	if w.comment != nil {
		attributes = append(attributes, sortedKeys(m.unmatched)...)
		slices.Sort(attributes)
		attributes = slices.Compact(attributes)
	}
	const few = 50
	for _, a := range attributes {
		w.b.WriteString("\n")
		if w.comment != nil && len(m.unmatched[a]) > 0 {
			w.say("mapping.values")
		}
		fmt.Fprintf(&w.b, "[values.%s]\n", tomlKey(a))
		for _, v := range sortedKeys(m.Values[a]) {
			fmt.Fprintf(&w.b, "%s = %s\n", tomlKey(v), tomlText(string(m.Values[a][v])))
		}
		if w.comment == nil {
			continue
		}
		for _, v := range m.unmatched[a][:min(few, len(m.unmatched[a]))] {
			near := ""
			if len(v.Nearest) > 0 {
				near = " ; " + strings.Join(v.Nearest, ", ")
			}
			fmt.Fprintf(&w.b, "# %s = \"\"  # %d%s\n", tomlKey(v.Written), v.Rows, near)
		}
	}
}

type mappingWriter struct {
	b       strings.Builder
	comment func(key string, args ...any) string
	notes   map[string]string
}

func (w *mappingWriter) say(key string) {
	if w.comment == nil || key == "" {
		return
	}
	for l := range strings.SplitSeq(w.comment(key), "\n") {
		fmt.Fprintf(&w.b, "# %s\n", l)
	}
}

// key writes a key; in a commented text one without a value is left for who needs it.
func (w *mappingWriter) key(about, name, value string) {
	if value == "" && (w.comment == nil || about == "") {
		return
	}
	w.say(about)
	if value == "" {
		w.b.WriteString("# ")
	}
	fmt.Fprintf(&w.b, "%s = %s\n", name, tomlText(value))
}

func (w *mappingWriter) list(about, name string, values []string) {
	if len(values) == 0 {
		return
	}
	w.say(about)
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = tomlText(v)
	}
	fmt.Fprintf(&w.b, "%s = [%s]\n", name, strings.Join(quoted, ", "))
}

func (w *mappingWriter) table(name string, rows map[string]string, order []string) {
	if len(rows) == 0 && len(order) == 0 {
		return
	}
	w.b.WriteString("\n")
	w.say("mapping." + name)
	fmt.Fprintf(&w.b, "[%s]\n", name)
	if order == nil {
		order = sortedKeys(rows)
	}
	for _, k := range order {
		note := w.notes[k]
		if note != "" {
			note = "  # " + strings.ReplaceAll(note, "\n", " ")
		}
		if v, ok := rows[k]; ok {
			fmt.Fprintf(&w.b, "%s = %s%s\n", tomlKey(k), tomlText(v), note)
		} else if w.comment != nil {
			fmt.Fprintf(&w.b, "# %s = \"\"%s\n", tomlKey(k), note)
		}
	}
}

var bareKey = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func tomlKey(k string) string {
	if bareKey.MatchString(k) {
		return k
	}
	return tomlText(k)
}

// tomlText writes a TOML string: literal when it holds backslashes, as patterns do.
func tomlText(s string) string {
	plain := !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f })
	if plain && strings.ContainsAny(s, `\"`) && !strings.Contains(s, "'") {
		return "'" + s + "'"
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
