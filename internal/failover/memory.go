package failover

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/service"
	"keepalived-redis/internal/state"
)

// The state files. Volatile ones live in the run directory and are gone after a reboot; durable ones outlive it.
const (
	memoryFile   = "seen.json"    // volatile, there only while something lasts
	sentenceFile = "sentence"     // volatile: memory.Sentence, as plain text
	peersFile    = "peers.json"   // durable
	witnessFile  = "witness.json" // durable
	fenceFile    = "fence.json"   // durable
	moveFile     = "move.json"    // durable
)

// seen is the stretch for which something has been in a bad state.
type seen struct {
	Since state.Stamp `json:"since"`
	Looks int         `json:"looks"`
}

// memory is what one run leaves for the next of the same boot.
type memory struct {
	// HeldSince: the VIP has been here since then.
	HeldSince *state.Stamp `json:"held_since,omitempty"`
	// Alone: no peer and no witness has answered since then.
	Alone     *seen           `json:"alone,omitempty"`
	Boxes     map[string]seen `json:"boxes,omitempty"`
	Instances map[string]seen `json:"instances,omitempty"`
	BumpGoal  uint64          `json:"bump_goal,omitempty"`
	// MoveFailures and MoveNext hold back moves after a failed one.
	MoveFailures int          `json:"move_failures,omitempty"`
	MoveFailedAt *state.Stamp `json:"move_failed_at,omitempty"`
	// FirstLook is the first of this boot, PeerAnswered whether any peer has answered since. Linked names the instances that
	// have been part of a linked pair, and in which boot.
	FirstLook    *state.Stamp      `json:"first_look,omitempty"`
	PeerAnswered bool              `json:"peer_answered,omitempty"`
	Linked       map[string]string `json:"linked,omitempty"`
	Pulls        map[string]pull   `json:"pulls,omitempty"`
	// LinkedNames are the local nodes of a cluster that have been part of a linked pair in the boot LinkedBoot. Led have been
	// masters since the VIP has been here, and PulledAt is when one was pulled from us meanwhile.
	LinkedBoot  string        `json:"linked_boot,omitempty"`
	LinkedNames model.NameSet `json:"linked_names,omitempty"`
	Led         model.NameSet `json:"led,omitempty"`
	PulledAt    *state.Stamp  `json:"pulled_at,omitempty"`
	Lineage     *lineageMemo  `json:"lineage,omitempty"`
	// Able is what the last run has seen of the other boxes, see seeAble. TookVIP is since when this box is fit because the VIP answered nowhere.
	Able    *ableMemo    `json:"able,omitempty"`
	TookVIP *state.Stamp `json:"took_vip,omitempty"`
	// Severed are the local instances that have not been linked to a master since the last fence of this box began.
	Severed model.NameSet `json:"severed,omitempty"`
	// Confirmed are the local instances whose role is in no doubt, in the boot ConfirmedBoot; Guarded those on which writes are refused until then.
	ConfirmedBoot string        `json:"confirmed_boot,omitempty"`
	Confirmed     model.NameSet `json:"confirmed,omitempty"`
	Guarded       model.NameSet `json:"guarded,omitempty"`
	// Turns are the last ones of the event loops of local instances that are busy.
	Turns map[string]service.Turn `json:"turns,omitempty"`
	// Warned are the warnings that were logged and still hold.
	Warned []string `json:"warned,omitempty"`
	// Saving names the local instances whose data set is being kept aside, by a save that began after writes were stopped.
	Saving map[string]bool `json:"saving,omitempty"`
	// Sentence is the last one logged, so that a tick logs changes only.
	Sentence string `json:"-"`
}

// moveWait is how long the next move still has to wait: 30 s after a failure, doubling to an hour.
func (m *memory) moveWait(now state.Stamp) time.Duration {
	if m.MoveFailures == 0 || m.MoveFailedAt == nil {
		return 0
	}
	wait := min(30*time.Second<<min(m.MoveFailures-1, 7), time.Hour)
	return max(0, wait-now.Since(*m.MoveFailedAt))
}

// fenceRecord outlives a reboot: a fenced box stays fenced until a peer or the witness answers.
type fenceRecord struct {
	Since   state.Stamp `json:"since"`
	Stopped bool        `json:"stopped,omitempty"`
	// Values of min-slaves-to-write before the fence, by instance.
	Values map[string]string `json:"values,omitempty"`
	// HeardSince: the box of a peer has answered since then, be it by a refusal. UnansweredSince: no Redis there has, while a box or the
	// witness did.
	HeardSince      *state.Stamp `json:"heard_since,omitempty"`
	UnansweredSince *state.Stamp `json:"unanswered_since,omitempty"`
	// Lifted is when the last fence ended; Count doubles the hold-off of fences that follow each other.
	Lifted *state.Stamp `json:"lifted,omitempty"`
	Count  int          `json:"count,omitempty"`
}

