package cli

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"garrigue/internal/civil"
	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/sensitivity"
)

// policySection is [policy], in the settings or in a file of its own.
type policySection struct {
	Version      string              `toml:"version"`
	From         loose               `toml:"from"`
	Model        string              `toml:"model"` // sinp or mesh: what is not said below
	BlurredDates string              `toml:"blurred_dates"`
	Levels       map[string][]string `toml:"levels"` // of every list
	Level        []levelSection      `toml:"level"`
	Batch        struct {
		Every   string `toml:"every"`
		Minimum *int   `toml:"minimum"`
	} `toml:"batch"`
	Files []string `toml:"files"` // policies of other days

	file   string          // where it was read
	others []policySection // what Files hold
}

// levelSection is [[policy.level]]: what a level is worth, for a list or for all.
type levelSection struct {
	List  loose     `toml:"list"`
	Code  loose     `toml:"code"`
	Rank  int       `toml:"rank"`
	Areas *[]string `toml:"areas"`
}

// loose is a text that may also be written as a number or a date: code = 2.4, from = 2027-01-01.
type loose string

// UnmarshalTOML implements toml.Unmarshaler.
func (w *loose) UnmarshalTOML(v any) error {
	switch v := v.(type) {
	case string:
		*w = loose(v)
	case int64:
		*w = loose(strconv.FormatInt(v, 10))
	case float64:
		*w = loose(strconv.FormatFloat(v, 'f', -1, 64))
	case time.Time:
		*w = loose(v.Format(time.DateOnly))
	default:
		return fmt.Errorf("%v", v)
	}
	return nil
}

// readPolicies reads the files that [policy] names, from the instance's folder. A file has the
// same [policy] as the settings.
func (s *settings) readPolicies(dir string) error {
	s.Policy.others = nil
	for _, name := range s.Policy.Files {
		path := name
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		p, _, err := s.policyFile(path)
		if err != nil {
			return err
		}
		if len(p.Files) > 0 {
			return p.bad("files", strings.Join(p.Files, ", "))
		}
		if p.From == "" {
			return fault.Say(fault.Invalid, "settings.policy.undated", path)
		}
		s.Policy.others = append(s.Policy.others, p)
	}
	return nil
}

// policyFile reads the policy of a file, and the mesh it says, 0 when it says none.
func (s *settings) policyFile(path string) (p policySection, mesh int, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return p, 0, fault.Say(fault.Invalid, "settings.unreadable", path).Because(err)
	}
	var other settings
	md, err := toml.Decode(string(b), &other)
	if err != nil {
		var pe toml.ParseError
		line := err.Error()
		if errors.As(err, &pe) {
			line = fmt.Sprintf("%d : %s", pe.Position.Line, pe.Message)
		}
		return p, 0, fault.Say(fault.Invalid, "settings.syntax", path, line)
	}
	for _, extra := range md.Undecoded() {
		if extra[0] != "source" {
			return p, 0, fault.Say(fault.Invalid, "settings.unknown", path, extra.String())
		}
	}
	if !md.IsDefined("policy") {
		return p, 0, fault.Say(fault.Invalid, "settings.policy.none", path)
	}
	p = other.Policy
	p.file = path
	return p, other.Map.MeshKM, nil
}

// policy returns the rule in force on a day; NoDate checks them all and returns the first.
func (s *settings) policy(today civil.Date) (disclosure.Policy, error) {
	var all disclosure.Policies
	for _, section := range append([]policySection{s.Policy}, s.Policy.others...) {
		p, err := section.policy(geo.CellKind(s.Map.MeshKM))
		if err != nil {
			return p, err
		}
		if i := slices.IndexFunc(all, func(q disclosure.Policy) bool { return q.From == p.From }); i >= 0 {
			return p, fault.Say(fault.Invalid, "settings.policy.same_day", all[i].Version, p.Version)
		}
		all = append(all, p)
	}
	p, ok := all.On(today)
	if !ok {
		first, _ := all.On(civil.NoDate)
		return p, fault.Say(fault.Invalid, "settings.policy.later", settingsFile, first.From.String())
	}
	p.Today = today
	return p, nil
}

// proposed reads the policy of a file as if it were in force on a day.
func (s *settings) proposed(path string, on civil.Date) (disclosure.Policy, error) {
	section, mesh, err := s.policyFile(path)
	if err != nil {
		return disclosure.Policy{}, err
	}
	if mesh == 0 {
		mesh = s.Map.MeshKM
	}
	if geo.CellKind(mesh) == geo.NoKind {
		return disclosure.Policy{}, fault.Say(fault.Invalid, "settings.value", path, "map.mesh_km", strconv.Itoa(mesh))
	}
	p, err := section.policy(geo.CellKind(mesh))
	p.Today = on
	return p, err
}

