package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/service"
	"keepalived-redis/internal/state"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"redis-initd": main})
}

// TestScripts runs the program as people and boot do, on real servers. Each script has two instances, $PORT1 and $PORT2,
// and a $PORT3 that is free.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   "testdata/script",
		Setup: setup,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":      exits,
			"initscript": initScript,
			"killserver": killServer,
			"append":     appendLine,
		},
	})
}

func setup(env *testscript.Env) error {
	for n := 1; n <= 3; n++ {
		port, err := freePort()
		if err != nil {
			return err
		}
		env.Setenv("PORT"+strconv.Itoa(n), strconv.Itoa(port))
		if n == 3 {
			break
		}
		if err := configure(env.WorkDir, port); err != nil {
			return err
		}
		env.Defer(func() {
			if err := kill(env.WorkDir, port); err != nil {
				env.T().Log("leave nothing behind: ", err)
				env.T().Fatal()
			}
		})
	}
	env.Setenv("KEEPALIVED_REDIS_INSTANCES", "127.0.0.1:"+env.Getenv("PORT1")+",127.0.0.1:"+env.Getenv("PORT2"))
	env.Setenv("KEEPALIVED_REDIS_SERVICE_BACKEND", "process")
	env.Setenv("KEEPALIVED_REDIS_SERVICE_CONF", filepath.Join(env.WorkDir, "%p.conf"))
	env.Setenv("KEEPALIVED_REDIS_STATE_DIR", filepath.Join(env.WorkDir, "lib"))
	env.Setenv("KEEPALIVED_REDIS_RUN_DIR", filepath.Join(env.WorkDir, "run"))
	return nil
}

// configure writes the instance's own configuration.
func configure(dir string, port int) error {
	data := filepath.Join(dir, "data"+strconv.Itoa(port))
	if err := os.Mkdir(data, 0o755); err != nil {
		return err
	}
	text := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\nlogfile redis.log\npidfile %s/redis.pid\ndaemonize yes\n", port, data, data)
	return os.WriteFile(filepath.Join(dir, strconv.Itoa(port)+".conf"), []byte(text), 0o644)
}

func kill(dir string, port int) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	m, err := service.New(&config.Config{Service: config.Service{Backend: config.BackendProcess}}, state.Dir(dir), state.Dir(dir))
	if err != nil {
		return err
	}
	addr := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(port))
	return m.Kill(ctx, config.Instance{Addr: addr, Port: addr.Port(), Conf: filepath.Join(dir, strconv.Itoa(port)+".conf")})
}

// exits CODE PROGRAM ARGS…: the program ends with just this code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := err.(interface{ ExitCode() int })
		if !ok {
			ts.Fatalf("%v: %v", args[1:], err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("%v exits %d, want %d\n%s%s", args[1:], got, want, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

// initscript FILE: makes an init script whose interpreter is the program.
func initScript(ts *testscript.TestScript, neg bool, args []string) {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		program := filepath.Join(dir, "redis-initd")
		if _, err := os.Stat(program); err != nil {
			continue
		}
		file := ts.MkAbs(args[0])
		ts.Check(os.MkdirAll(filepath.Dir(file), 0o755))
		ts.Check(os.WriteFile(file, []byte("#!"+program+"\n# chkconfig: 2345 20 80\n# description: Redis\n"), 0o755))
		return
	}
	ts.Fatalf("redis-initd is not in PATH")
}

// killserver PORT: the server dies.
func killServer(ts *testscript.TestScript, neg bool, args []string) {
	port, err := strconv.Atoi(args[0])
	ts.Check(err)
	ts.Check(kill(ts.Getenv("WORK"), port))
}

// append FILE LINE: adds a line to a file.
func appendLine(ts *testscript.TestScript, neg bool, args []string) {
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	ts.Check(err)
	_, err = f.WriteString(args[1] + "\n")
	ts.Check(err)
	ts.Check(f.Close())
}

var ports struct {
	sync.Mutex
	last int
}

// freePort gives a port below the ephemeral range on which nobody listens.
func freePort() (int, error) {
	ports.Lock()
	defer ports.Unlock()
	if ports.last == 0 {
		ports.last = os.Getpid() * 41
	}
	for range 100 {
		ports.last++
		port := 10000 + ports.last%9000
		if l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("no free port")
}
