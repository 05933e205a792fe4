package session

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/service"
	"keepalived-redis/internal/state"
)

// The state files. Volatile ones live in the run directory and are gone after a reboot; durable ones outlive it.
const (
	MemoryFile     = "seen.json"       // volatile, there only while there is something to keep
	saidFile       = "said.json"       // volatile: Memory.Said, apart, because seen.json is there seldom and costs more to read
	LookedFile     = "looked"          // volatile: when the last check run looked
	PeersFile      = "peers.json"      // durable
	WitnessFile    = "witness.json"    // durable
	FenceFile      = "fence.json"      // durable
	SwitchoverFile = "switchover.json" // durable
)

// Memory is what one run leaves for the next of the same boot.
type Memory struct {
	// HeldSince: the VIP has been here since then.
	HeldSince *state.Stamp `json:"held_since,omitempty"`
	// Stretches are the times for which something has been in a bad state without a break.
	Stretches Stretches `json:"stretches,omitempty"`
	BumpGoal  uint64    `json:"bump_goal,omitempty"`
	// SwitchoverFailures and SwitchoverFailedAt hold back switchovers after a failed one.
	SwitchoverFailures int          `json:"switchover_failures,omitempty"`
	SwitchoverFailedAt *state.Stamp `json:"switchover_failed_at,omitempty"`
	// FirstLook is the first of this boot, PeerAnswered whether any peer has answered since. Linked names the instances that
	// have been part of a linked pair, and in which boot.
	FirstLook    *state.Stamp      `json:"first_look,omitempty"`
	PeerAnswered bool              `json:"peer_answered,omitempty"`
	Linked       map[string]string `json:"linked,omitempty"`
	Takings      map[string]taking `json:"takings,omitempty"`
	// LinkedNames are the local nodes of a cluster that have been part of a linked pair since their servers started, in the boot LinkedBoot. Led have been
	// masters since the VIP has been here, and TakenAwayAt is when one was taken away from us meanwhile.
	LinkedBoot  string        `json:"linked_boot,omitempty"`
	LinkedNames model.NameSet `json:"linked_names,omitempty"`
	Led         model.NameSet `json:"led,omitempty"`
	TakenAwayAt *state.Stamp  `json:"taken_away_at,omitempty"`
	Lineage     *lineageMemo  `json:"lineage,omitempty"`
	// Able is what the last run has seen of the other hosts, see seeAble. TookVIP is since when this host is healthy because the VIP answered nowhere.
	Able    *AbleMemo    `json:"able,omitempty"`
	TookVIP *state.Stamp `json:"took_vip,omitempty"`
	// LongGone: every other host has been silent while the witness answered, for cold_start_wait, and none has been heard since.
	LongGone bool         `json:"long_gone,omitempty"`
	Virtual  *VirtualMemo `json:"virtual,omitempty"`
	// Severed are the local instances that have not been linked to a master since the last fence of this host began.
	Severed model.NameSet `json:"severed,omitempty"`
	// Confirmed are the local instances whose role is in no doubt, in the boot ConfirmedBoot; Guarded those on which writes are refused until then.
	ConfirmedBoot string        `json:"confirmed_boot,omitempty"`
	Confirmed     model.NameSet `json:"confirmed,omitempty"`
	Guarded       model.NameSet `json:"guarded,omitempty"`
	// Young are the run ids of those that were confirmed when they had just started.
	Young map[string]string `json:"young,omitempty"`
	// Leaders are the local instances that led when they last answered in the boot ConfirmedBoot, with the terms of their pairs, by name.
	Leaders map[string]uint64 `json:"leaders,omitempty"`
	// Gap is the last standstill of this host, while masters here wait for a peer's word since then.
	Gap *Gap `json:"gap,omitempty"`
	// Unwritten are the local instances whose role is being changed, and not known to be in their configuration files.
	Unwritten model.NameSet `json:"unwritten,omitempty"`
	// Turns are the last ones of the event loops of local instances that are busy.
	Turns map[string]service.Turn `json:"turns,omitempty"`
	// Warned are the keys of the warnings that were logged and still hold.
	Warned []string `json:"warned,omitempty"`
	// Saving names the local instances whose data set is being kept aside, by a save that began after writes were stopped.
	Saving map[string]bool `json:"saving,omitempty"`
	// Said are the keys of the clauses of the last decision, so that a run logs what is new.
	Said []string `json:"-"`
}