// policy turns a section into a rule.
func (s *policySection) policy(mesh geo.Kind) (disclosure.Policy, error) {
	p := disclosure.SINP()
	switch s.Model {
	case "", "sinp":
	case "mesh":
		p = disclosure.MeshOnly()
	default:
		return p, s.bad("model", s.Model)
	}
	p.Mesh, p.From = mesh, civil.NoDate
	if s.Version != "" {
		p.Version = s.Version
	}
	if s.From != "" {
		from, ok := civil.Parse(string(s.From))
		if !ok {
			return p, s.bad("from", string(s.From))
		}
		p.From = from
	}
	switch s.BlurredDates {
	case "", "month":
	case "day":
		p.BlurredDates = observation.Day
	case "year":
		p.BlurredDates = observation.Year
	default:
		return p, s.bad("blurred_dates", s.BlurredDates)
	}
	switch s.Batch.Every {
	case "":
	case "month", "week", "day":
		p.Batch.Every = s.Batch.Every
	default:
		return p, s.bad("batch.every", s.Batch.Every)
	}
	if n := s.Batch.Minimum; n != nil {
		if *n < 0 {
			return p, s.bad("batch.minimum", strconv.Itoa(*n))
		}
		p.Batch.Minimum = *n
	}
	if err := s.levels(&p); err != nil {
		return p, err
	}
	return p, s.scale(&p)
}

// levels reads levels.1 = […], in the order of their codes.
func (s *policySection) levels(p *disclosure.Policy) error {
	for _, code := range slices.Sorted(maps.Keys(s.Levels)) {
		key := "levels." + code
		l, ok := sensitivity.ParseLevel(code)
		if !ok || l == 0 {
			return s.bad("levels", code)
		}
		kinds, err := s.areas(key, s.Levels[code])
		switch {
		case err != nil:
			return err
		case l.Withholds():
			if len(kinds) > 0 {
				return s.bad(key, strings.Join(s.Levels[code], ", "))
			}
		case int(l) < len(p.Levels):
			p.Levels[l] = kinds
		default:
			p.Scale = append(p.Scale, disclosure.LevelRule{Level: l, Kinds: kinds})
		}
	}
	return nil
}

// scale reads the [[policy.level]].
func (s *policySection) scale(p *disclosure.Policy) error {
	for i, at := range s.Level {
		key := func(name string) string { return fmt.Sprintf("level[%d].%s", i+1, name) }
		r := disclosure.LevelRule{List: string(at.List), Rank: at.Rank}
		var ok bool
		if r.Level, ok = sensitivity.ParseLevel(string(at.Code)); !ok || r.Level == 0 {
			return s.bad(key("code"), string(at.Code))
		}
		if at.Rank < 0 {
			return s.bad(key("rank"), strconv.Itoa(at.Rank))
		}
		if at.Areas == nil {
			return s.bad(key("areas"), "")
		}
		var err error
		if r.Kinds, err = s.areas(key("areas"), *at.Areas); err != nil {
			return err
		}
		if r.Level.Withholds() && len(r.Kinds) > 0 {
			return s.bad(key("areas"), strings.Join(*at.Areas, ", "))
		}
		if _, twice := s.Levels[r.Level.String()]; twice && r.List == "" {
			return s.bad(key("code"), string(at.Code))
		}
		if slices.ContainsFunc(p.Scale, func(x disclosure.LevelRule) bool { return x.List == r.List && x.Level == r.Level }) {
			return s.bad(key("code"), string(at.Code))
		}
		p.Scale = append(p.Scale, r)
	}
	return nil
}

// areas reads kinds that something may be shown at.
func (s *policySection) areas(key string, names []string) (kinds []geo.Kind, err error) {
	for _, name := range names {
		k, ok := geo.ParseKind(name)
		if !ok || k.Mesh() == 0 && k != geo.Commune && k != geo.Department && k != geo.Region {
			return nil, s.bad(key, name)
		}
		kinds = append(kinds, k)
	}
	return kinds, nil
}

func (s *policySection) bad(key, value string) error {
	file := s.file
	if file == "" {
		file = settingsFile
	}
	return fault.Say(fault.Invalid, "settings.value", file, "policy."+key, value)
}
