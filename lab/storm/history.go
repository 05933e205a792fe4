package storm

import (
	"slices"
	"sync"

	"keepalived-redis/lab/host"
)

// Outcome is what a client knows of one write.
type Outcome string

// The outcomes. Unknown is a write that may or may not be there: its answer did not come.
const (
	Acknowledged Outcome = "acknowledged"
	Refused      Outcome = "refused"
	Unknown      Outcome = "unknown"
)

// Write is one append of a value that no other write has.
type Write struct {
	Key, Value string
	// Sent and Done are the instants before and after it.
	Sent, Done host.Mono
	Outcome    Outcome
	// Node is the instance that answered, by its own address; empty if nobody knows.
	Node string
	// Waited says that the client asked with WAIT 1, and a replica has it.
	Waited bool
}

// History is all that the clients saw. Its methods may be called at the same time.
type History struct {
	mu     sync.Mutex
	writes []Write
	// forgotten is how many writes have been checked and dropped.
	forgotten int
	read      map[string]map[string]bool
	// last is the latest acknowledgement of each key's client, by name of the client.
	last map[string]host.Mono
}

func newHistory() *History {
	return &History{read: map[string]map[string]bool{}, last: map[string]host.Mono{}}
}

func (h *History) add(client string, w Write) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.writes = append(h.writes, w)
	if w.Outcome == Acknowledged {
		h.last[client] = w.Done
	}
}

// saw notes that a client has read a value.
func (h *History) saw(key, value string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.read[key] == nil {
		h.read[key] = map[string]bool{}
	}
	h.read[key][value] = true
}

// Writes are those that were done by an instant.
func (h *History) Writes(by host.Mono) []Write {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(h.writes), func(w Write) bool { return w.Done > by })
}

// silentSince names the clients without an acknowledgement since an instant.
func (h *History) silentSince(clients []string, at host.Mono) (names []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range clients {
		if h.last[c] <= at {
			names = append(names, c)
		}
	}
	return names
}

// forget drops what was done by an instant and has been checked: what is lost is told once.
func (h *History) forget(by host.Mono) {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := len(h.writes)
	h.writes = slices.DeleteFunc(h.writes, func(w Write) bool { return w.Done <= by })
	h.forgotten += all - len(h.writes)
	h.read = map[string]map[string]bool{}
}

// count is how many writes were tried in all.
func (h *History) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.forgotten + len(h.writes)
}
