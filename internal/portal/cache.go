package portal

import (
	"container/list"
	"sync"
)

// finished is a page ready to be sent.
type finished struct {
	etag     string // without quotes
	kind     string // Content-Type
	lang     string
	body     []byte // gzip
	download string // file name offered, "" to show it
}

func (f *finished) size() int { return len(f.body) + len(f.etag) + 200 }

// cache keeps finished pages of one snapshot in memory, the least recently used leaving
// first, within a number of bytes. It is safe for concurrent use.
type cache struct {
	mu    sync.Mutex
	limit int
	used  int
	of    string // snapshot
	order *list.List
	items map[string]*list.Element
}

type cacheItem struct {
	key  string
	page *finished
}

func newCache(limit int) *cache {
	return &cache{limit: limit, order: list.New(), items: map[string]*list.Element{}}
}

// get returns a page of a snapshot, nil when it is not there. Asking for another snapshot than
// the one held empties the cache.
func (c *cache) get(snapshot, key string) *finished {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of != snapshot {
		c.of, c.used = snapshot, 0
		c.order.Init()
		clear(c.items)
		return nil
	}
	e := c.items[key]
	if e == nil {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*cacheItem).page
}

func (c *cache) put(snapshot, key string, page *finished) {
	if page.size() > c.limit/8 {
		return // one page must not chase the others out
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of != snapshot {
		return // made from a snapshot that left while it was being made
	}
	if e := c.items[key]; e != nil {
		c.used += page.size() - e.Value.(*cacheItem).page.size()
		e.Value.(*cacheItem).page = page
		c.order.MoveToFront(e)
	} else {
		c.items[key] = c.order.PushFront(&cacheItem{key, page})
		c.used += page.size()
	}
	for c.used > c.limit {
		e := c.order.Back()
		it := e.Value.(*cacheItem)
		c.order.Remove(e)
		delete(c.items, it.key)
		c.used -= it.page.size()
	}
}
