package ingest

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/tabular"
	"garrigue/internal/taxon"
	"garrigue/internal/vault"
)

// ReferenceOptions says what a reference file does not say itself. The zero value is right
// for most files.
type ReferenceOptions struct {
	AreaKind geo.Kind // of kind areas: what the outlines are
	CRS      geo.CRS  // of kind areas: of a file that names none; WGS84 when zero
	Version  string   // "v18", "2019"; found in the file's name when empty
	Name     string   // the name the reference is known by; the file's when empty
	// Regions are the names of the territories whose regional and departmental statuses are
	// kept; those of Occitanie when empty. Names of the regions and departments loaded as
	// areas are always among them.
	Regions []string
	// Lists is a file that describes the sensitivity lists; looked for beside the rules
	// when empty.
	Lists string
	// Complete says that a TAXREF file is a whole version: what a former whole version had and
	// it has not is withdrawn. The national file is taken for one by its name, columns and size.
	Complete bool
	// LeftOut (may be nil) is told once how many rows of a loaded file were left out on
	// purpose: statuses of other territories, names of taxa no loaded TAXREF has.
	LeftOut func(rows int)
}

// The kinds of references.
const (
	refTaxref      = "taxref"
	refWithdrawn   = "withdrawn"
	refStatuses    = "statuses"
	refSensitivity = "sensitivity"
	refAreas       = "areas"
	refVisioNature = "visionature"
)

// LoadReference reads a file of one kind (taxref, statuses, sensitivity, areas, visionature) into the
// vault, whatever its columns' order, separator, encoding and compression. The shapes it
// knows:
//   - taxref: TAXREF of any version, CDNOM_DISPARUS (stored as withdrawn codes), the zip of a
//     version holding both, lists of French names by CD_NOM;
//   - statuses: BDC-Statuts, extracts with its columns, flat lists of national and regional
//     statuses, a red list;
//   - sensitivity: the national RefSensibilite, the GINCO dump with its file of lists;
//   - areas: GeoJSON outlines;
//   - communes-anciennes: codes of communes that are no more, with today's;
//   - visionature: the species numbers of VisioNature with their CD_NOM.
//
// Loading the same content again changes nothing. Errors: Invalid with a sentence that says
// what was expected and found when the file is of another kind or damaged (nothing is then
// stored), those of the vault.
func LoadReference(ctx context.Context, db *vault.DB, kind, path string, o ReferenceOptions) (_ vault.Reference, err error) {
	defer fault.Wrap(&err, "ingest.LoadReference(%s)", kind)
	l, err := openReference(db, kind, path, o)
	if err != nil {
		return vault.Reference{}, err
	}
	defer l.file.Close()
	switch kind {
	case refAreas:
		return l.areas(ctx)
	case refTaxref, refWithdrawn:
		if l.isZip {
			return l.taxrefZip(ctx)
		}
	case refFormer:
		return l.formerCommunes(ctx)
	case refStatuses, refSensitivity, refVisioNature:
	default:
		return vault.Reference{}, fault.Say(fault.Invalid, "reference.file.kind", kind)
	}
	t, err := l.open("")
	if err != nil {
		return vault.Reference{}, err
	}
	if !refFits(kind, t.shape) {
		return vault.Reference{}, l.wrongKind(t)
	}
	return l.put(ctx, t)
}

// leftOut tells how many rows were left out, when some were.
func (l *refLoader) leftOut(rows int) {
	if rows > 0 && l.o.LeftOut != nil {
		l.o.LeftOut(rows)
	}
}

// refLoader is one file under way.
type refLoader struct {
	db    *vault.DB
	o     ReferenceOptions
	kind  string
	path  string
	name  string
	file  *os.File
	size  int64
	ref   vault.Reference
	isZip bool
	names map[taxon.CdNom]refKnown // what the vault knows, read when first needed
}

