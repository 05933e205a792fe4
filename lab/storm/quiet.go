package storm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/reason"
	"keepalived-redis/lab"
	"keepalived-redis/lab/host"
	"keepalived-redis/lab/resp"
)

const (
	// recoverLimit is how long all may take to be whole again without help.
	recoverLimit = 60 * time.Second
	// calmFor is how long it must stay whole: what is still to move would disturb it.
	calmFor = 2 * time.Second
	// calmPeriod is how often it is looked at; nothing is measured by it.
	calmPeriod = 100 * time.Millisecond
)

// notCalm is the finding that something did not recover.
type notCalm struct{ missing string }

// Error says what is missing.
func (e *notCalm) Error() string { return "not recovered without help: " + e.missing }

// Calm is how a storm came to rest.
type Calm struct {
	// Whole is when all was whole, counted from the end of the faults.
	Whole time.Duration
	// Allowed is by when it had to be, and Why why that is more than recoverLimit.
	Allowed time.Duration
	Why     string
}

// awaitCalm waits until all is whole, and stays so. What the time line has since the begin of the round may allow more time.
func (s *Storm) awaitCalm(ctx context.Context, began host.Mono) (Calm, error) {
	ended := host.Now()
	var since host.Mono
	tick := time.NewTicker(calmPeriod)
	defer tick.Stop()
	for {
		at := host.Now()
		missing := s.missing(ctx, ended)
		allowed, why := s.allowed(began)
		switch {
		case missing != "" && at.Sub(ended) > allowed+calmFor:
			return Calm{}, &notCalm{fmt.Sprintf("%s after the last fault: %s; %s", at.Sub(ended).Round(time.Second), missing, s.lab.Timeline.View())}
		case missing != "":
			since = 0
		case since == 0:
			since = at
		case at.Sub(since) >= calmFor:
			return Calm{since.Sub(ended), allowed, why}, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return Calm{}, fmt.Errorf("wait for calm: %w", context.Cause(ctx))
		}
	}
}

// missing says what is missing for a good end, or nothing.
func (s *Storm) missing(ctx context.Context, after host.Mono) string {
	if holders := s.lab.Timeline.View().Holders(); len(holders) != 1 {
		return fmt.Sprintf("the VIP is on %q", holders)
	}
	if missing := s.lab.NotWhole(ctx); missing != "" {
		return missing
	}
	for _, b := range s.lab.Hosts() {
		for _, a := range b.Instances() {
			// Under its name of every version.
			needs, err := resp.Ask(ctx, askLimit, a, "CONFIG", "GET", "min-slaves-to-write")
			if err != nil {
				return err.Error()
			}
			if len(needs) != 2 || needs[1] != s.variant.Needs {
				return fmt.Sprintf("%s refuses writes without %v replicas", a, needs[1:])
			}
		}
	}
	recently := max(after, host.Now().Add(-time.Second))
	if silent := s.history.silentSince(s.clients, recently); len(silent) > 0 {
		return fmt.Sprintf("no write of %s goes through", strings.Join(silent, ", "))
	}
	return ""
}

// cold are the reasons of a host that waits because it has started cold.
var cold = []model.Reason{reason.ColdStart, reason.WaitsForPeer, reason.NeverLinked}

// resyncWords is what a replica logs when it has to get everything again.
const resyncWords = "Full resync from master"

// resyncs counts the full resyncs since the last time: they are no finding, but cost time and network.
func (s *Storm) resyncs() int {
	all := 0
	for _, b := range s.lab.Hosts() {
		for _, p := range b.Ports {
			// An instance that never started has no log.
			text, _ := os.ReadFile(filepath.Join(b.Dir(), "log", fmt.Sprintf("redis_%d.log", p)))
			all += strings.Count(string(text), resyncWords)
		}
	}
	since := all - s.resynced
	s.resynced = all
	return since
}

// allowed is how long the recovery may take: a cold start waits for its peer, and the hold-off of a fence doubles with each.
func (s *Storm) allowed(began host.Mono) (time.Duration, string) {
	most, why := time.Duration(0), ""
	for _, b := range s.lab.Hosts() {
		if hold := holdOff(b); hold > most {
			most, why = hold, fmt.Sprintf("the fence of %s has a hold-off of %s", b.Name, hold)
		}
	}
	_, waits := s.lab.Timeline.Last(func(e lab.Event) bool {
		return e.Kind == host.EventLog && e.At >= began && slices.ContainsFunc(cold, func(r model.Reason) bool { return reason.In(e.Text, r) })
	})
	if waits {
		most, why = most+recoverLimit, strings.TrimPrefix(why+"; a host started cold", "; ")
	}
	return recoverLimit + most, why
}

