package publish

import (
	"context"
	"fmt"

	"garrigue/internal/atlas"
	"garrigue/internal/fault"
	"garrigue/internal/geo"
)

// check compares the snapshot with what was counted while reading, by other means than its
// builder's: sums by SQL over the plain tables. Conflict naming what differs.
func (r *run) check(ctx context.Context, path string, meta *atlas.Meta) error {
	r.result.Published, r.result.Blurred = r.tally.published, r.tally.blurred
	a, err := atlas.Open(path)
	if err != nil {
		return err
	}
	defer a.Close()
	got := newTables()
	audit, err := a.Audit(ctx, got.rows())
	if err != nil {
		return err
	}
	if len(audit.Problems) > 0 {
		return fault.Say(fault.Conflict, "publish.check", audit.Problems[0])
	}
	wrong := func(what string, want, got int) error {
		return fault.Say(fault.Conflict, "publish.check", fmt.Sprintf("%s: %d read, %d in the snapshot", what, want, got))
	}
	if audit.Observations != r.tally.published {
		return wrong("observations", r.tally.published, audit.Observations)
	}
	if meta.Observations != r.tally.published {
		return wrong("observations of meta", r.tally.published, meta.Observations)
	}
	if audit.Blurred != r.tally.blurred {
		return wrong("blurred observations", r.tally.blurred, audit.Blurred)
	}
	for _, k := range []geo.Kind{geo.Commune, geo.Department, geo.Region, geo.Cell1, geo.Cell2, geo.Cell5, geo.Cell10, geo.Cell20, geo.Cell50} {
		if audit.ByKind[k] != r.tally.byKind[k] {
			return wrong("observations shown by "+k.String(), r.tally.byKind[k], audit.ByKind[k])
		}
	}
	for _, what := range r.sums.compare(got) {
		r.proof.leak(Leak{Name: "sums", Detail: what})
	}
	for y, n := range r.tally.years {
		if audit.Years[y] != n {
			return wrong(fmt.Sprint("observations of ", y), n, audit.Years[y])
		}
	}
	return nil
}
