package main

import (
	"testing"

	"keepalived-redis/internal/testing/scripttest"
)

func TestMain(m *testing.M) {
	scripttest.Main(m, map[string]func(){"chk-redis": main})
}

// TestScripts runs the check as people, cron and keepalived do, on real servers.
func TestScripts(t *testing.T) {
	t.Parallel()
	dir, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	scripttest.Run(t, nil, dir)
}
