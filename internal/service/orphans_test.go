package service

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"keepalived-redis/internal/procfs"
)

// saving starts a server whose child saves for long, and gives the child.
func (b *host) saving() procfs.Process {
	b.t.Helper()
	b.start()
	for _, command := range []string{"SET k v", "CONFIG SET rdb-key-save-delay 600000000", "BGSAVE"} {
		if said := b.ask(command); !strings.HasPrefix(said, "+") {
			b.t.Fatalf("%s: %s", command, said)
		}
	}
	var child procfs.Process
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if !await(ctx, func() bool {
		all, _ := pids()
		for _, pid := range all {
			if args := arguments(pid); len(args) > 1 && args[0] == "redis-rdb-bgsave" && strings.HasSuffix(args[1], ":"+strconv.Itoa(int(b.instance.Port))) {
				child, _ = procfs.Read(pid)
			}
		}
		return child.PID != 0
	}) {
		b.t.Fatal("no child saves")
	}
	b.t.Cleanup(func() {
		if err := (target{}).signal(child, 9); err != nil {
			b.t.Error(err)
		}
	})
	return child
}

// A server that was killed leaves a child that holds the connections of its clients open, and replaces its data when it is done: it is
// ended before the next start. A child of a server that lives, of another one, and what only calls itself so is left alone.
func TestOrphansAreEndedBeforeAStart(t *testing.T) {
	b, other := newHost(t, `save ""`), newHost(t, `save ""`)
	b.start()
	client, err := net.Dial("tcp", b.instance.Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	orphan, child := b.saving(), other.saving()
	title := "redis-rdb-bgsave"
	stranger := exec.Command("sleep", "600")
	stranger.Args[0], stranger.Dir = title, b.dir
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = stranger.Process.Kill()
		_ = stranger.Wait()
	}()
	alien, err := procfs.Read(stranger.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	b.start() // nothing of a server that runs is touched
	if !orphan.Lives() {
		t.Fatal("the child of a server that lives was ended")
	}
	if err := b.manager.Kill(context.Background(), b.instance); err != nil {
		t.Fatal(err)
	}
	if !orphan.Lives() {
		t.Fatal("the child ends with its server, and there is nothing to test")
	}
	b.start()
	if orphan.Lives() {
		t.Error("the child of the dead server goes on")
	}
	if !child.Lives() || !alien.Lives() {
		t.Errorf("another server's child lives: %v, another program: %v", child.Lives(), alien.Lives())
	}
	if err := client.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the client of the dead server still waits: %v", err)
	}
	if said := b.ask("PING"); !strings.HasPrefix(said, "+PONG") {
		t.Errorf("the new server says %q", said)
	}
}