func openReference(db *vault.DB, kind, path string, o ReferenceOptions) (_ *refLoader, err error) {
	f, _, err := openRegular(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, fault.Say(fault.NotFound, "reference.file.missing", filepath.Base(path))
	case err != nil:
		return nil, fault.Say(fault.Invalid, "ingest.unreadable", filepath.Base(path)).Because(err)
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	hash := sha256.New()
	size, err := io.Copy(hash, f)
	if err != nil {
		return nil, err
	}
	l := &refLoader{db: db, o: o, kind: kind, path: path, name: filepath.Base(path), file: f, size: size}
	l.ref = vault.Reference{Kind: kind, Name: l.name, Version: o.Version, SHA256: hex.EncodeToString(hash.Sum(nil))}
	if o.Name != "" {
		l.ref.Name = o.Name
	}
	if l.ref.Version == "" {
		l.ref.Version = refVersion(l.name)
	}
	var magic [4]byte
	if _, err := f.ReadAt(magic[:], 0); err != nil && err != io.EOF {
		return nil, err
	}
	l.isZip = magic == [4]byte{'P', 'K', 3, 4}
	return l, nil
}

var (
	versionTaxref = regexp.MustCompile(`(?i)taxref[-_ ]?v?(\d{1,2})(?:\D|$)`)
	versionLetter = regexp.MustCompile(`(?i)(?:^|[^a-z0-9])v(\d{1,2}(?:\.\d+)?)(?:\D|$)`)
	versionNumber = regexp.MustCompile(`(?i)(?:sensibilite|statuts)_(\d{1,2})(?:\D|$)`)
	versionYear   = regexp.MustCompile(`(?:^|\D)((?:19|20)\d\d)(?:\D|$)`)
)

// refVersion finds a version in a file's name: "TAXREFv18.txt" is v18,
// "especes-sensibles-2019.tsv.gz" 2019; "" when there is none.
func refVersion(name string) string {
	for _, re := range []*regexp.Regexp{versionTaxref, versionLetter, versionNumber} {
		if m := re.FindStringSubmatch(name); m != nil {
			return "v" + m[1]
		}
	}
	if m := versionYear.FindStringSubmatch(name); m != nil {
		return m[1]
	}
	return ""
}

// refTable is a delimited file whose columns are recognised.
type refTable struct {
	*tabular.Reader
	name  string
	cols  map[string]int
	shape refShape
	row   tabular.Row
}

// refShape is what a delimited file is, by its columns.
type refShape uint8

const (
	shapeUnknown refShape = iota
	shapeNames
	shapeWithdrawn
	shapeVernaculars
	shapeBDC
	shapeFlat
	shapeRedList
	shapeSensitivity
	shapeLists
	shapeVisioNature
)

func refFits(kind string, s refShape) bool {
	switch kind {
	case refTaxref:
		return s == shapeNames || s == shapeWithdrawn || s == shapeVernaculars
	case refWithdrawn:
		return s == shapeWithdrawn
	case refStatuses:
		return s == shapeBDC || s == shapeFlat || s == shapeRedList
	case refSensitivity:
		return s == shapeSensitivity || s == shapeLists
	case refVisioNature:
		return s == shapeVisioNature
	}
	return false
}

// open reads the header of the file, or of an entry of the zip it is.
func (l *refLoader) open(entry string) (*refTable, error) {
	return openRefTable(l.file, l.size, l.name, entry)
}

func openRefTable(f io.ReaderAt, size int64, name, entry string) (*refTable, error) {
	r, err := tabular.Open(f, size, name, tabular.Options{Entry: entry})
	if err != nil {
		return nil, err
	}
	t := &refTable{Reader: r, name: name, cols: map[string]int{}}
	for i, h := range r.Header() {
		h = refColumn(h)
		if _, twice := t.cols[h]; !twice {
			t.cols[h] = i
		}
	}
	t.shape = t.recognise()
	return t, nil
}

var inParentheses = regexp.MustCompile(`\([^)]*\)`)

// refColumn folds a header so that "CD_NOM", "Cd Nom" and "cd nom (statuts)" are one.
func refColumn(h string) string {
	h = taxon.Fold(inParentheses.ReplaceAllString(h, ""))
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '_' || r == '.' || r == '"' {
			return -1
		}
		return r
	}, h)
}

