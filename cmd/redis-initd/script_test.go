package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"keepalived-redis/internal/testing/scripttest"
)

func TestMain(m *testing.M) {
	scripttest.Main(m, map[string]func(){"redis-initd": main})
}

// TestScripts runs the program as people and boot do, on real servers.
func TestScripts(t *testing.T) {
	t.Parallel()
	scripttest.Run(t, map[string]func(*testscript.TestScript, bool, []string){"initscript": initScript, "roles": roles})
}

// roles PORT: a check run has seen the instance as a master with one replica.
func roles(ts *testscript.TestScript, neg bool, args []string) {
	text := fmt.Sprintf(`{"127.0.0.1:%s":{"master":true,"count":1}}`, args[0])
	ts.Check(os.WriteFile(ts.MkAbs("lib/roles.json"), []byte(text), 0o600))
}

// initscript FILE: makes an init script whose interpreter is the program.
func initScript(ts *testscript.TestScript, neg bool, args []string) {
	file := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(filepath.Dir(file), 0o755))
	ts.Check(os.WriteFile(file, []byte("#!"+scripttest.Look(ts, "redis-initd")+"\n# chkconfig: 2345 20 80\n# description: Redis\n"), 0o755))
}
