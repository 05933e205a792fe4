package session

import (
	"fmt"
	"strings"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/state"
)

// Kind is what a stretch is about.
type Kind string

// The kinds. A name stands beside those that are of one host or one instance.
const (
	// HostSilent: no SYN to another host was answered, by address.
	HostSilent Kind = "host-silent"
	// NotServing: an instance of another host does not serve as a master, by address.
	NotServing Kind = "not-serving"
	// CutOff: no peer and no witness has answered.
	CutOff Kind = "cut-off"
	// Busy: a local instance was busy in every look; OneCommand: with the same command.
	Busy       Kind = "busy"
	OneCommand Kind = "one-command"
	// Hung: a local instance takes connections, gives no answer, and does not work.
	Hung Kind = "hung"
	// TakenOver: a local master hangs, and an instance of another host leads in its place.
	TakenOver Kind = "taken-over"
	// WritesStopped: writes on a local instance are stopped.
	WritesStopped Kind = "writes-stopped"
	// LeftAlone: see Observation.LeftAlone. It has no name.
	LeftAlone Kind = "left-alone"
	// Unlinked: a local replica was not linked since this host started, and its master is not seen.
	Unlinked Kind = "unlinked"
	// VoteAsked: a local replica has asked for votes in vain.
	VoteAsked Kind = "vote-asked"
	// NoMaster, Overruled and Left are those of model.Pair.
	NoMaster  Kind = "no-master"
	Overruled Kind = "overruled"
	Left      Kind = "left"
	// Unconfirmed: a local master may be stale. Loading: a local instance reads its data.
	Unconfirmed Kind = "unconfirmed"
	Loading     Kind = "loading"
	// LeadsAlone: this host has led while every other one was silent and the witness answered.
	LeadsAlone Kind = "leads-alone"
	// PeersGone: every other host was silent, and the witness answered.
	PeersGone Kind = "peers-gone"
	// VIPNowhere: the VIP has answered nowhere.
	VIPNowhere Kind = "vip-nowhere"
)

// Topic is what one stretch is about: a kind, and the name of a host or an instance where there are several.
type Topic struct {
	Kind Kind
	Name string
}

// MarshalText is "KIND NAME".
func (t Topic) MarshalText() ([]byte, error) { return []byte(string(t.Kind) + " " + t.Name), nil }

// UnmarshalText reads what MarshalText wrote.
func (t *Topic) UnmarshalText(text []byte) error {
	kind, name, ok := strings.Cut(string(text), " ")
	if !ok {
		return fmt.Errorf("a stretch of %.40q has no kind", text)
	}
	t.Kind, t.Name = Kind(kind), name
	return nil
}

// Seen is a stretch that goes on: since when, and in how many looks.
type Seen struct {
	Since state.Stamp `json:"since"`
	Looks int         `json:"looks"`
}

// Stretches are those that go on.
type Stretches map[Topic]Seen

// Note counts one more look in which something was bad, or ends its stretch.
func (s Stretches) Note(k Kind, name string, bad bool, now state.Stamp) model.Stretch {
	t := Topic{k, name}
	if !bad {
		delete(s, t)
		return model.Stretch{}
	}
	seen, ok := s[t]
	if !ok || seen.Since.Boot != now.Boot {
		seen = Seen{Since: now}
	}
	seen.Looks++
	s[t] = seen
	return model.Stretch{For: now.Since(seen.Since), Looks: seen.Looks}
}

// Lasts: the stretch goes on.
func (s Stretches) Lasts(k Kind, name string) bool {
	_, ok := s[Topic{k, name}]
	return ok
}

// End ends a stretch.
func (s Stretches) End(k Kind, name string) { delete(s, Topic{k, name}) }

// EndAll ends every stretch of a kind.
func (s Stretches) EndAll(k Kind) {
	for t := range s {
		if t.Kind == k {
			delete(s, t)
		}
	}
}
