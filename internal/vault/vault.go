// Package vault is the precise store: every observation as received, the references it is
// read with, the batches it came in and the rows that could not be taken. All its SQL lives
// here; see DESIGN.md in this folder.
//
// It decides nothing about what may be seen: exact rows leave it only against a
// disclosure.Grant, which it records.
package vault

import (
	"context"
	"iter"
	"time"

	"github.com/google/uuid"

	"garrigue/internal/dataset"
	"garrigue/internal/disclosure"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/quality"
	"garrigue/internal/sensitivity"
	"garrigue/internal/taxon"
)

// DB is an open vault.
type DB struct{}

// Open opens the vault at a path of a SQLite file, creating and migrating it as needed.
func Open(ctx context.Context, path string) (*DB, error) { panic("not written yet") }

// Close closes the vault.
func (db *DB) Close() error { panic("not written yet") }

// Reference is one loaded version of a reference. Loading the same content twice (same kind,
// name and SHA-256) changes nothing.
type Reference struct {
	ID       int64
	Kind     string // taxref, withdrawn, statuses, sensitivity, areas
	Name     string // file name, without folder
	Version  string // as given or found in the file's name: "v17", "2019"
	SHA256   string
	Rows     int
	LoadedAt time.Time
	Current  bool
}

// References lists every version ever loaded, newest first.
func (db *DB) References(ctx context.Context) ([]Reference, error) { panic("not written yet") }

// HasReference reports whether a file of this kind with this content is loaded already.
func (db *DB) HasReference(ctx context.Context, kind, sha256 string) (bool, error) {
	panic("not written yet")
}

// The Put methods store one version of a reference in one transaction; rows of an error end
// it with nothing stored. Names of several TAXREF files are merged, the later file winning
// field by field where it is not empty; statuses, lists and areas of another file are added
// to, those of the same name replaced.

// PutNames stores TAXREF names.
func (db *DB) PutNames(ctx context.Context, ref Reference, rows iter.Seq2[taxon.Name, error]) (Reference, error) {
	panic("not written yet")
}

// PutWithdrawn stores CDNOM_DISPARUS.
func (db *DB) PutWithdrawn(ctx context.Context, ref Reference, rows iter.Seq2[taxon.Withdrawn, error]) (Reference, error) {
	panic("not written yet")
}

// PutStatuses stores statuses.
func (db *DB) PutStatuses(ctx context.Context, ref Reference, rows iter.Seq2[taxon.Status, error]) (Reference, error) {
	panic("not written yet")
}

// PutSensitivity stores sensitivity lists with their rules.
func (db *DB) PutSensitivity(ctx context.Context, ref Reference, lists []sensitivity.List, rows iter.Seq2[sensitivity.Rule, error]) (Reference, error) {
	panic("not written yet")
}

// PutAreas stores outlines of one kind.
func (db *DB) PutAreas(ctx context.Context, ref Reference, kind geo.Kind, rows iter.Seq2[geo.Area, error]) (Reference, error) {
	panic("not written yet")
}

// Names returns every TAXREF name, in order of CD_NOM.
func (db *DB) Names(ctx context.Context) iter.Seq2[taxon.Name, error] { panic("not written yet") }

// Withdrawn returns the withdrawn codes.
func (db *DB) Withdrawn(ctx context.Context) iter.Seq2[taxon.Withdrawn, error] {
	panic("not written yet")
}

// Statuses returns the statuses, in order of CD_REF.
func (db *DB) Statuses(ctx context.Context) iter.Seq2[taxon.Status, error] { panic("not written yet") }

// Sensitivity returns the current lists and their rules.
func (db *DB) Sensitivity(ctx context.Context) ([]sensitivity.List, []sensitivity.Rule, error) {
	panic("not written yet")
}

// Areas returns the current areas of a kind, in order of code.
func (db *DB) Areas(ctx context.Context, kind geo.Kind) ([]geo.Area, error) { panic("not written yet") }

// EnsureDataset returns the dataset with this UUID, or else this name, creating it.
func (db *DB) EnsureDataset(ctx context.Context, d dataset.Dataset) (dataset.Dataset, error) {
	panic("not written yet")
}

