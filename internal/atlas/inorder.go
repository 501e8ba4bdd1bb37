package atlas

import "runtime"

const (
	chunkItems  = 64
	chunksAhead = 8
)

// inOrder computes work(i) for every i below n on all processors, and calls use with the
// results one after another, in order of i, from this goroutine.
func inOrder[T any](n int, work func(i int) T, use func(i int, v T)) {
	type chunk struct {
		lo   int
		out  []T
		done chan struct{}
	}
	chunks := make([]chunk, (n+chunkItems-1)/chunkItems)
	todo := make(chan *chunk, chunksAhead)
	for range runtime.GOMAXPROCS(0) {
		go func() {
			for c := range todo {
				c.out = make([]T, min(chunkItems, n-c.lo))
				for k := range c.out {
					c.out[k] = work(c.lo + k)
				}
				close(c.done)
			}
		}()
	}
	sent := 0
	for i := range chunks {
		for ; sent < min(len(chunks), i+chunksAhead); sent++ {
			chunks[sent] = chunk{lo: sent * chunkItems, done: make(chan struct{})}
			todo <- &chunks[sent]
		}
		c := &chunks[i]
		<-c.done
		for k, v := range c.out {
			use(c.lo+k, v)
		}
		c.out = nil
	}
	close(todo)
}
