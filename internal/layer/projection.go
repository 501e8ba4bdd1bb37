package layer

import (
	"strconv"
	"strings"
)

// SystemOf returns the EPSG code of a system written as WKT, of either version, as in the
// .prj of a Shapefile; 0 when it is none we know. A code of EPSG in the text is believed,
// else the name tells, then the parameters of French projections.
func SystemOf(wkt string) int {
	root := parseSystem(wkt)
	if root == nil {
		return 0
	}
	if n := root.authority(); n > 0 {
		return n
	}
	name := squeezed(root.value)
	if n := systemNamed(name); n > 0 {
		return n
	}
	if root.word == "GEOGCS" || root.word == "GEOGCRS" || root.word == "GEODCRS" {
		return 0
	}
	return systemLike(root)
}

// namedSystem returns the EPSG code of a system as people and programs write it:
// "EPSG:2154", "urn:ogc:def:crs:EPSG::2154", "http://www.opengis.net/gml/srs/epsg.xml#4326",
// "CRS84"; 0 when it is none. latFirst tells that the writing asks for the axes in the
// order of the authority, latitude first where there are latitudes.
func namedSystem(s string) (srid int, latFirst bool) {
	s = strings.TrimSpace(s)
	switch {
	case strings.HasSuffix(s, "CRS84"):
		return 4326, false
	case strings.HasSuffix(s, "RGF93G"), strings.HasSuffix(s, "IGNF:WGS84G"):
		return 4326, false
	case strings.HasSuffix(s, "LAMB93"):
		return 2154, false
	}
	i := len(s)
	for i > 0 && s[i-1] >= '0' && s[i-1] <= '9' {
		i--
	}
	n, err := strconv.Atoi(s[i:])
	if err != nil || n <= 0 || n > 1<<20 || !strings.Contains(strings.ToLower(s), "epsg") && i > 0 {
		return 0, false
	}
	authority := strings.HasPrefix(s, "urn:") || strings.Contains(s, "/def/crs/")
	return n, authority && geographic(n)
}

// geographic reports whether the coordinates of a system are degrees, latitude first by its
// authority.
func geographic(srid int) bool {
	switch srid {
	case 4326, 4171, 4258, 4979, 4965, 4937, 4624, 4627, 4470, 4463, 5489, 4807, 4275, 7084, 9777:
		return true
	}
	return false
}

// squeezed folds a name: "RGF93_Lambert_93" and "RGF93 / Lambert-93" are one.
func squeezed(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(name))
}

// systemNamed knows the names that ESRI, QGIS and IGN give to the systems of French data
// (EPSG registry; ESRI projection engine names).
func systemNamed(name string) int {
	switch name {
	case "rgf93lambert93", "lambert93", "rgf93v1lambert93", "rgf1993lambert93", "rgf93v2lambert93", "rgf93v2blambert93":
		return 2154
	case "wgs84", "gcswgs1984", "wgs1984", "gcswgs84", "worldgeodeticsystem1984":
		return 4326
	case "rgf93", "gcsrgf1993", "rgf93geographiquesdms", "gcsrgf93", "rgf93v1":
		return 4171
	case "etrs89", "gcsetrs1989":
		return 4258
	case "ntfparislambertzoneii", "ntfparislambertzoneiietendu", "ntflambertiietendu", "ntflambertii", "ntfpariscentrefrance", "lambertiietendu", "lambert2etendu", "francelambertiietendu", "ntflambert2etendu", "ntfparislambert2etendu", "nouvelletriangulationfrancaiselambertzoneii", "ntffrancelambertetendu":
		return 27572
	case "ntfparisfranceii", "ntffranceiidegrees":
		return 27582
	case "wgs1984webmercatorauxiliarysphere", "wgs84pseudomercator":
		return 3857
	}
	for _, datum := range [...]struct {
		prefix string
		base   int
	}{{"wgs84utmzone", 32600}, {"wgs1984utmzone", 32600}, {"etrs89utmzone", 25800}, {"etrs1989utmzone", 25800}} {
		if zone, ok := strings.CutPrefix(name, datum.prefix); ok {
			return utmOf(zone, datum.base)
		}
	}
	if zone, ok := strings.CutPrefix(name, "rgf93cc"); ok {
		return conicOf(zone)
	}
	if zone, ok := strings.CutPrefix(name, "rgf1993cc"); ok {
		return conicOf(zone)
	}
	switch name {
	case "rgr92utmzone40s", "rgr92utm40s":
		return 2975
	case "rgfg95utmzone22n", "rgfg95utm22n":
		return 2972
	case "rgaf09utmzone20n":
		return 5490
	case "rgm04utmzone38s":
		return 4471
	}
	return 0
}

