package session_test

import (
	"encoding/json"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/state"
)

// ahead is a stamp of this boot that is still to come.
func ahead() state.Stamp {
	s := state.Now()
	s.Mono += time.Hour
	return s
}

// Every record that cannot be what we wrote is set aside with a warning, and the run goes on as if it were not there. One of a version with more in it
// is read as far as we know it.
func TestRecordsOfOtherMakers(t *testing.T) {
	now, future := state.Now(), ahead()
	for file, r := range map[string]struct {
		// good is a record that we may have written, later the same with a time to come; nil where it has no time.
		good, later any
	}{
		session.FenceFile:      {session.FenceRecord{Since: now, Count: 2}, session.FenceRecord{Since: now, HeardSince: &future}},
		session.SwitchoverFile: {session.SwitchoverRecord{From: model.At(netip.MustParseAddrPort("10.0.0.1:7000")), At: now}, session.SwitchoverRecord{At: future}},
		session.LineageFile:    {session.Lineage{Held: true, At: now}, session.Lineage{Stale: map[string]session.Staleness{"x": {Last: &future}}}},
		session.MemoryFile:     {session.Memory{LongGone: true, HeldSince: &now}, session.Memory{FirstLook: &future}},
		session.WritesFile:     {map[string]session.Writes{"10.0.0.1:7000": {Why: []session.Refusal{session.RefusedByFence}}}, nil},
		session.PeersFile:      {[]netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:7000")}, nil},
		session.WitnessFile:    {map[string]bool{"10.0.0.9": true}, nil},
		session.HistoryFile:    {[]model.Deed{{Do: model.Fence}}, nil},
		session.CountsFile:     {map[model.Verb]uint64{model.Fence: 3}, nil},
	} {
		load := func(text string) (found, aside bool, got any) {
			s, said := recording(t, t.TempDir())
			if err := s.Store.Durable.StoreBytes(file, []byte(text)); err != nil {
				t.Fatal(err)
			}
			into := reflect.New(reflect.TypeOf(r.good))
			found = s.Store.Load(s.Store.Durable, file, into.Interface())
			_, err := os.Stat(s.Store.Durable.Path(file + ".damaged"))
			if aside = err == nil; aside != strings.Contains(said.String(), "a state file cannot be used, going on without it") {
				t.Errorf("%s: %s is set aside: %v, and said: %s", file, text, aside, said)
			}
			return found, aside, into.Elem().Interface()
		}
		text := session.Text(r.good)
		if found, aside, got := load(text); !found || aside || session.Text(got) != text {
			t.Errorf("%s: %s is read as %s", file, text, session.Text(got))
		}
		bad := []string{"", "null", "{", `"text"`, text[:len(text)-1], text + "x"}
		if r.later != nil {
			bad = append(bad, session.Text(r.later))
		}
		for _, text := range bad {
			if found, aside, _ := load(text); found || !aside {
				t.Errorf("%s: %q is believed", file, text)
			}
		}
		if reflect.TypeOf(r.good).Kind() == reflect.Struct {
			var fields map[string]any
			if err := json.Unmarshal([]byte(text), &fields); err != nil {
				t.Fatal(err)
			}
			fields["of_a_later_version"] = []int{1}
			if found, aside, got := load(session.Text(fields)); !found || aside || session.Text(got) != text {
				t.Errorf("%s: with a field more it is read as %s", file, session.Text(got))
			}
		}
	}
}