// holdOff is 3 s for the first fence, doubled with each further one to 60 s.
func (f *fenceRecord) holdOff(first time.Duration) time.Duration {
	return min(first<<min(max(f.Count-1, 0), 5), 60*time.Second)
}

// moveRecord is the undo of a coordinated move, written before the first change.
type moveRecord struct {
	From  model.Instance `json:"from"`
	To    model.Instance `json:"to"`
	Pause bool           `json:"pause"`
	// Pair: From and To are a master and its replica outside a cluster.
	Pair bool `json:"pair,omitempty"`
	// Value of min-slaves-to-write on the old master, when Pause is false.
	Value string `json:"value,omitempty"`
}

// store loads and keeps the small files. A damaged file is a warning, never an error.
type store struct {
	run, durable state.Dir
	log          *zerolog.Logger
	dry          bool
	// onDisk is the memory as it was loaded or saved last, so that an unchanged one is not written.
	onDisk memory
}

// load reads one file; what cannot be read counts as not there, and is said.
func (s *store) load(d state.Dir, name string, v any) bool {
	read := d.Load
	if s.dry {
		read = d.Peek
	}
	found, err := read(name, v)
	if err != nil && !(s.dry && errors.Is(err, state.ErrDamaged)) {
		s.log.Warn().Err(err).Msg("a state file cannot be used, going on without it")
	}
	return found && err == nil
}

// save writes one file; a failure is said, and the programs go on from what they see.
func (s *store) save(d state.Dir, name string, v any) {
	if s.dry {
		return
	}
	if err := d.Store(name, v); err != nil {
		s.log.Warn().Err(err).Msg("state cannot be kept, going on without it")
	}
}

// saveText is save for plain text.
func (s *store) saveText(d state.Dir, name, text string) {
	if s.dry {
		return
	}
	if err := d.StoreBytes(name, []byte(text)); err != nil {
		s.log.Warn().Err(err).Msg("state cannot be kept, going on without it")
	}
}

func (s *store) remove(d state.Dir, name string) {
	if s.dry {
		return
	}
	if err := d.Remove(name); err != nil {
		s.log.Warn().Err(err).Msg("state cannot be removed")
	}
}

func (s *store) loadMemory() *memory {
	m := &memory{}
	s.load(s.run, memoryFile, m)
	text, _, err := s.run.Text(sentenceFile)
	if err != nil {
		s.log.Warn().Err(err).Msg("the last sentence cannot be read")
	}
	m.Sentence = strings.TrimSuffix(text, "\n")
	if m.Boxes == nil {
		m.Boxes = map[string]seen{}
	}
	if m.Instances == nil {
		m.Instances = map[string]seen{}
	}
	s.onDisk = m.clone()
	return m
}

func (s *store) saveMemory(m *memory) {
	if m.Sentence != s.onDisk.Sentence {
		s.saveText(s.run, sentenceFile, m.Sentence+"\n")
		s.onDisk.Sentence = m.Sentence
	}
	if reflect.DeepEqual(*m, s.onDisk) {
		return
	}
	// Reading JSON costs a check more than its looks, so where nothing lasts there is no file.
	if text(m) == "{}" {
		s.remove(s.run, memoryFile)
	} else {
		s.save(s.run, memoryFile, m)
	}
	s.onDisk = m.clone()
}

// clone is a copy that later changes of m do not reach.
func (m *memory) clone() memory {
	c := *m
	c.Boxes, c.Instances = maps.Clone(m.Boxes), maps.Clone(m.Instances)
	c.Linked, c.Saving, c.Pulls = maps.Clone(m.Linked), maps.Clone(m.Saving), maps.Clone(m.Pulls)
	c.Turns = maps.Clone(m.Turns)
	if m.Alone != nil {
		alone := *m.Alone
		c.Alone = &alone
	}
	return c
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// note counts one more look in which key was bad, or forgets it.
func note(m map[string]seen, key string, bad bool, now state.Stamp) model.Ail {
	if !bad {
		delete(m, key)
		return model.Ail{}
	}
	s, ok := m[key]
	if !ok || s.Since.Boot != now.Boot {
		s = seen{Since: now}
	}
	s.Looks++
	m[key] = s
	return model.Ail{For: now.Since(s.Since), Looks: s.Looks}
}
