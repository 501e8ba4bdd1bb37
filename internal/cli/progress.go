package cli

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"garrigue/internal/i18n"
)

// progress shows long work on stderr: a bar on a terminal, a line now and then elsewhere,
// nothing when quiet.
type progress struct {
	mu    sync.Mutex
	w     io.Writer
	lang  i18n.Lang
	term  bool
	quiet bool
	step  string
	bar   *progressbar.ProgressBar
	last  time.Time
}

func newProgress(e *env, quiet bool) *progress {
	return &progress{w: e.sys.Stderr, lang: e.lang, term: e.sys.Terminal, quiet: quiet}
}

// update tells that done of total (0: unknown) units of a step are done. step is a catalogue
// key or a ready sentence.
func (p *progress) update(step string, done, total int64) {
	if p.quiet {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	name := i18n.T(p.lang, step)
	now := time.Now()
	if step != p.step {
		p.finishBar()
		p.step, p.last = step, now
		if p.term {
			p.bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(p.w),
				progressbar.OptionSetDescription(name), progressbar.OptionSetWidth(30),
				progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
		} else {
			fmt.Fprintln(p.w, name)
		}
	}
	if p.bar != nil {
		if total > 0 {
			p.bar.ChangeMax64(total)
		}
		_ = p.bar.Set64(done) // a bar that cannot be drawn is no reason to stop
		return
	}
	if total > 0 && now.Sub(p.last) > 5*time.Second {
		p.last = now
		fmt.Fprintf(p.w, "%s : %d %%\n", name, 100*done/total)
	}
}

// finish ends the display.
func (p *progress) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finishBar()
}

func (p *progress) finishBar() {
	if p.bar != nil {
		_ = p.bar.Finish()
		p.bar = nil
	}
}
