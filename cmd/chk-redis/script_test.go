package main

import (
	"os"
	"testing"

	"keepalived-redis/internal/testing/scripttest"
)

func TestMain(m *testing.M) {
	scripttest.Main(m, map[string]func(){"chk-redis": main})
}

// TestScripts runs the check as people, cron and keepalived do, on real servers.
func TestScripts(t *testing.T) {
	dir, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	scripttest.Run(t, nil)
}