func (t *refTable) has(columns ...string) bool {
	for _, c := range columns {
		if _, ok := t.cols[c]; !ok {
			return false
		}
	}
	return true
}

func (t *refTable) any(columns ...string) bool {
	for _, c := range columns {
		if t.has(c) {
			return true
		}
	}
	return false
}

func (t *refTable) recognise() refShape {
	switch {
	case t.has("idespecevisionature", "cdnom"):
		return shapeVisioNature
	case t.has("cdnom", "cdnomremplacement") && !t.has("champ"):
		return shapeWithdrawn
	case t.has("cdsl", "fullcitation") && !t.has("cdnom"):
		return shapeLists
	case t.has("cdnom") && t.any("codage", "cdsensibilite"):
		return shapeSensitivity
	case t.has("cdtypestatut") && t.any("cdnom", "cdref"):
		return shapeBDC
	case t.has("cdref", "statut", "nomliste"):
		return shapeRedList
	case t.has("cdref") && t.any("pn", "pr", "lrn", "lrr"):
		return shapeFlat
	case t.has("cdnom", "cdref") && t.any("lbnom", "nomcomplet"):
		return shapeNames
	case t.has("cdnom", "cdref", "nomfrancais"):
		return shapeVernaculars
	}
	return shapeUnknown
}

// next reads the next row; io.EOF at the end.
func (t *refTable) next() (err error) {
	t.row, err = t.Next()
	return err
}

// get returns the first of the columns that the file has and that is not empty in this row.
// What databases write for nothing (\N, NULL) is nothing.
func (t *refTable) get(columns ...string) string {
	for _, c := range columns {
		i, ok := t.cols[c]
		if !ok || i >= len(t.row.Fields) {
			continue
		}
		if v := strings.TrimSpace(t.row.Fields[i]); v != "" && v != `\N` && v != "NULL" {
			return v
		}
	}
	return ""
}

// code returns a positive TAXREF code of a column, 0 when empty.
func (t *refTable) code(columns ...string) (taxon.CdNom, error) {
	v := t.get(columns...)
	if v == "" || v == "NA" {
		return 0, nil
	}
	n, ok := refCode(strings.TrimSuffix(v, ".0"))
	if !ok {
		return 0, t.bad(columns[0], v)
	}
	return taxon.CdNom(n), nil
}

// refCode reads an integer of at most nine digits, negative allowed (codes that
// platforms add).
func refCode(s string) (int, bool) {
	neg := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(s, "-")
	if s == "" || len(s) > 9 {
		return 0, false
	}
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	if neg {
		n = -n
	}
	return n, true
}

// bad is the error of a value that cannot be; it names the line.
func (t *refTable) bad(column, value string) error {
	if r := []rune(value); len(r) > 40 {
		value = string(r[:40]) + "…"
	}
	return fault.Say(fault.Invalid, "reference.file.value", t.name, t.row.Line, strings.ToUpper(column), value)
}

// wrongKind says what was expected and what was found.
func (l *refLoader) wrongKind(t *refTable) error {
	for _, kind := range []string{refTaxref, refStatuses, refSensitivity, refVisioNature} {
		if kind != l.kind && refFits(kind, t.shape) {
			return fault.Say(fault.Invalid, "reference.file.is_"+kind, l.name, kind)
		}
	}
	h := t.Header()
	if len(h) > 6 {
		h = append(append([]string(nil), h[:6]...), "…")
	}
	return fault.Say(fault.Invalid, "reference.file.expected_"+l.kind, l.name, strings.Join(h, ", "))
}

