package cli

import (
	"runtime/debug"
	"testing"
)

// TestBoundMemory: serving sets the collector, unless the operator did.
func TestBoundMemory(t *testing.T) {
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
	t.Cleanup(func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	})
	now := func() (int, int64) {
		p := debug.SetGCPercent(100)
		debug.SetGCPercent(p)
		return p, debug.SetMemoryLimit(-1)
	}
	t.Setenv("GOGC", "100")
	t.Setenv("GOMEMLIMIT", "1GiB")
	boundMemory()
	if p, l := now(); p != 100 || l != limit {
		t.Errorf("the operator's settings became %d%%, %d bytes", p, l)
	}
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	boundMemory()
	if p, l := now(); p != wastePercent || l != memoryLimit {
		t.Errorf("%d%%, %d bytes", p, l)
	}
}
