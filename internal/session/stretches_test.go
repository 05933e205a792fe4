package session

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"keepalived-redis/internal/state"
)

// TestStretches: one goes on until the first look that is well, and outlives a run, but no boot.
func TestStretches(t *testing.T) {
	s := Stretches{}
	now := state.Stamp{Boot: "one", Mono: time.Hour}
	s.Note(Busy, "/run/a socket", true, now)
	now.Mono += time.Second
	if got := s.Note(Busy, "/run/a socket", true, now); got.For != time.Second || got.Looks != 2 {
		t.Errorf("it lasts %+v", got)
	}
	s.Note(CutOff, "", true, now)
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var next Stretches
	if err := json.Unmarshal(text, &next); err != nil || !reflect.DeepEqual(s, next) {
		t.Errorf("%s is read as %v, %v", text, next, err)
	}
	if !next.Lasts(CutOff, "") || next.Lasts(Busy, "another") {
		t.Error("what lasts is not what was noted")
	}
	now.Boot = "two"
	if got := next.Note(Busy, "/run/a socket", true, now); got.For != 0 || got.Looks != 1 {
		t.Errorf("after a boot it lasts %+v", got)
	}
	next.Note(CutOff, "", false, now)
	if next.End(Busy, "/run/a socket"); len(next) != 0 {
		t.Errorf("left: %v", next)
	}
}

// FuzzStretches: what somebody has written into the file is read or refused, and what is read is written as it was.
func FuzzStretches(f *testing.F) {
	f.Add(`{"busy 127.0.0.1:7000":{"since":{"boot":"x"},"looks":3}}`)
	f.Add(`{"":{}}`)
	f.Add(`{"cut-off ":{"looks":-1}}`)
	f.Fuzz(func(t *testing.T, text string) {
		var s, again Stretches
		if json.Unmarshal([]byte(text), &s) != nil {
			return
		}
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &again); err != nil || len(again) != len(s) {
			t.Errorf("%q is written as %s, and that read as %v, %v", text, b, again, err)
		}
	})
}
