package publish

import (
	"context"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"time"

	"garrigue/internal/atlas"
	"garrigue/internal/fault"
	"garrigue/internal/vault"
)

// Audited is what an audit of the disclosure found.
type Audited struct {
	Proof
	// Current is the snapshot in service, "" when there is none; Outdated are the tables in
	// which it is not what the vault would give today.
	Current  string             `json:"current,omitempty"`
	Outdated []atlas.Difference `json:"outdated,omitempty"`
	// Moved are the tables that change when what is blurred is moved: none in a sound atlas.
	Changed []atlas.Difference `json:"changed,omitempty"`
}

// AuditDisclosure makes the whole proof apart from any publication: it writes the snapshot that
// the vault gives, and the one it would give if everything blurred were elsewhere in its disclosed
// area and what is withheld were not, compares them and the one in service row for row, and
// searches every file of the folder. Nothing is published and nothing kept. Leaks are in the
// answer; an error is that it could not be made.
func AuditDisclosure(ctx context.Context, db *vault.DB, o Options) (out Audited, err error) {
	defer fault.Wrap(&err, "publish.AuditDisclosure")
	if err := classed(ctx, db); err != nil {
		return out, err
	}
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(memoryLimit))
	tmp, err := os.MkdirTemp("", "garrigue-audit-")
	if err != nil {
		return out, fault.Say(fault.Unavailable, "atlas.dir", os.TempDir()).Because(err)
	}
	defer os.RemoveAll(tmp)
	o.Kept = "" // everything is read
	r := newRun(db, o)
	own, moved := filepath.Join(tmp, "own.gpkg"), filepath.Join(tmp, "moved.gpkg")
	if err := r.prepare(ctx); err != nil {
		return out, err
	}
	if err := r.read(ctx, own, moved); err != nil {
		return out, err
	}
	if err := r.builder.Finish(ctx, r.tell); err != nil {
		return out, err
	}
	if err := r.second.Finish(ctx, r.tell); err != nil {
		return out, err
	}
	equal := r.builder.Sum() == r.second.Sum()
	meta := r.builder.Meta()
	r.builder, r.second = nil, nil
	if r.mutant.written != nil {
		if err := r.mutant.written(own); err != nil {
			return out, err
		}
	}
	r.tell("audit.step.compare", 0, 0)
	if out.Changed, err = atlas.Compare(ctx, own, moved); err != nil {
		return out, err
	}
	r.proof.settle(equal && len(out.Changed) == 0)
	for _, d := range out.Changed {
		r.proof.leak(Leak{Name: "rows", Detail: d.Table})
	}
	if err := r.check(ctx, own, &meta); err != nil {
		return out, err
	}
	files := []string{own}
	dir, err := atlas.OpenDir(o.Dir)
	if err != nil {
		return out, err
	}
	if out.Current, err = dir.Current(); err == nil {
		if out.Outdated, err = atlas.Compare(ctx, dir.Path(out.Current), own); err != nil {
			return out, err
		}
	} else if !fault.Is(err, fault.NotFound) {
		return out, err
	}
	r.tell("publish.step.prove", 0, 0)
	published, err := filesOf(o.Dir, "", true)
	if err != nil {
		return out, err
	}
	traces := r.gather(ctx)
	defer traces.stop()
	if err := r.search(ctx, slices.Concat(files, published), traces); err != nil {
		return out, err
	}
	r.endStep()
	r.proof.Seconds = round(time.Since(r.began))
	out.Proof = r.proof.Proof
	return out, nil
}

// Refused is the error of the first leak, nil when there is none.
func (p *Proof) Refused() error {
	if len(p.Leaks) == 0 {
		return nil
	}
	return p.Leaks[0].fault()
}