// Gap is a standstill of this host: when its end was seen, and how long it was.
type Gap struct {
	At  state.Stamp   `json:"at"`
	For time.Duration `json:"for_ns"`
}

// SwitchoverWait is how long the next switchover still has to wait: 30 s after a failure, doubling to an hour.
func (m *Memory) SwitchoverWait(now state.Stamp) time.Duration {
	if m.SwitchoverFailures == 0 || m.SwitchoverFailedAt == nil {
		return 0
	}
	wait := min(30*time.Second<<min(m.SwitchoverFailures-1, 7), time.Hour)
	return max(0, wait-now.Since(*m.SwitchoverFailedAt))
}

// FenceRecord outlives a reboot: a fenced host stays fenced until a peer or the witness answers.
type FenceRecord struct {
	Since   state.Stamp `json:"since"`
	Stopped bool        `json:"stopped,omitempty"`
	// Scripts: an instance runs scripts, on a version where what they write passes the refusal.
	Scripts bool `json:"scripts,omitempty"`
	// HeardSince: the host of a peer has answered since then, be it by a refusal. UnansweredSince: no Redis there has, while a host or the
	// witness did.
	HeardSince      *state.Stamp `json:"heard_since,omitempty"`
	UnansweredSince *state.Stamp `json:"unanswered_since,omitempty"`
	// Lifted is when the last fence ended; Count doubles the hold-off of fences that follow each other.
	Lifted *state.Stamp `json:"lifted,omitempty"`
	Count  int          `json:"count,omitempty"`
}

// HoldOff is 3 s for the first fence, doubled with each further one to 60 s.
func (f *FenceRecord) HoldOff(first time.Duration) time.Duration {
	return min(first<<min(max(f.Count-1, 0), 5), 60*time.Second)
}

// Switchovers are the undo records of the switchovers that were begun and not ended, one for each old master.
type Switchovers struct {
	Open []SwitchoverRecord `json:"open"`
}

// Without leaves out the record of an old master.
func (s Switchovers) Without(from model.Instance) Switchovers {
	s.Open = slices.DeleteFunc(slices.Clone(s.Open), func(m SwitchoverRecord) bool { return m.From.Name() == from.Name() })
	return s
}

// SwitchoverRecord is the undo of a switchover, written before the first change.
type SwitchoverRecord struct {
	From  model.Instance `json:"from"`
	To    model.Instance `json:"to"`
	Pause bool           `json:"pause"`
	// Scripts: it runs scripts or transactions, which pass a refusal of its version, so that for a moment all its clients are held back as well.
	Scripts bool `json:"scripts,omitempty"`
	// Pair: From and To are a master and its replica outside a cluster.
	Pair bool `json:"pair,omitempty"`
	// Sent: the new master has been told to lead, or may have been.
	Sent bool `json:"sent,omitempty"`
	// At is when it began, before writers were held back.
	At state.Stamp `json:"at"`
	// Tries is how often the undo has failed, and Tried when it last did.
	Tries int          `json:"tries,omitempty"`
	Tried *state.Stamp `json:"tried,omitempty"`
}

// Wait is how long the next try to undo it still has to wait: a second after a failure, doubling to half a minute.
func (m SwitchoverRecord) Wait(now state.Stamp) time.Duration {
	if m.Tries == 0 || m.Tried == nil {
		return 0
	}
	return max(0, min(time.Second<<min(m.Tries-1, 5), 30*time.Second)-now.Since(*m.Tried))
}