// Datasets lists the datasets, by name.
func (db *DB) Datasets(ctx context.Context) ([]dataset.Dataset, error) { panic("not written yet") }

// Outcome is what became of one row of a batch.
type Outcome uint8

// The outcomes.
const (
	Created Outcome = iota
	Updated
	Unchanged
)

// Batch is one import under way: a single transaction. Nothing of it is seen by readers, and
// nothing of it stays after a kill, until Commit.
type Batch struct{}

// BatchInfo describes an import, before (what) and after (counts, when).
type BatchInfo struct {
	ID       int64
	Dataset  dataset.ID // of a single-dataset file; 0 when rows name their own
	File     string     // base name
	SHA256   string
	Format   string // "sinp-2.0", "geonature", "dwca"…
	Mapping  string // JSON: source column → field, as used
	Started  time.Time
	Ended    time.Time
	Read     int
	Created  int
	Updated  int
	Same     int // unchanged
	Rejected int
	Held     int // of the accepted rows (created, updated or unchanged)
	Warnings int
}

// Begin starts a batch. A second one waits until the first has ended.
func (db *DB) Begin(ctx context.Context, info BatchInfo) (*Batch, error) { panic("not written yet") }

// Put stores an observation under its key (Dataset, SourceKey): created when the key is new,
// updated when its content differs (the former content is kept in history), unchanged
// otherwise. It sets o.ID. The observation is not kept after the call. Put, Reject and
// Commit are called from one goroutine.
func (b *Batch) Put(ctx context.Context, o *observation.Observation) (Outcome, error) {
	panic("not written yet")
}

// KnownUUID reports whether idSINPOccTax is already used by another key than (d, key).
func (b *Batch) KnownUUID(id uuid.UUID, d dataset.ID, key string) bool { panic("not written yet") }

// Reject is a row that could not be taken.
type Reject struct {
	Batch    int64
	Line     int    // in the producer's file, 1 for the first line
	Row      string // the producer's own line, as text
	Findings []quality.Finding
}

// Reject stores a rejected row.
func (b *Batch) Reject(ctx context.Context, r Reject) error { panic("not written yet") }

// Commit ends the batch with its counts, and returns it complete.
func (b *Batch) Commit(ctx context.Context, info BatchInfo) (BatchInfo, error) {
	panic("not written yet")
}

// Rollback drops the batch; harmless after Commit.
func (b *Batch) Rollback() error { panic("not written yet") }

// Batches lists imports, newest first.
func (db *DB) Batches(ctx context.Context, limit int) ([]BatchInfo, error) { panic("not written yet") }

// Rejects returns the rejected rows of a batch (0: of every file's latest batch), in order
// of line.
func (db *DB) Rejects(ctx context.Context, batch int64) ([]Reject, error) { panic("not written yet") }

// Fields chooses what Observations fills.
type Fields uint8

// The choices: what publishing needs (no people, no text, no extra), or everything.
const (
	ForPublication Fields = iota
	Complete
)

// Observations calls f with each observation, in order of ID, against a grant that is
// recorded in the journal. o is reused between calls.
func (db *DB) Observations(ctx context.Context, g disclosure.Grant, what Fields, f func(o *observation.Observation) error) error {
	panic("not written yet")
}

// Classed is the outcome of classing one observation again.
type Classed struct {
	ID    int64
	CdRef taxon.CdRef
	Level sensitivity.Level
	List  string
	Held  observation.Hold
}

// Reclass stores new classes (after a reference changed), in one transaction.
func (db *DB) Reclass(ctx context.Context, rows iter.Seq2[Classed, error]) (int, error) {
	panic("not written yet")
}

// Generation is a number that grows with every change of references that classing depends on
// (names, withdrawn codes, sensitivity, areas). Classed returns the generation at which
// observations were last classed as a whole.
func (db *DB) Generation(ctx context.Context) (current, classed int64, err error) {
	panic("not written yet")
}

// SetClassed records that every observation is classed as of generation g.
func (db *DB) SetClassed(ctx context.Context, g int64) error { panic("not written yet") }
