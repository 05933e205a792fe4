package main

import (
	"testing"

	"keepalived-redis/internal/testing/scripttest"
)

func TestMain(m *testing.M) {
	scripttest.Main(m, map[string]func(){"notify-redis": main})
}

// TestScripts runs the hook as keepalived and people do, on real servers.
func TestScripts(t *testing.T) {
	t.Parallel()
	scripttest.Run(t, nil)
}
