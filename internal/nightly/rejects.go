package nightly

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"garrigue/internal/fault"
	"garrigue/internal/ingest"
)

// writeRejects gives the rows of a batch that were refused back to their producer, in the
// producer's own format where that can be written, else as CSV.
func (s *Syncer) writeRejects(ctx context.Context, batch int64, path string) error {
	given, err := ingest.GiveBack(ctx, s.d.DB, batch, path, s.d.Lang)
	if err != nil || given.Instead == "" {
		return err
	}
	if err := os.Rename(path, strings.TrimSuffix(path, filepath.Ext(path))+".csv"); err != nil {
		return fault.Say(fault.Unavailable, "source.spool").Because(err)
	}
	return nil
}
