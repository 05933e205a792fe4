package service

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"keepalived-redis/internal/config"
)

// writeLoad writes ever higher numbers from several connections until they end, and gives the highest that each had
// acknowledged.
func writeLoad(t *testing.T, addr string) (acknowledged []int64, wait func()) {
	t.Helper()
	const writers = 8
	acknowledged = make([]int64, writers)
	var wg sync.WaitGroup
	for w := range writers {
		conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer conn.Close()
			answers := bufio.NewReader(conn)
			for n := int64(1); ; n++ {
				_ = conn.SetDeadline(time.Now().Add(20 * time.Second)) // a connection that has ended says so below
				if _, err := fmt.Fprintf(conn, "SET writer%d %d\r\n", w, n); err != nil {
					return
				}
				if line, err := answers.ReadString('\n'); err != nil || line != "+OK\r\n" {
					return
				}
				atomic.StoreInt64(&acknowledged[w], n)
			}
		}()
	}
	return acknowledged, wg.Wait
}

// stopUnderLoad stops an instance that is written to, and looks for what was acknowledged after the next start.
func stopUnderLoad(t *testing.T, m Manager, i config.Instance) {
	t.Helper()
	ctx := context.Background()
	if err := m.Start(ctx, i); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		acknowledged, wait := writeLoad(t, i.Addr.String())
		limit, cancel := context.WithTimeout(ctx, 20*time.Second)
		if !await(limit, func() bool { return atomic.LoadInt64(&acknowledged[0]) > 50 }) {
			t.Error("nothing is written")
		}
		cancel()
		if err := m.Stop(ctx, i, true); err != nil {
			t.Fatal(err)
		}
		wait()
		if err := m.Start(ctx, i); err != nil {
			t.Fatal(err)
		}
		for w, n := range acknowledged {
			var got int64
			if text := get(t, i.Addr.String(), fmt.Sprintf("writer%d", w)); text != "" {
				if _, err := fmt.Sscan(text, &got); err != nil {
					t.Fatalf("%q: %v", text, err)
				}
			}
			if got < n {
				t.Errorf("writer %d: %d was acknowledged, and %d is left", w, n, got)
			}
		}
	}
}

// get reads a key once the data is loaded.
func get(t *testing.T, addr, key string) string {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		conn, err := net.DialTimeout("tcp", addr, time.Second)
		if err != nil {
			continue
		}
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second)) // an error shows in the answer
		fmt.Fprintf(conn, "GET %s\r\n", key)
		r := bufio.NewReader(conn)
		head, _ := r.ReadString('\n')
		text, _ := r.ReadString('\n')
		conn.Close()
		switch {
		case strings.HasPrefix(head, "$-1"):
			return ""
		case strings.HasPrefix(head, "$"):
			return strings.TrimSpace(text)
		}
	}
	t.Fatalf("no answer about %s", key)
	return ""
}

func TestStopUnderWriteLoad(t *testing.T) {
	b := newHost(t, "appendonly yes", "appendfsync always")
	stopUnderLoad(t, b.manager, b.instance)
}

// testStopUnderWriteLoad is the same under systemd.
func testStopUnderWriteLoad(t *testing.T) {
	s := newSD(t, "appendonly yes", "appendfsync always")
	s.ctl("enable", s.unit)
	stopUnderLoad(t, s.m, s.instance)
}
