package ingest

import (
	"context"
	"slices"
	"strings"
	"time"

	"garrigue/internal/fault"
	"garrigue/internal/vault"
)

// recall returns the mapping remembered for files of the source with this header, nil when
// there is none, and what moved since the source's last file. A source whose file lost a column
// its mapping counts on is refused in one sentence: it would come in as other observations.
func (im *Importer) recall(ctx context.Context, s *source, header []string, o *Options) (*Mapping, drift, error) {
	k, err := im.db.MappingOf(ctx, o.Source, header)
	if err == nil {
		m, err := remembered{k}.mapping()
		return m, drift{}, err
	}
	if !fault.Is(err, fault.NotFound) || o.Source == "" {
		return nil, drift{}, ignore(err, fault.NotFound)
	}
	last, err := im.db.LastMapping(ctx, o.Source)
	if err != nil {
		return nil, drift{}, ignore(err, fault.NotFound)
	}
	moved := between(last.Header, header)
	m, err := remembered{last}.mapping()
	if err != nil || m == nil {
		return nil, moved, err
	}
	if _, err := m.meet(header, s.name); err != nil {
		return nil, moved, fault.Say(fault.Invalid, "mapping.moved", s.name, strings.Join(moved.removed, ", "), strings.Join(moved.added, ", ")).Because(err)
	}
	return m, moved, nil
}

func ignore(err error, kind fault.Kind) error {
	if fault.Is(err, kind) {
		return nil
	}
	return err
}

// remembered is a mapping of the register.
type remembered struct{ vault.Mapping }

func (r remembered) mapping() (*Mapping, error) {
	if r.Rules == "" {
		return nil, nil
	}
	return ParseMapping("", []byte(r.Rules))
}

// between tells which columns a header has lost and won.
func between(before, now []string) (d drift) {
	for _, h := range before {
		if !slices.Contains(now, h) {
			d.removed = append(d.removed, h)
		}
	}
	for _, h := range now {
		if h != "" && !slices.Contains(before, h) {
			d.added = append(d.added, h)
		}
	}
	return d
}

// remember keeps what the columns of an imported file were, so that the next file with the
// same header is read the same way: for a source always, for a file given by hand when
// something was told or proposed.
func (im *Importer) remember(ctx context.Context, header []string, p *planned, o *Options) error {
	if o.DryRun || o.Source == "" && p.mapping == nil {
		return nil
	}
	k := vault.Mapping{Source: o.Source, Header: header, Used: time.Now(), By: o.By}
	if p.mapping != nil {
		k.Rules = string(p.mapping.Text(nil, nil))
	}
	return im.db.PutMapping(ctx, k)
}

// Forget forgets the mapping remembered for files with the header of this one. NotFound when
// there is none.
func (im *Importer) Forget(ctx context.Context, path string, o Options) (err error) {
	defer fault.Wrap(&err, "ingest.Forget")
	s, err := openSource(path, o.wish())
	if err != nil {
		return err
	}
	defer s.Close()
	r, err := s.read()
	if err != nil {
		return err
	}
	defer r.close()
	return im.db.ForgetMapping(ctx, o.Source, r.header)
}