func utmOf(zone string, base int) int {
	south := strings.HasSuffix(zone, "s")
	n, err := strconv.Atoi(strings.TrimRight(zone, "ns"))
	if err != nil || n < 1 || n > 60 || south && base != 32600 {
		return 0
	}
	if south {
		base += 100
	}
	return base + n
}

// conicOf returns the nine conformal conic zones, CC42 to CC50.
func conicOf(zone string) int {
	n, err := strconv.Atoi(strings.TrimPrefix(zone, "zone"))
	if err != nil || n < 42 || n > 50 {
		return 0
	}
	return 3942 + n - 42
}

// systemLike recognises a projection by its parameters, whatever it is called.
func systemLike(root *systemNode) int {
	near := func(name string, want float64) bool {
		v, ok := root.parameter(name)
		return ok && v > want-1e-6 && v < want+1e-6
	}
	origin := near("central_meridian", 3) || near("longitude_of_origin", 3) || near("longitude of false origin", 3)
	if origin && (near("false_easting", 700000) || near("easting at false origin", 700000)) &&
		(near("false_northing", 6600000) || near("northing at false origin", 6600000)) {
		return 2154
	}
	if near("false_easting", 600000) && near("false_northing", 2200000) {
		return 27572
	}
	if near("false_easting", 500000) && near("scale_factor", 0.9996) && (near("false_northing", 0) || near("false_northing", 1e7)) {
		m, ok := root.parameter("central_meridian")
		zone := int((m + 183) / 6)
		if !ok || zone < 1 || zone > 60 || float64(zone*6-183) != m {
			return 0
		}
		if near("false_northing", 1e7) {
			return 32700 + zone
		}
		return 32600 + zone
	}
	return 0
}

// systemNode is a node of the WKT of a system: WORD["value", child, number…].
type systemNode struct {
	word     string
	value    string
	children []*systemNode
	numbers  []string
}

// authority returns the EPSG code that the node itself bears.
func (n *systemNode) authority() int {
	for _, c := range n.children {
		if (c.word == "AUTHORITY" || c.word == "ID") && strings.EqualFold(c.value, "EPSG") {
			for _, v := range c.numbers {
				if code, err := strconv.Atoi(v); err == nil && code > 0 {
					return code
				}
			}
		}
	}
	return 0
}

// parameter returns a number of the projection, looked for in all the nodes.
func (n *systemNode) parameter(name string) (float64, bool) {
	if n.word == "PARAMETER" && strings.EqualFold(n.value, name) && len(n.numbers) > 0 {
		v, err := strconv.ParseFloat(n.numbers[0], 64)
		return v, err == nil
	}
	for _, c := range n.children {
		if v, ok := c.parameter(name); ok {
			return v, true
		}
	}
	return 0, false
}

// parseSystem reads the text of a system, nil when it is none.
func parseSystem(s string) *systemNode {
	if len(s) > 64<<10 {
		return nil
	}
	p := systemParser{s: s}
	n := p.node(0)
	if p.bad {
		return nil
	}
	return n
}

type systemParser struct {
	s   string
	bad bool
}

func (p *systemParser) node(depth int) *systemNode {
	p.s = strings.TrimLeft(p.s, " \t\r\n")
	i := strings.IndexAny(p.s, "[(")
	if i <= 0 || depth > 20 {
		p.bad = true
		return nil
	}
	n := &systemNode{word: strings.ToUpper(strings.TrimSpace(p.s[:i]))}
	p.s = p.s[i+1:]
	for first := true; !p.bad; first = false {
		p.s = strings.TrimLeft(p.s, " \t\r\n,")
		switch {
		case p.s == "":
			p.bad = true
		case p.s[0] == ']' || p.s[0] == ')':
			p.s = p.s[1:]
			return n
		case p.s[0] == '"':
			j := strings.IndexByte(p.s[1:], '"')
			if j < 0 {
				p.bad = true
				break
			}
			v := p.s[1 : j+1]
			p.s = p.s[j+2:]
			if first {
				n.value = v
			} else {
				n.numbers = append(n.numbers, v)
			}
		default:
			end := strings.IndexAny(p.s, ",[]()")
			if end >= 0 && (p.s[end] == '[' || p.s[end] == '(') {
				n.children = append(n.children, p.node(depth+1))
				break
			}
			if end <= 0 {
				p.bad = true
				break
			}
			n.numbers = append(n.numbers, strings.TrimSpace(p.s[:end]))
			p.s = p.s[end:]
		}
	}
	return n
}