// put stores a table by its shape.
func (l *refLoader) put(ctx context.Context, t *refTable) (vault.Reference, error) {
	switch t.shape {
	case shapeWithdrawn:
		l.ref.Kind = refWithdrawn
		return l.db.PutWithdrawn(ctx, l.ref, withdrawnCodes(t))
	case shapeNames:
		l.ref.Kind = refTaxref
		if l.complete(t) {
			return l.db.PutTaxref(ctx, l.ref, l.taxrefNames(ctx, t))
		}
		return l.db.PutNames(ctx, l.ref, l.taxrefNames(ctx, t))
	case shapeVernaculars:
		l.ref.Kind = refTaxref
		return l.db.PutNames(ctx, l.ref, l.vernacularNames(ctx, t))
	case shapeLists:
		return l.putLists(ctx, t)
	case shapeVisioNature:
		return l.db.PutCodes(ctx, l.ref, vault.VisioNature, visioNatureCodes(t))
	case shapeSensitivity:
		return l.putSensitivity(ctx, t)
	}
	return l.putStatuses(ctx, t)
}

var (
	taxrefEntry = regexp.MustCompile(`(?i)(?:^|/)taxref(?:[-_ ]?v?\d+(?:[._]\d+)?(?:_[a-z0-9]+)?)?\.(?:txt|csv|tsv)$`)
	goneEntry   = regexp.MustCompile(`(?i)(?:^|/)cdnom_?disparus[^/]*\.(?:txt|csv|tsv)$`)
)

// taxrefEntries finds the names and the withdrawn codes in the archive of a version, "" for
// what is not there.
func taxrefEntries(z *zip.Reader) (names, gone string) {
	for _, f := range z.File {
		switch {
		case taxrefEntry.MatchString(f.Name) && names == "":
			names = f.Name
		case goneEntry.MatchString(f.Name):
			gone = f.Name
		}
	}
	return names, gone
}

// taxrefZip loads what INPN puts in the archive of a version: the names and the withdrawn
// codes. Other files there (links, statuses of territories, notes) are not read.
func (l *refLoader) taxrefZip(ctx context.Context) (vault.Reference, error) {
	z, err := zip.NewReader(l.file, l.size)
	if err != nil {
		return vault.Reference{}, fault.Say(fault.Invalid, "reference.file.zip", l.name).Because(err)
	}
	names, gone := taxrefEntries(z)
	if names == "" && gone == "" { // a single table, under any name
		t, err := l.open("")
		if err != nil {
			return vault.Reference{}, err
		}
		if !refFits(l.kind, t.shape) {
			return vault.Reference{}, l.wrongKind(t)
		}
		return l.put(ctx, t)
	}
	var ref vault.Reference
	for _, entry := range []string{gone, names} { // the answer is the names' when there are some
		if entry == "" {
			continue
		}
		t, err := l.open(entry)
		if err != nil {
			return vault.Reference{}, err
		}
		if !refFits(l.kind, t.shape) {
			return vault.Reference{}, l.wrongKind(t)
		}
		if v := refVersion(filepath.Base(entry)); l.ref.Version == "" {
			l.ref.Version = v
		}
		if ref, err = l.put(ctx, t); err != nil {
			return vault.Reference{}, err
		}
	}
	return ref, nil
}

// refRows yields what each row gives: f says whether it gives something.
func refRows[T any](t *refTable, f func() (T, bool, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		for {
			err := t.next()
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(none, err)
				return
			}
			v, ok, err := f()
			if err != nil {
				yield(none, err)
				return
			}
			if ok && !yield(v, nil) {
				return
			}
		}
	}
}

// refKnown is what the vault holds of a name already.
type refKnown struct {
	ref        taxon.CdRef
	scientific string // folded
	vernacular bool
}

// vaultNames reads the names the vault holds, once.
func (l *refLoader) vaultNames(ctx context.Context) (map[taxon.CdNom]refKnown, error) {
	if l.names != nil {
		return l.names, nil
	}
	names := map[taxon.CdNom]refKnown{}
	for n, err := range l.db.Names(ctx) {
		if err != nil {
			return nil, err
		}
		names[n.CdNom] = refKnown{n.CdRef, taxon.Fold(n.ScientificName), n.Vernacular != ""}
	}
	l.names = names
	return names, nil
}

// firstByte returns the first byte that is no space of a text, past a byte order mark.
func firstByte(head []byte) byte {
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\ufeff")), " \t\r\n")
	if len(head) == 0 {
		return 0
	}
	return head[0]
}