// Store loads and keeps the small files. A damaged file is a warning, never an error.
type Store struct {
	Run, Durable state.Dir
	log          *zerolog.Logger
	dry          bool
	// onDisk is the memory as it was loaded or saved last, so that an unchanged one is not written.
	onDisk Memory
	// pending is what a look has found to write, looked when it began.
	pending []pending
	looked  *state.Stamp
}

// pending is one file to write, or to set aside because of a damage.
type pending struct {
	dir  state.Dir
	name string
	data []byte
	// damaged is nil, or of the type that the file could not be read into.
	damaged any
}

// Later notes that a file is to be written: who looks writes nothing.
func (s *Store) Later(d state.Dir, name string, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		s.log.Warn().Err(err).Msg("state cannot be kept, going on without it")
		return
	}
	s.pending = append(s.pending, pending{dir: d, name: name, data: append(data, '\n')})
}

// MarkLater notes when a check run has looked.
func (s *Store) MarkLater(now state.Stamp) { s.looked = &now }

// LastLook is when the last check run has looked.
func (s *Store) LastLook() (state.Stamp, bool) { return s.Run.Marked(LookedFile) }

// Keep writes what a look has found to write, and the memory. The time of the look comes last: a run that is killed before leaves the gap between the
// looks to the next one.
func (s *Store) Keep(m *Memory) {
	todo := s.pending
	s.pending = nil
	for _, p := range todo {
		switch {
		case s.dry:
		case p.damaged != nil:
			if _, err := p.dir.Load(p.name, p.damaged); err != nil {
				s.log.Warn().Err(err).Msg("a state file cannot be used, going on without it")
			}
		default:
			if err := p.dir.StoreBytes(p.name, p.data); err != nil {
				s.log.Warn().Err(err).Msg("state cannot be kept, going on without it")
			}
		}
	}
	s.SaveMemory(m)
	if s.looked != nil && !s.dry {
		if err := s.Run.Mark(LookedFile, *s.looked); err != nil {
			s.log.Warn().Err(err).Msg("state cannot be kept, going on without it")
		}
	}
	s.looked = nil
}

