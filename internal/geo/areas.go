package geo

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"strings"

	"github.com/paulmach/orb"

	"garrigue/internal/fault"
)

// ReadOptions says what a file of outlines does not say itself. The zero value recognises
// the usual property names.
type ReadOptions struct {
	// CRS of the coordinates when the file names none; WGS84 when zero.
	CRS CRS
	// Code, Name and Parent are the properties that bear the code, the name and the code of
	// the area above; empty to recognise them.
	Code, Name, Parent string
	// Above is the area that holds them all, when features do not tell (the region).
	Above AreaKey
}

// Property names as IGN (Admin Express), INSEE, data.gouv.fr and GeoNature write them,
// folded by foldName; the first one present wins.
var (
	nameProperties = []string{"nom", "name", "nomofficiel", "libgeo", "libelle", "label", "areaname",
		"nomcom", "nomcommune", "nomdep", "nomdept", "nomdepartement", "nomreg", "nomregion"}
	codeProperties = map[Kind][]string{
		Commune:     {"insee", "codeinsee", "inseecom", "codeinseecommune", "codecommune", "codecom", "codgeo", "com", "areacode", "code"},
		Department:  {"inseedep", "codedept", "codedep", "codedepartement", "codeinsee", "dep", "areacode", "code", "insee"},
		NaturalArea: {"codeen", "idmnhn", "idlocal", "sitecode", "codezone", "areacode", "code"},
		WaterBody:   {"codeme", "cdeumassde", "cdmassede", "cdmassedea", "eucd", "areacode", "code"},
		Region:      {"inseereg", "codereg", "coderegion", "codeinsee", "reg", "areacode", "code", "insee"},
	}
	cellProperties   = []string{"cdsig", "codemaille", "codesig", "areacode", "code"}
	parentProperties = map[Kind][]string{
		Commune:    {"dep", "codedept", "inseedep", "codedep", "codedepartement", "codeinseedudepartement", "departement"},
		Department: {"reg", "codereg", "inseereg", "coderegion", "codeinseedelaregion", "region"},
	}
)

type feature struct {
	Type       string
	Geometry   json.RawMessage
	Properties map[string]json.RawMessage
}

// ReadAreas reads the outlines of areas of one kind from a GeoJSON FeatureCollection, one
// feature at a time: memory holds the features' codes and one outline. Outlines are checked
// (Validate), turned as RFC 7946 asks, in WGS84, and measured. A commune whose department is
// not told gets it from its INSEE code.
//
// It stops at the first error, which names the feature. Errors: Invalid when the text is not
// such a collection, holds no feature, or a feature lacks its code, has an outline that is
// not a sound polygon, or bears a code already read.
func ReadAreas(r io.Reader, kind Kind, o ReadOptions) iter.Seq2[Area, error] {
	return func(yield func(Area, error) bool) {
		seen := map[AreaKey]int{}
		n := 0
		err := eachFeature(r, func(f *feature, crs CRS) (bool, error) {
			n++
			if crs == 0 {
				crs = o.CRS
			}
			a, err := f.area(n, kind, o, crs)
			if err != nil {
				return false, err
			}
			if first, twice := seen[a.Key]; twice {
				return false, invalid("geo.area.twice", a.Key.Code(), first, n)
			}
			seen[a.Key] = n
			return yield(a, nil), nil
		})
		if err == nil && n == 0 {
			err = invalid("geo.area.none")
		}
		if err != nil {
			yield(Area{}, err)
		}
	}
}

// maxFeature is the longest text of one feature, or of any other member, in bytes: the finest
// outline of a French region published by IGN takes about 10 MB.
const maxFeature = 64 << 20

