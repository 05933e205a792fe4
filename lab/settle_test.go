package lab

import (
	"testing"
	"time"

	"keepalived-redis/lab/host"
)

// The instant of a takeover is read from the lines that Redis 7.0.15 writes in a cluster and without one.
func TestTakeoverAt(t *testing.T) {
	began := time.Date(2026, 11, 25, 19, 48, 50, 0, time.Local)
	for line, want := range map[string]host.Mono{
		"27:S 25 Nov 2026 19:48:51.145 # Taking over the master (user request).":                                     host.Mono(1145 * time.Millisecond),
		"13:M 25 Nov 2026 19:48:50.007 * MASTER MODE enabled (user request from 'id=9 addr=192.168.9.71:40000 fd=9'": host.Mono(7 * time.Millisecond),
		"27:S 25 Nov 2026 19:48:51.145 # Cluster state changed: ok":                                                  0,
		"Taking over the master (user request).":                                                                     0,
		"27:S nonsense # Taking over the master (user request).":                                                     0,
	} {
		got, ok := takeoverAt(line, began)
		if got != want || ok != (want != 0) {
			t.Errorf("%s: got %v, %v; want %v", line, time.Duration(got), ok, time.Duration(want))
		}
	}
}
