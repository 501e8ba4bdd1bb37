// Package source brings what producers publish to the files of a spool folder, from which
// package ingest imports it: a file or folder, a web address, an SFTP server, a GeoNature
// export, a PostgreSQL view, a VisioNature site. It talks to the outside and knows nothing of
// the vault: what it must remember from one run to the next is a State given in and out.
//
// A run that breaks keeps what it has in the spool, and goes on from there the next time.
// Secrets are read from the environment or a file, never from the settings, and never appear in
// an error, a log or a file's name.
package source

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"
)

// The kinds of sources.
const (
	KindFile        = "file"       // a path of this machine, a web address or sftp://
	KindFolder      = "folder"     // files dropped in a folder
	KindGeoNature   = "geonature"  // an export of GeoNature's export module
	KindPostgreSQL  = "postgresql" // a query on any PostgreSQL database
	KindVisioNature = "visionature"
)

// Config is one [[source]] section of the settings.
type Config struct {
	Name         string `toml:"name"` // short, unique: letters, digits, - and _
	Kind         string `toml:"kind"`
	Location     string `toml:"location"` // path, URL, or the site of an API
	Query        string `toml:"query"`    // of postgresql
	Dataset      string `toml:"dataset"`
	Organisation string `toml:"organisation"`
	Pole         string `toml:"pole"`     // thematic pole the source belongs to, for the loading state
	Expected     int    `toml:"expected"` // rows its owner announces, 0 unknown
	Format       string `toml:"format"`
	Mapping      string `toml:"mapping"` // file of a mapping (garrigue doctor --save)
	Table        string `toml:"table"`   // sheet, layer or entry
	// Complete says that each run brings the whole of the source: what is missing is withdrawn.
	Complete bool   `toml:"complete"`
	Schedule string `toml:"schedule"` // cron expression of five fields, "" for by hand only
	TimeZone string `toml:"time_zone"`
	// Secrets are names of environment variables: user, password, token, key… by kind.
	Secrets map[string]string `toml:"secrets"`
	// Options are the kind's own settings: see the constants of each kind.
	Options map[string]string `toml:"options"`
}

// State is what a kind remembers of its last complete run, as it likes.
type State = json.RawMessage

// Env is what a run works with.
type Env struct {
	Spool    string                                     // a folder of this source's own, kept between runs
	Secret   func(name string) (string, error)          // value of Config.Secrets[name]
	HTTP     *http.Client                               // nil for the package's own
	Now      func() time.Time                           // nil for time.Now
	Sleep    func(context.Context, time.Duration) error // between tries; nil for a real pause
	Log      *slog.Logger
	Progress func(Progress)
}

// Progress tells how far a run is; Total is 0 when unknown.
type Progress struct {
	Source      string
	Step        string // "fetch"
	Done, Total int64  // bytes or rows
}

// File is one file of the spool ready for import.
type File struct {
	Path         string
	Name         string // what people know it by
	Format       string // "" to recognise
	Table        string
	Dataset      string
	Organisation string
	Complete     bool
	// Imported, when not nil, is called once the file was imported, or refused: it puts the
	// file where it belongs. It is not called when the import may succeed at another time (an
	// interruption, a full disk): the file then stays for the next run.
	Imported func(Outcome) error
}

// Outcome is what became of a file.
type Outcome struct {
	Refused string // the sentence that refuses the file, "" when it was imported
	// Rejects, when not nil, writes the rows that were refused into a file.
	Rejects func(path string) error
}

// Result is what a run brought. State is to be kept once every file has been imported, and
// then only: until that a further run brings the same again.
type Result struct {
	Files     []File
	Unchanged bool // the source says nothing is new
	State     State
	Bytes     int64  // that travelled in this run
	Notes     []Note // what people should know of this run
	// Final, when not nil, gives the State to keep after the files' Imported were called.
	Final func() (State, error)
	// Done, when not nil, is called once every file was imported and State kept: it removes or
	// moves what is no longer needed.
	Done func() error
}
