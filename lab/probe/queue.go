package probe

import (
	"cmp"
	"maps"
	"slices"
	"sync"
)

// queue hands events on in order, so that whoever makes one never waits for whoever reads it.
type queue struct {
	mu      sync.Mutex
	more    *sync.Cond
	waiting []Event
	closed  bool
	done    chan struct{}
}

func newQueue(emit func(Event)) *queue {
	q := &queue{done: make(chan struct{})}
	q.more = sync.NewCond(&q.mu)
	go func() {
		defer close(q.done)
		for {
			q.mu.Lock()
			for len(q.waiting) == 0 && !q.closed {
				q.more.Wait()
			}
			events := q.waiting
			q.waiting = nil
			q.mu.Unlock()
			if len(events) == 0 {
				return
			}
			for _, e := range events {
				emit(e)
			}
		}
	}()
	return q
}

func (q *queue) put(e Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, e)
	q.more.Signal()
}

// close returns once all events have been handed on.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.more.Signal()
	q.mu.Unlock()
	<-q.done
}

// byCount are the keys, the most frequent first.
func byCount(m map[string]int) []string {
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		return cmp.Or(m[b]-m[a], cmp.Compare(a, b))
	})
}