// holdOff is how long a peer must answer until the fence of a host lifts: 3 s, doubling with each fence up to a minute.
func holdOff(b *lab.Host) time.Duration {
	var fence struct {
		Lifted json.RawMessage `json:"lifted"`
		Count  int             `json:"count"`
	}
	text, err := os.ReadFile(filepath.Join(b.Dir(), "state", "fence.json"))
	// No file, no fence; half a file is told by the programs themselves.
	if err != nil || json.Unmarshal(text, &fence) != nil || fence.Count == 0 {
		return 0
	}
	return min(3*time.Second<<min(fence.Count-1, 10), time.Minute)
}

// probeKey is written to by the check alone.
func probeKey(tag string) string { return fmt.Sprintf("probe:{%s}", tag) }

// masterTries is how often an answer is asked for that is none: on a busy machine a master may miss its replica for a moment.
const masterTries = 3

// checkMasters: each slot, or each port of a pair, takes a write on exactly one instance.
func (s *Storm) checkMasters(ctx context.Context) (wrong []string) {
	for _, tag := range tags {
		for try := 1; ; try++ {
			takes, err := s.whoTakes(ctx, tag)
			if len(takes) == 1 && err == nil {
				break
			}
			// Two are wrong at once.
			if len(takes) <= 1 && try < masterTries {
				continue
			}
			if err != nil {
				wrong = append(wrong, err.Error())
			}
			if len(takes) != 1 {
				wrong = append(wrong, fmt.Sprintf("the slot of %q takes writes on %d instances: %v", tag, len(takes), takes))
			}
			break
		}
	}
	return wrong
}

// whoTakes are the instances that take a write to a slot; the error tells of those that do not answer at all.
func (s *Storm) whoTakes(ctx context.Context, tag string) (takes []string, err error) {
	for _, b := range s.lab.Hosts() {
		for _, a := range b.Instances() {
			_, asked := resp.Ask(ctx, time.Second, a, "SET", probeKey(tag), "1")
			var no resp.Error
			switch {
			case asked == nil:
				takes = append(takes, a)
			case !errors.As(asked, &no):
				err = errors.Join(err, asked)
			}
		}
	}
	return takes, err
}

// readLists reads every list of the clients from its master, those of earlier rounds too.
func (s *Storm) readLists(ctx context.Context, writes []Write) (map[string][]string, error) {
	lists := map[string][]string{}
	for k := range s.settled {
		lists[k] = nil
	}
	for _, w := range writes {
		lists[w.Key] = nil
	}
	for k := range lists {
		values, err := s.readList(ctx, k)
		if err != nil {
			return nil, err
		}
		lists[k] = values
	}
	return lists, nil
}

// readLimit is how long a list may be asked for.
const readLimit = 10 * time.Second

// readList reads one list, from the instance that says it is its master.
func (s *Storm) readList(ctx context.Context, key string) ([]string, error) {
	deadline := time.Now().Add(readLimit)
	for {
		var last error
		for _, b := range s.lab.Hosts() {
			for _, a := range b.Instances() {
				if s.lab.Timeline.View().Role[a] != "master" {
					continue
				}
				values, err := resp.Ask(ctx, readLimit/4, a, "LRANGE", key, "0", "-1")
				if err == nil {
					return values, nil
				}
				last = err
			}
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("read %s back: %w", key, last)
		}
		select {
		case <-time.After(calmPeriod):
		case <-ctx.Done():
			return nil, fmt.Errorf("read %s back: %w", key, context.Cause(ctx))
		}
	}
}

// check compares all that was promised with what is there now. What it has seen is forgotten: a later check looks only whether it is still there.
func (s *Storm) check(ctx context.Context) (wrong []string, excused Excused, err error) {
	wrong = s.checkMasters(ctx)
	if holders := s.lab.Timeline.View().Holders(); len(holders) != 1 {
		wrong = append(wrong, fmt.Sprintf("the VIP is on %q", holders))
	}
	now := host.Now()
	writes := s.history.Writes(now)
	lists, err := s.readLists(ctx, writes)
	if err != nil {
		return wrong, nil, err
	}
	data, excused := CheckData(writes, lists, s.windows)
	wrong = append(append(wrong, data...), checkSettled(s.settled, lists)...)
	wrong = append(wrong, s.history.checkReads()...)
	s.settled = lists
	s.history.forget(now)
	s.windows = slices.DeleteFunc(s.windows, func(w Window) bool { return w.To < now })
	return wrong, excused, nil
}
