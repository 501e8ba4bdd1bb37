package source

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"garrigue/internal/fault"
)

// change is one line of the API's list of changes.
type change struct {
	Sighting  digits `json:"id_sighting"`
	Universal digits `json:"id_universal"`
	Type      string `json:"modification_type"`
}

// changes asks what changed in a group since it was last read: what was deleted goes into the
// run at once, the numbers of what was changed into a file beside, for the step "updated".
func (v *visio) changes(ctx context.Context, p *pages, at *visioWhere, group string) error {
	overlap, err := durationOption(v.cfg, OptionOverlap, time.Hour)
	if err != nil {
		return err
	}
	since, until := at.Next.Since[group].Add(-overlap), v.now()
	params := url.Values{"id_taxo_group": {group}, "modification_type": {"all"}, "date": {since.In(v.zone).Format("15:04:05 02.01.2006")}}
	var all []change
	var seen visioWhere // keys of this list, which is asked for whole
	for {
		b, key, err := v.ask(ctx, "/observations/diff/", params, nil)
		if err != nil {
			return err
		}
		page, err := v.changeList(b)
		if err != nil {
			return err
		}
		all = append(all, page...)
		if err := seen.turn(key, place(v.base)); err != nil {
			return err
		}
		if key == "" {
			break
		}
		params.Set("pagination_key", key)
	}
	var updated []string
	var deleted []map[string]string
	for _, c := range all {
		switch {
		case c.Sighting == "" && c.Universal == "":
		case c.Type == "deleted":
			deleted = append(deleted, map[string]string{"id_sighting": string(c.Sighting), "id_universal": string(c.Universal)})
		case c.Sighting != "":
			updated = append(updated, string(c.Sighting))
		}
	}
	slices.Sort(updated)
	if err := writeIDs(p.idsPath(group), slices.Compact(updated)); err != nil {
		return err
	}
	at.Next.Since[group] = until
	at.Gone += len(deleted)
	at.after()
	if len(deleted) == 0 {
		return p.move(at)
	}
	page, err := json.Marshal(map[string]any{"data": map[string]any{"deleted": deleted}})
	if err != nil {
		return err
	}
	return p.add(page, at)
}

// changeList reads the list, which comes bare or as the data of an answer.
func (v *visio) changeList(b []byte) ([]change, error) {
	var wrapped struct {
		Data []change `json:"data"`
	}
	var bare []change
	switch {
	case json.Unmarshal(b, &bare) == nil:
		return bare, nil
	case json.Unmarshal(b, &wrapped) == nil:
		return wrapped.Data, nil
	}
	return nil, fault.Say(fault.Invalid, "source.visionature.not_site", place(v.base))
}

func (p *pages) idsPath(group string) string { return filepath.Join(p.dir, "changed-"+group+".json") }

// writeIDs puts the numbers on disk before the cursor says that they are there.
func writeIDs(path string, ids []string) error {
	b, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return spoolError(err)
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return spoolError(err)
	}
	return spoolError(os.Rename(path+".new", path))
}

func readIDs(path string) (ids []string, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, spoolError(err)
	}
	if err := json.Unmarshal(b, &ids); err != nil {
		return nil, spoolError(err)
	}
	return ids, nil
}

// updated asks for the next observations of a group that changed, a hundred at a time, and one
// by one for those the list leaves out.
func (v *visio) updated(ctx context.Context, p *pages, at *visioWhere, group string) error {
	ids, err := readIDs(p.idsPath(group))
	if err != nil {
		return err
	}
	if at.ID >= len(ids) {
		at.after()
		return p.move(at)
	}
	slice := ids[at.ID:min(at.ID+sliceOfIDs, len(ids))]
	params := url.Values{"id_taxo_group": {group}, "id_sightings_list": {strings.Join(slice, ",")}, "short_version": {"0"}}
	var parts visioLists
	missing := slices.Clone(slice)
	var keys visioWhere
	for {
		page, key, err := v.ask(ctx, "/observations", params, nil)
		if err != nil {
			return err
		}
		l, err := v.lists(page)
		if err != nil {
			return err
		}
		parts.Sightings, parts.Forms = append(parts.Sightings, l.Sightings...), append(parts.Forms, l.Forms...)
		if err := keys.turn(key, place(v.base)); err != nil {
			return err
		}
		if key == "" {
			break
		}
		params.Set("pagination_key", key)
	}
	given := parts.ids()
	missing = slices.DeleteFunc(missing, func(id string) bool { return given[id] })
	for _, id := range missing {
		if err := v.one(ctx, at, id, &parts); err != nil {
			return err
		}
	}
	at.ID += len(slice)
	page, err := json.Marshal(map[string]any{"data": map[string]any{"sightings": parts.Sightings, "forms": parts.Forms}})
	if err != nil {
		return err
	}
	return v.keep(p, at, page)
}

// one asks for one observation. One that is not there, or not for us, is only counted: were it
// deleted, the list of changes would say so.
func (v *visio) one(ctx context.Context, at *visioWhere, id string, parts *visioLists) error {
	if err := apiPause(ctx, v.env, v.cfg); err != nil {
		return err
	}
	page, _, err := v.ask(ctx, "/observations/"+url.PathEscape(id), url.Values{"short_version": {"0"}}, nil)
	var e *fault.Error
	if errors.As(err, &e) && (e.Kind == fault.NotFound || e.Key == "source.visionature.forbidden") { // not: wrong keys or password
		at.Unseen++
		return nil
	}
	if err != nil {
		return err
	}
	l, err := v.lists(page)
	if err != nil {
		return err
	}
	if len(l.Sightings)+len(l.Forms) == 0 {
		at.Unseen++
	}
	parts.Sightings, parts.Forms = append(parts.Sightings, l.Sightings...), append(parts.Forms, l.Forms...)
	return nil
}

// ids returns the numbers of the observations of an answer.
func (l visioLists) ids() map[string]bool {
	out := map[string]bool{}
	add := func(raw list) {
		for _, r := range raw {
			var s struct {
				Observers []struct {
					ID digits `json:"id_sighting"`
				} `json:"observers"`
			}
			if json.Unmarshal(r, &s) == nil {
				for _, o := range s.Observers {
					out[string(o.ID)] = true
				}
			}
		}
	}
	add(l.Sightings)
	for _, f := range l.Forms {
		var form struct {
			Sightings list `json:"sightings"`
		}
		if json.Unmarshal(f, &form) == nil {
			add(form.Sightings)
		}
	}
	return out
}
