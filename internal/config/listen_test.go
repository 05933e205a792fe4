package config

import (
	"net"
	"testing"
)

// listen opens a free port of 127.0.0.1 for the length of a test.
func listen(t *testing.T) uint16 {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return uint16(l.Addr().(*net.TCPAddr).Port)
}
