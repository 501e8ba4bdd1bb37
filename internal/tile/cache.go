package tile

import (
	"container/list"
	"sync"
)

// cache keeps what was used last within a number of bytes. Names hold the snapshot's id, so
// that a new snapshot never meets an old answer; old ones leave as they age.
type cache[K comparable, V any] struct {
	mu    sync.Mutex
	limit int
	used  int
	order *list.List // front: most recent
	byKey map[K]*list.Element
}

type entry[K comparable, V any] struct {
	key  K
	v    V
	size int
}

func newCache[K comparable, V any](limit int) *cache[K, V] {
	return &cache[K, V]{limit: limit, order: list.New(), byKey: map[K]*list.Element{}}
}

func (c *cache[K, V]) get(k K) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byKey[k]
	if !ok {
		var zero V
		return zero, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*entry[K, V]).v, true
}

// put keeps v; what is larger than a quarter of the whole is not kept at all.
func (c *cache[K, V]) put(k K, v V, size int) {
	if size > c.limit/4 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.byKey[k]; ok {
		old := e.Value.(*entry[K, V])
		c.used += size - old.size
		old.v, old.size = v, size
		c.order.MoveToFront(e)
	} else {
		c.byKey[k] = c.order.PushFront(&entry[K, V]{k, v, size})
		c.used += size
	}
	for c.used > c.limit {
		e := c.order.Back()
		old := c.order.Remove(e).(*entry[K, V])
		delete(c.byKey, old.key)
		c.used -= old.size
	}
}
