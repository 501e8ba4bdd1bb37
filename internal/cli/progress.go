package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"garrigue/internal/fault"
	"garrigue/internal/i18n"
)

// progressMode is how long work is shown.
type progressMode uint8

// A bar on a terminal and nothing elsewhere, by default; nothing; one JSON object a line.
const (
	progressAuto progressMode = iota
	progressNone
	progressJSON
)

// parseProgress reads the flag --progress.
func parseProgress(s string) (progressMode, error) {
	switch s {
	case "", "auto":
		return progressAuto, nil
	case "none":
		return progressNone, nil
	case "json":
		return progressJSON, nil
	}
	return 0, fault.Say(fault.Invalid, "progress.mode", s)
}

// progressEvent is a line of --progress json. A step begins and ends with one; between, there
// are at most five a second.
type progressEvent struct {
	Step   string `json:"step"` // a name that does not change with the language
	Text   string `json:"text"` // the same for people
	Source string `json:"source,omitempty"`
	File   string `json:"file,omitempty"`
	Done   int64  `json:"done"`
	Total  int64  `json:"total"` // 0: unknown
	Rows   int    `json:"rows,omitempty"`
	End    bool   `json:"end,omitempty"` // the step is over
}

// progress shows long work on stderr.
type progress struct {
	mu    sync.Mutex
	w     io.Writer
	lang  i18n.Lang
	mode  progressMode
	term  bool
	event progressEvent // the last one
	bar   *progressbar.ProgressBar
	told  time.Time
}

// newProgress shows work as --progress says; quiet hides the bar, not the events somebody asked
// for.
func newProgress(e *env, quiet bool) *progress {
	p := &progress{w: e.sys.Stderr, lang: e.lang, mode: e.progress, term: e.sys.Terminal}
	if p.mode == progressAuto && (quiet || !p.term) {
		p.mode = progressNone
	}
	return p
}

// update tells that done of total (0: unknown) units of a step are done. step is a catalogue
// key or a file's name.
func (p *progress) update(step string, done, total int64) {
	p.show(progressEvent{Step: step, Text: i18n.T(p.lang, step), Done: done, Total: total})
}

// show tells a step; another Text than before begins another step.
func (p *progress) show(ev progressEvent) {
	if p.mode == progressNone {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	begins := ev.Text != p.event.Text
	if begins {
		p.end()
	}
	p.event = ev
	now := time.Now()
	switch {
	case p.mode == progressJSON:
		if begins || now.Sub(p.told) >= 200*time.Millisecond {
			p.told = now
			p.line(ev)
		}
		return
	case begins || p.bar == nil:
		p.bar = progressbar.NewOptions64(max(ev.Total, -1), progressbar.OptionSetWriter(p.w),
			progressbar.OptionSetDescription(ev.Text), progressbar.OptionSetWidth(30),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	}
	if ev.Total > 0 {
		p.bar.ChangeMax64(ev.Total)
	}
	_ = p.bar.Set64(ev.Done) // a bar that cannot be drawn is no reason to stop
}

// line writes one event.
func (p *progress) line(ev progressEvent) {
	if b, err := json.Marshal(ev); err == nil {
		fmt.Fprintln(p.w, string(b))
	}
}

// finish ends the display.
func (p *progress) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end()
}

func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Finish()
		p.bar = nil
	}
	if p.mode == progressJSON && p.event.Text != "" {
		p.event.End = true
		p.line(p.event)
	}
	p.event = progressEvent{}
}