// bounded refuses to read on past left: the JSON decoder holds a whole value, and would hold
// all of a file that is none.
type bounded struct {
	r    io.Reader
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, invalid("geo.area.long", maxFeature>>20)
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// eachFeature walks a collection without holding it; f returns false to stop.
func eachFeature(r io.Reader, f func(*feature, CRS) (bool, error)) error {
	part := &bounded{r: r, left: maxFeature}
	text := bufio.NewReader(part)
	if mark, _ := text.Peek(3); string(mark) == "\ufeff" { // some software writes one, though JSON has none
		text.Discard(3)
	}
	d := json.NewDecoder(text)
	notOne := func(err error) error {
		var told *fault.Error
		if errors.As(err, &told) {
			return told
		}
		return invalid("geo.area.file").Because(err)
	}
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return notOne(err)
	}
	crs, found := CRS(0), false
	for d.More() {
		part.left = maxFeature
		t, err := d.Token()
		if err != nil {
			return notOne(err)
		}
		switch t {
		case "crs":
			var c *jsonCRS
			if err := d.Decode(&c); err != nil {
				return notOne(err)
			}
			if c != nil {
				if crs, err = c.code(); err != nil {
					return err
				}
			}
		case "features":
			found = true
			if t, err := d.Token(); err != nil || t != json.Delim('[') {
				return notOne(err)
			}
			for d.More() {
				part.left = maxFeature
				var one feature
				if err := d.Decode(&one); err != nil {
					return notOne(err)
				}
				if more, err := f(&one, crs); err != nil || !more {
					return err
				}
			}
			if _, err := d.Token(); err != nil {
				return notOne(err)
			}
		default:
			var skipped json.RawMessage
			if err := d.Decode(&skipped); err != nil {
				return notOne(err)
			}
		}
	}
	if _, err := d.Token(); err != nil || !found {
		return notOne(err)
	}
	return nil
}

func (f *feature) area(n int, kind Kind, o ReadOptions, crs CRS) (a Area, err error) {
	properties := make(map[string]string, len(f.Properties))
	for k, v := range f.Properties {
		properties[foldName(k)] = plain(v)
	}
	first := func(given string, names []string) string {
		if given != "" {
			return properties[foldName(given)]
		}
		for _, n := range names {
			if v := properties[n]; v != "" {
				return v
			}
		}
		return ""
	}
	a.Name = first(o.Name, nameProperties)
	code := ""
	if kind.Mesh() > 0 {
		code = first(o.Code, cellProperties)
		if key, ok := ParseCell(code); ok && key.Kind() == kind {
			a.Key = key
		}
	} else {
		code = padCode(kind, first(o.Code, codeProperties[kind]))
		a.Key = AdminKey(kind, code)
	}
	if a.Key == 0 {
		return a, invalid("geo.area.code", n, a.Name)
	}
	if a.Name == "" {
		a.Name = a.Key.Code()
	}
	a.Parent = parentKey(kind, first(o.Parent, parentProperties[kind]), a.Key.Code())
	if o.Above != 0 && (a.Parent == 0 || o.Above.Kind() == kind+1) {
		a.Parent = o.Above
	}
	if a.Geometry, err = f.outline(crs); err != nil {
		return a, invalid("geo.area.shape", n, a.Key.Code(), a.Name).Because(err)
	}
	a.Surface = Surface(a.Geometry)
	return a, nil
}

func (f *feature) outline(crs CRS) (orb.MultiPolygon, error) {
	if len(f.Geometry) == 0 || string(f.Geometry) == "null" {
		return nil, invalid("geo.empty")
	}
	g, _, err := parseGeoJSON(f.Geometry)
	if err != nil {
		return nil, err
	}
	if crs == 0 {
		crs = WGS84
	}
	if g, err = Reproject(g, crs); err != nil {
		return nil, err
	}
	var mp orb.MultiPolygon
	switch g := g.(type) {
	case orb.Polygon:
		mp = orb.MultiPolygon{g}
	case orb.MultiPolygon:
		mp = g
	default:
		return nil, fault.Say(fault.Invalid, "geo.not_area")
	}
	if err := Validate(mp); err != nil {
		return nil, err
	}
	return orient(mp), nil
}

// plain returns the text of a JSON string or number, empty for the rest.
func plain(v json.RawMessage) string {
	var s string
	if json.Unmarshal(v, &s) == nil {
		return strings.TrimSpace(s)
	}
	var n json.Number
	if json.Unmarshal(v, &n) == nil {
		return n.String()
	}
	return ""
}

// foldName compares property names without case, space, hyphen or underscore.
func foldName(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToLower(s))
}

// padCode gives back the zeros that a spreadsheet took from a code: 9122 is commune 09122.
func padCode(kind Kind, code string) string {
	width := map[Kind]int{Commune: 5, Department: 2, Region: 2}[kind]
	code = strings.ToUpper(code)
	if _, numeric := figures(code); numeric && code != "" {
		code = strings.Repeat("0", max(width-len(code), 0)) + code
	}
	return code
}

func parentKey(kind Kind, parent, code string) AreaKey {
	switch kind {
	case Commune:
		if parent == "" && len(code) == 5 {
			// INSEE: two figures (2A, 2B in Corsica), three overseas.
			if parent = code[:2]; parent == "97" || parent == "98" {
				parent = code[:3]
			}
		}
		return AdminKey(Department, padCode(Department, parent))
	case Department:
		return AdminKey(Region, padCode(Region, parent))
	}
	return 0
}
