package cli

import "runtime/debug"

// buildVersion returns the version stamped at build time: the tag, else the commit.
func buildVersion() string {
	bi, ok := debug.ReadBuildInfo()
	if !ok {
		return "?"
	}
	v, dirty := bi.Main.Version, ""
	for _, s := range bi.Settings {
		switch s.Key {
		case "vcs.revision":
			if v == "" || v == "(devel)" {
				v = s.Value[:min(12, len(s.Value))]
			}
		case "vcs.modified":
			if s.Value == "true" {
				dirty = "+"
			}
		}
	}
	return v + dirty
}
