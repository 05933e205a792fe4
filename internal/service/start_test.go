package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

func TestRefusedConfigurationIsQuoted(t *testing.T) {
	for _, c := range []struct {
		name string
		line func(b *host) string
		want string
	}{
		{"unknown directive", func(*host) string { return "bogus yes" }, ">>> 'bogus yes' / Bad directive or wrong number of arguments"},
		{"no directory", func(b *host) string { return "dir " + b.dir + "/none" }, "No such file or directory"},
		{"foreign address", func(*host) string { return "bind 192.0.2.1" }, "Failed listening on port"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bothWays(t, func(t *testing.T, b *host) {
				text, err := os.ReadFile(b.instance.Conf)
				if err != nil {
					t.Fatal(err)
				}
				b.write(string(text), c.line(b))
				err = b.manager.Start(context.Background(), b.instance)
				if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
					t.Errorf("error = %v\nwant …%s…", err, c.want)
				}
				b.status(Dead)
			})
		})
	}
}

func TestServerWithoutWords(t *testing.T) {
	// With no log file a server in the background has no way to say why it ended.
	b := newHost(t, `logfile ""`, "bind 192.0.2.1")
	err := b.manager.Start(context.Background(), b.instance)
	if err == nil || !strings.Contains(err.Error(), "without a word; hint: run it by hand") {
		t.Errorf("error = %v", err)
	}
	// In the foreground it says it on its output.
	b = newHost(t, `logfile ""`, "daemonize no", "bind 192.0.2.1")
	err = b.manager.Start(context.Background(), b.instance)
	if err == nil || !strings.Contains(err.Error(), "Failed listening on port") {
		t.Errorf("error = %v", err)
	}
}

func TestNotConfigured(t *testing.T) {
	b := newHost(t)
	if err := os.Remove(b.instance.Conf); err != nil {
		t.Fatal(err)
	}
	err := b.manager.Start(context.Background(), b.instance)
	if !errors.Is(err, ErrNotConfigured) || !strings.Contains(err.Error(), b.instance.Conf) {
		t.Errorf("error = %v", err)
	}
	if s := b.status(Dead); !strings.Contains(s.Reason, "its configuration is missing: "+b.instance.Conf) {
		t.Errorf("reason = %q", s.Reason)
	}
	b.write("port 1", "dir /tmp")
	for _, server := range []string{"no-such-server", "/none/redis-server", b.instance.Conf} {
		b.manager.Server = server
		err := b.manager.Start(context.Background(), b.instance)
		if !errors.Is(err, ErrNotInstalled) || !strings.Contains(err.Error(), server+" is not installed") || !strings.Contains(err.Error(), "; hint: ") {
			t.Errorf("error = %v", err)
		}
	}
}

func TestAddressInUse(t *testing.T) {
	b := newHost(t)
	l, err := net.Listen("tcp", b.instance.Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	err = b.manager.Start(context.Background(), b.instance)
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), fmt.Sprintf("(pid %d)", os.Getpid())) {
		t.Errorf("error = %v", err)
	}
	if s := b.status(Dead); !strings.Contains(s.Reason, "holds its address") {
		t.Errorf("reason = %q", s.Reason)
	}
}

func TestStartLeavesWithItsContext(t *testing.T) {
	b := newHost(t)
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("ended by a signal"))
	if err := b.manager.Start(ctx, b.instance); err == nil || !strings.Contains(err.Error(), "ended by a signal") {
		t.Errorf("error = %v", err)
	}
	b.status(Dead)

	// Another program is at it and does not come to an end.
	if err := b.run().Make(); err != nil {
		t.Fatal(err)
	}
	unlock, err := b.run().TryLock(b.manager.target(b.instance).lockName())
	if err != nil {
		t.Fatal(err)
	}
	b.status(Busy)
	short, stop := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer stop()
	if err := b.manager.Start(short, b.instance); err == nil || !strings.Contains(err.Error(), "another program is starting or stopping it") {
		t.Errorf("error = %v", err)
	}
	unlock()
	b.status(Dead)
}

func TestWithoutStateDirectories(t *testing.T) {
	b := newHost(t)
	writeFile(t, string(b.run()), "in the way")
	writeFile(t, string(b.durable()), "in the way")
	if err := b.manager.Start(context.Background(), b.instance); err != nil && !strings.Contains(err.Error(), "was started") {
		t.Fatal(err)
	}
	b.status(Running)
	err := b.manager.Stop(context.Background(), b.instance, true)
	if err == nil || !strings.Contains(err.Error(), "is stopped, but does not count as stopped by hand") {
		t.Errorf("error = %v", err)
	}
	b.status(Dead)
}
