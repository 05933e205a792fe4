package session_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/testing/fixture"
)

func recording(t *testing.T, state string) (*session.Session, *bytes.Buffer) {
	t.Helper()
	var said bytes.Buffer
	log := zerolog.New(&said)
	s := &session.Session{Config: &config.Config{RunDir: t.TempDir(), StateDir: state}, Log: &log, Event: &model.Event{Name: "VI_1", State: model.VRRPMaster}}
	s.Begin()
	return s, &said
}

func TestWhatWasDoneIsInLogHistoryAndCounters(t *testing.T) {
	dir := t.TempDir()
	s, said := recording(t, dir)
	replica, master := model.At(fixture.Addr("192.168.9.71:7003")), model.At(fixture.Addr("192.168.9.70:7000"))
	s.Did(model.Deed{Do: model.Takeover, Instance: replica, Reason: "host-silent"})
	s.Did(model.Deed{Do: model.Switchover, Instance: replica, From: master, Gap: 5600 * time.Microsecond, Took: 8 * time.Millisecond})
	s.Did(model.Deed{Do: model.Fence})
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("a deed waited for a disk: %v, %v", entries, err)
	}
	s.KeepDeeds(context.Background())
	s.KeepDeeds(context.Background()) // nothing new

	for _, line := range []string{"192.168.9.71:7003 is master", "host-silent", "192.168.9.70:7000 switched over to 192.168.9.71:7003, writes were held back for 5.6 ms of 8.0 ms"} {
		if strings.Count(said.String(), line) != 1 {
			t.Errorf("the log does not say %q once:\n%s", line, said)
		}
	}
	var history []model.Deed
	counts := map[model.Verb]uint64{}
	if !s.Store.Load(s.Store.Durable, session.HistoryFile, &history) || !s.Store.Load(s.Store.Durable, session.CountsFile, &counts) {
		t.Fatal("there is no history")
	}
	if len(history) != 3 || history[0].Instance != replica || history[0].Reason != "host-silent" || history[0].By != "VI_1 MASTER" || history[1].From != master ||
		history[1].Gap != 5600*time.Microsecond || history[2].Do != model.Fence || time.Since(history[0].At) > time.Minute {
		t.Errorf("%+v", history)
	}
	if fmt.Sprint(counts) != "map[fence:1 switchover:1 takeover:1]" {
		t.Errorf("%v", counts)
	}
}

func TestTheHistoryForgetsAndTheCountersDoNot(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/"+session.HistoryFile, []byte("{garbage"), 0o644); err != nil {
		t.Fatal(err)
	}
	s, said := recording(t, dir)
	var all sync.WaitGroup
	for i := range session.MostDeeds + 7 { // as restarts are done side by side
		all.Add(1)
		go func() {
			defer all.Done()
			s.Did(model.Deed{Do: model.Fence, Took: time.Duration(i + 1)})
		}()
	}
	all.Wait()
	s.KeepDeeds(context.Background())
	s.Did(model.Deed{Do: model.LiftDone})
	s.KeepDeeds(context.Background())
	var history []model.Deed
	counts := map[model.Verb]uint64{}
	s.Store.Load(s.Store.Durable, session.HistoryFile, &history)
	s.Store.Load(s.Store.Durable, session.CountsFile, &counts)
	if len(history) != session.MostDeeds || history[session.MostDeeds-1].Do != model.LiftDone || counts[model.Fence] != session.MostDeeds+7 || counts[model.LiftDone] != 1 {
		t.Errorf("%d deeds, counted %v", len(history), counts)
	}
	if _, err := os.Stat(dir + "/" + session.HistoryFile + ".damaged"); err != nil || !strings.Contains(said.String(), "going on without it") {
		t.Errorf("a damaged history was not set aside with a warning: %v", err)
	}
}

func TestADryRunLeavesNoHistory(t *testing.T) {
	dir := t.TempDir()
	s, _ := recording(t, dir)
	s.DryRun = true
	s.Did(model.Deed{Do: model.Fence})
	s.KeepDeeds(context.Background())
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("%v, %v", entries, err)
	}
}
