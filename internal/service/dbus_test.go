package service

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	godbus "github.com/godbus/dbus/v5"
)

// A bus that takes connections and never answers must not hold anybody up.
func TestAMuteBus(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "bus")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path="+socket)
	b := newHost(t)
	m := &systemd{local: b.manager}
	ctx, cancel := context.WithTimeoutCause(context.Background(), 100*time.Millisecond, errors.New("the check has no more time"))
	defer cancel()
	begun := time.Now()
	err = m.Start(ctx, b.instance)
	if !errors.Is(err, ErrNoSystemd) || !strings.Contains(err.Error(), "no answer, the check has no more time; hint: ") {
		t.Errorf("start: %v", err)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
}

// What systemd and the bus answer, in sentences that can be told apart.
func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		name  string
		is    []error
		words string
	}{
		{"org.freedesktop.systemd1.NoSuchUnit", []error{ErrRefused, ErrNoUnit}, "systemd knows no redis@7000.service"},
		{"org.freedesktop.systemd1.UnitMasked", []error{ErrRefused, ErrMasked}, "redis@7000.service is masked; hint: systemctl unmask redis@7000.service"},
		{"org.freedesktop.systemd1.LoadFailed", []error{ErrNotConfigured}, "redis@7000.service cannot be used: its words"},
		{"org.freedesktop.DBus.Error.InteractiveAuthorizationRequired", []error{ErrRefused, fs.ErrPermission}, "may not start redis@7000.service"},
		{"org.freedesktop.DBus.Error.AccessDenied", []error{ErrRefused, fs.ErrPermission}, "may not start redis@7000.service"},
		{"org.freedesktop.systemd1.ShuttingDown", []error{ErrRefused, ErrGoingDown}, "this machine is going down"},
		{"org.freedesktop.systemd1.TransactionIsDestructive", []error{ErrRefused, ErrGoingDown}, "this machine is going down"},
		{"org.freedesktop.DBus.Error.NoReply", []error{ErrNoSystemd}, "its words; hint: "},
		{"org.freedesktop.systemd1.SomethingNew", nil, "systemd does not start redis@7000.service: its words; hint: "},
	} {
		err := bus{}.refusal("start", "redis@7000.service", godbus.Error{Name: test.name, Body: []any{"its words"}})
		for _, is := range test.is {
			if !errors.Is(err, is) {
				t.Errorf("%s: %q is not %q", test.name, err, is)
			}
		}
		if !strings.Contains(err.Error(), test.words) {
			t.Errorf("%s: %q does not say %q", test.name, err, test.words)
		}
	}
	if err := (bus{}).refusal("start", "x", godbus.ErrClosed); !errors.Is(err, ErrNoSystemd) {
		t.Errorf("closed: %v", err)
	}
}

// The end of a start, by the result of its job.
func TestStarted(t *testing.T) {
	silent := func() string { return "" }
	before := unit{name: "redis@7000.service", launched: 1}
	now := func(active, result string, launched uint64) unit {
		return unit{name: before.name, active: active, result: result, launched: launched, code: 1, status: 1}
	}
	for _, test := range []struct {
		after  unit
		result string
		words  string
	}{
		{now("active", "success", 2), "done", ""},
		{now("active", "success", 2), "failed", ""},
		{now("failed", "exit-code", 2), "failed", "redis-server ended with exit code 1"},
		{now("failed", "exit-code", 1), "failed", "start limit"},
		{now("failed", "start-limit", 1), "failed", "start limit"}, // systemd 219
		{now("failed", "resources", 2), "failed", "could not set up"},
		{now("failed", "oom-kill", 2), "failed", "want of memory"},
		{now("activating", "success", 2), "timeout", "in time"},
		{now("inactive", "success", 2), "canceled", "called off"},
		{now("inactive", "success", 1), "dependency", "something that it needs"},
		{now("inactive", "success", 1), "skipped", "(skipped)"},
		{now("inactive", "exec-condition", 1), "skipped", "its ExecCondition says no"},
		{now("inactive", "exec-condition", 1), "done", "its ExecCondition says no"},
	} {
		err := test.after.started(before, test.result, silent)
		if (err == nil) != (test.words == "") || err != nil && (!strings.Contains(err.Error(), test.words) || !strings.Contains(err.Error(), "; hint: ")) {
			t.Errorf("%s, %s: %v, want %q", test.result, test.after.result, err, test.words)
		}
	}
}

// Whatever systemd says, it is one of the states, with a reason, and nothing is started that is under way or masked.
func FuzzUnit(f *testing.F) {
	f.Add("loaded", "failed", "failed", "signal", "enabled", int32(9), uint32(0), uint64(1))
	f.Add("masked", "inactive", "dead", "success", "masked", int32(0), uint32(0), uint64(0))
	f.Add("not-found", "", "", "", "", int32(0), uint32(0), uint64(0))
	f.Add("loaded", "activating", "auto-restart-queued", "exit-code", "", int32(203), uint32(7), uint64(5))
	f.Fuzz(func(t *testing.T, load, active, sub, result, file string, status int32, pid uint32, at uint64) {
		u := parseUnit("redis@7000.service", map[string]any{"LoadState": load, "ActiveState": active, "SubState": sub, "Result": result,
			"UnitFileState": file, "ExecMainStatus": status, "ExecMainCode": result, "MainPID": pid, "InactiveEnterTimestamp": at,
			"LoadError": []any{status}, "WantedBy": load, "ConditionResult": file})
		s := u.state()
		if s.Reason == "" || s.Status < Unknown || s.Status > Busy {
			t.Errorf("%+v", s)
		}
		if s.Status == Dead && (load == "masked" || active == "activating" || active == "deactivating") && load != "not-found" && load != "error" && load != "bad-setting" {
			t.Errorf("%+v", s)
		}
		if s.Status == Running && (pid == 0 || s.PID != int(pid)) {
			t.Errorf("%+v", s)
		}
	})
}