// Load reads one file for what acts. What cannot be read counts as not there, and is said; what is damaged is set aside.
func (s *Store) Load(d state.Dir, name string, v any) bool {
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

// Peek is Load for what looks: what is damaged is set aside when the look is over.
func (s *Store) Peek(d state.Dir, name string, v any) bool {
	found, err := d.Peek(name, v)
	switch {
	case errors.Is(err, state.ErrDamaged):
		if !slices.ContainsFunc(s.pending, func(p pending) bool { return p.dir == d && p.name == name }) {
			s.pending = append(s.pending, pending{dir: d, name: name, damaged: reflect.New(reflect.TypeOf(v).Elem()).Interface()})
		}
	case err != nil:
		s.log.Warn().Err(err).Msg("a state file cannot be used, going on without it")
	}
	return found && err == nil
}

// Save writes one file; a failure is said, and the programs go on from what they see.
func (s *Store) Save(d state.Dir, name string, v any) {
	if s.dry {
		return
	}
	if err := d.Store(name, v); err != nil {
		s.log.Warn().Err(err).Msg("state cannot be kept, going on without it")
	}
}

// Remove removes one file; a failure is said.
func (s *Store) Remove(d state.Dir, name string) {
	if s.dry {
		return
	}
	if err := d.Remove(name); err != nil {
		s.log.Warn().Err(err).Msg("state cannot be removed")
	}
}

// LoadMemory is what the last run left, empty where it left nothing.
func (s *Store) LoadMemory() *Memory {
	m := &Memory{}
	s.Peek(s.Run, MemoryFile, m)
	s.Peek(s.Run, saidFile, &m.Said)
	if m.Stretches == nil {
		m.Stretches = Stretches{}
	}
	s.onDisk = m.clone()
	return m
}

// SaveMemory writes the memory where it has changed.
func (s *Store) SaveMemory(m *Memory) {
	if !slices.Equal(m.Said, s.onDisk.Said) {
		s.Save(s.Run, saidFile, m.Said)
		s.onDisk.Said = m.Said
	}
	if reflect.DeepEqual(*m, s.onDisk) {
		return
	}
	// Where there is nothing to keep, as with instances on their own, there is no file to read in every check.
	if Text(m) == "{}" {
		s.Remove(s.Run, MemoryFile)
	} else {
		s.Save(s.Run, MemoryFile, m)
	}
	s.onDisk = m.clone()
}

// clone is a copy that later changes of m do not reach.
func (m *Memory) clone() Memory {
	c := *m
	c.Stretches = maps.Clone(m.Stretches)
	c.Linked, c.Saving, c.Takings = maps.Clone(m.Linked), maps.Clone(m.Saving), maps.Clone(m.Takings)
	c.Turns, c.Young, c.Leaders = maps.Clone(m.Turns), maps.Clone(m.Young), maps.Clone(m.Leaders)
	return c
}

// Text is a value as JSON, to see whether it has changed.
func Text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// AbleMemo is how many instances of each other host the last run has seen able to serve.
type AbleMemo struct {
	Boot  string             `json:"boot"`
	Count map[netip.Addr]int `json:"count"`
}

// VirtualMemo is which of the witnesses Of had a hardware address that several routers share, At that time.
type VirtualMemo struct {
	At    state.Stamp `json:"at"`
	Of    string      `json:"of"`
	Names string      `json:"names,omitempty"`
}

// taking is what is known of a master that the peer may take away from this host. Both times belong to one stretch of the VIP.
type taking struct {
	// Held is since when the VIP has been here; Led: the instance was the master in that time.
	Held state.Stamp `json:"held"`
	Led  bool        `json:"led,omitempty"`
	// Heard: the peer has answered in that time, or the instance has been given a new term.
	Heard bool `json:"heard,omitempty"`
	// At is when it was last seen taken away.
	At *state.Stamp `json:"at,omitempty"`
}

// Unheard: see Pair. It goes by what takenAway has noted.
func (m *Memory) Unheard(name string, l model.Look) bool {
	p, held := m.Takings[name]
	return held && l.Role() == model.Master && !p.Heard
}

// Heard notes that the instance has its new term.
func (m *Memory) Heard(name string) {
	if p, held := m.Takings[name]; held {
		p.Heard = true
		m.Takings[name] = p
	}
}

// pulled: two hosts that both hold the VIP would take the master from each other for ever.
func (m *Memory) TakenAway(name string, held bool, l, peer model.Look, now state.Stamp) bool {
	if !held || m.HeldSince == nil || l.Info == nil {
		delete(m.Takings, name)
		return false
	}
	p := m.Takings[name]
	if p.Held != *m.HeldSince {
		p = taking{Held: *m.HeldSince}
	}
	p.Heard = p.Heard || peer.Info != nil
	switch {
	case l.Role() == model.Master:
		p.Led = true
	case p.Led && peer.State.Serves() && peer.Role() == model.Master:
		p.Led, p.At = false, &now
	}
	if p.At != nil && (now.Since(*p.At) >= TakenAwayFor || peer.Role() == model.Master && peer.Term.Released) {
		p.At = nil
	}
	if m.Takings == nil {
		m.Takings = map[string]taking{}
	}
	m.Takings[name] = p
	return p.At != nil && l.Role() == model.Replica
}

// Confirm takes the local instances that answer for confirmed, because a person, or the end of a fence, says so.
func (m *Memory) Confirm(looks []model.Look, now state.Stamp) {
	if m.ConfirmedBoot != now.Boot {
		m.ConfirmedBoot, m.Confirmed = now.Boot, nil
	}
	for _, l := range looks {
		if !l.State.Alive() {
			continue
		}
		m.Confirmed = m.Confirmed.With(l.Instance.Name())
		m.Stretches.End(Unconfirmed, l.Instance.Name())
	}
}

// guarded: writes on a local instance are refused until it is confirmed.
func (m *Memory) IsGuarded(i model.Instance) bool { return m.Guarded.Has(i.Name()) }

// TakenAwayFor is how long a host that lost a master to its peer does not take it back.
const TakenAwayFor = time.Minute
