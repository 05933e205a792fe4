package service

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"strings"
	"testing"

	"keepalived-redis/internal/config"
)

func TestBackends(t *testing.T) {
	i := config.Instance{Addr: netip.MustParseAddrPort("127.0.0.1:7000"), Port: 7000}
	m, err := New(&config.Config{Service: config.Service{Backend: config.BackendSystemd}}, "", "")
	if err != nil {
		t.Fatal(err)
	}
	// Without systemd it says so, and starts nothing itself.
	if _, err := os.Lstat(systemdDir); err != nil {
		for _, err := range []error{m.Start(context.Background(), i), m.Stop(context.Background(), i, true), m.Kill(context.Background(), i)} {
			if !errors.Is(err, ErrNoSystemd) || !strings.Contains(err.Error(), "127.0.0.1:7000: refused: systemd cannot be asked: ") || !strings.Contains(err.Error(), "; hint: ") {
				t.Errorf("error = %v", err)
			}
		}
		if s := m.Status(context.Background(), i); s.Status != Unknown || s.Reason == "" {
			t.Errorf("status = %+v", s)
		}
	}

	m, err = New(&config.Config{Service: config.Service{Backend: config.BackendAuto}}, "", "")
	if err != nil {
		t.Fatal(err)
	}
	_, booted := os.Lstat(systemdDir)
	if _, asks := m.(*systemd); asks != (booted == nil) {
		t.Errorf("%T where systemd is there: %t", m, booted == nil)
	}
	if _, err := New(&config.Config{Service: config.Service{Backend: "upstart"}}, "", ""); err == nil {
		t.Error("an unknown backend passes")
	}
}

func TestEnvironment(t *testing.T) {
	// Redis writes its title over its environment, so what it got cannot be read there.
	t.Setenv("SECRET_OF_KEEPALIVED", "1")
	t.Setenv("PATH", "/home/somebody/bin")
	t.Setenv("TZ", "Europe/Berlin")
	t.Setenv("LC_ALL", "C.UTF-8")
	env := strings.Join(environment(), "\n") + "\n"
	for _, unwanted := range []string{"SECRET", "/home"} {
		if strings.Contains(env, unwanted) {
			t.Errorf("the server's environment has %s:\n%s", unwanted, env)
		}
	}
	for _, wanted := range []string{"PATH=/usr", ":/usr/bin:", "TZ=Europe/Berlin\n", "LC_ALL=C.UTF-8\n"} {
		if !strings.Contains(env, wanted) {
			t.Errorf("the server's environment lacks %s:\n%s", wanted, env)
		}
	}
}
