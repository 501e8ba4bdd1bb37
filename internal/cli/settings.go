package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/BurntSushi/toml"

	"garrigue/internal/atlas"
	"garrigue/internal/civil"
	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/i18n"
	"garrigue/internal/source"
)

// settingsFile is the name of an instance's settings.
const settingsFile = "garrigue.toml"

// settings is the whole configuration of an instance, read once.
type settings struct {
	Identity struct {
		Name      string `toml:"name"`
		Territory string `toml:"territory"`
		Publisher string `toml:"publisher"`
		Licence   string `toml:"licence"`
	} `toml:"identity"`
	Languages struct {
		Shown []string `toml:"shown"`
	} `toml:"languages"`
	Map struct {
		MeshKM                int    `toml:"mesh_km"`
		BackgroundURL         string `toml:"background_url"`
		BackgroundAttribution string `toml:"background_attribution"`
	} `toml:"map"`
	Import struct {
		Projection int     `toml:"projection"`
		Share      float64 `toml:"share"`  // of a shape its commune must hold
		FarKM      float64 `toml:"far_km"` // from the commune stated, before a record waits
	} `toml:"import"`
	Policy  policySection `toml:"policy"`
	Publish struct {
		Keep int `toml:"keep"`
	} `toml:"publish"`
	Serve struct {
		Addr string `toml:"addr"`
	} `toml:"serve"`
	Sync struct {
		Publish bool `toml:"publish"` // publish when a synchronisation changed something
	} `toml:"sync"`
	Vault struct {
		Database string `toml:"database"` // postgres://…, or the path of a file
	} `toml:"vault"`
	// Sections are the sources as they are written, Source as they are understood: sourceFault
	// says what is wrong with them to the commands that use them, and stops no other.
	Sections    toml.Primitive  `toml:"source"`
	Source      []source.Config `toml:"-"`
	sourceFault error
	Fictional   bool `toml:"fictional"`
}

// defaultAddr is where the atlas is served when nothing says otherwise.
const defaultAddr = "127.0.0.1:8080"

func defaultLanguages() []string { return []string{"fr", "en"} }

// paths of an instance.
func vaultPath(dir string) string { return filepath.Join(dir, "vault.sqlite") }
func atlasDir(dir string) string  { return filepath.Join(dir, "atlas") }
func keptPath(dir string) string  { return filepath.Join(dir, "published.kept") }

// loadSettings reads and checks DIR/garrigue.toml, but for its sources: see sourceFault.
// NotFound when DIR is no instance; Invalid, naming the line or the key, when the file is wrong.
func loadSettings(dir string) (*settings, error) {
	path := filepath.Join(dir, settingsFile)
	b, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil, fault.Say(fault.NotFound, "settings.none", dir)
	}
	if err != nil {
		return nil, fault.Say(fault.Invalid, "settings.unreadable", path).Because(err)
	}
	var s settings
	md, err := toml.Decode(string(b), &s)
	if err != nil {
		var pe toml.ParseError
		line := err.Error()
		if errors.As(err, &pe) {
			line = fmt.Sprintf("%d : %s", pe.Position.Line, pe.Message)
		}
		return nil, fault.Say(fault.Invalid, "settings.syntax", path, line)
	}
	if md.IsDefined("source") {
		if err := md.PrimitiveDecode(s.Sections, &s.Source); err != nil {
			s.sourceFault = fault.Say(fault.Invalid, "settings.syntax", path, "[[source]] : "+err.Error())
		}
	}
	for _, extra := range md.Undecoded() {
		unknown := fault.Say(fault.Invalid, "settings.unknown", path, extra.String())
		if extra[0] != "source" {
			return nil, unknown
		}
		if s.sourceFault == nil {
			s.sourceFault = unknown
		}
	}
	return &s, s.check(path)
}

// check fills what was left out and refuses what cannot be.
func (s *settings) check(path string) error {
	bad := func(key string, value any) error {
		return fault.Say(fault.Invalid, "settings.value", path, key, fmt.Sprint(value))
	}
	if s.Identity.Name == "" {
		return bad("identity.name", `""`)
	}
	if s.Identity.Territory == "" {
		return bad("identity.territory", `""`)
	}
	if s.Map.MeshKM == 0 {
		s.Map.MeshKM = 5
	}
	if geo.CellKind(s.Map.MeshKM) == geo.NoKind {
		return bad("map.mesh_km", s.Map.MeshKM)
	}
	if s.Import.Projection == 0 {
		s.Import.Projection = 2154
	}
	if s.Publish.Keep == 0 {
		s.Publish.Keep = 7
	}
	if s.Publish.Keep < 1 {
		return bad("publish.keep", s.Publish.Keep)
	}
	if s.Serve.Addr == "" {
		s.Serve.Addr = defaultAddr
	}
	if len(s.Languages.Shown) == 0 {
		s.Languages.Shown = defaultLanguages()
	}
	for _, l := range s.Languages.Shown {
		if _, ok := i18n.Parse(l); !ok {
			return bad("languages.shown", l)
		}
	}
	if err := s.readPolicies(filepath.Dir(path)); err != nil {
		return err
	}
	if _, err := s.policy(civil.NoDate); err != nil {
		return err
	}
	s.resolveSources(filepath.Dir(path))
	return nil
}

// meta is what the settings say of the atlas itself.
func (s *settings) meta() atlas.Meta {
	return atlas.Meta{
		Title: s.Identity.Name, Territory: s.Identity.Territory, Publisher: s.Identity.Publisher,
		Licence: s.Identity.Licence, Fictional: s.Fictional, Mesh: geo.CellKind(s.Map.MeshKM),
	}
}

// writeSettings writes the commented settings of a new instance; database is "" for its file.
func writeSettings(w io.Writer, lang i18n.Lang, name, territory, publisher, database string, fictional bool) error {
	q := func(v string) string { return fmt.Sprintf("%q", v) }
	s := i18n.T(lang, "settings.template")
	s = strings.NewReplacer("%NAME%", q(name), "%TERRITORY%", q(territory), "%PUBLISHER%", q(publisher),
		"%FICTIONAL%", fmt.Sprint(fictional)).Replace(s)
	if database == "" {
		s += "\n" + i18n.T(lang, "settings.vault") + "\n[vault]\n# database = \"postgres://garrigue@serveur/garrigue\"\n"
	} else {
		s += "\n" + i18n.T(lang, "settings.vault") + "\n[vault]\ndatabase = " + q(database) + "\n"
	}
	_, err := io.WriteString(w, s)
	return err
}
