package scripttest

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/service"
	"keepalived-redis/internal/state"
)

// Run runs the scripts of testdata/script. Each has two instances, $PORT1 and $PORT2, that do not run yet, a $PORT3 that
// is free, and a $VIP that is not held yet. more are commands beside those of this package; programs are directories whose programs
// stand in for the commands of Main.
func Run(t *testing.T, more map[string]func(*testscript.TestScript, bool, []string), programs ...string) {
	cmds := map[string]func(*testscript.TestScript, bool, []string){}
	for name, run := range commands {
		cmds[name] = run
	}
	for name, run := range more {
		cmds[name] = run
	}
	testscript.Run(t, testscript.Params{Dir: "testdata/script", Cmds: cmds, Setup: func(env *testscript.Env) error {
		env.Setenv("PATH", strings.Join(append(programs[:len(programs):len(programs)], env.Getenv("PATH")), ":"))
		return setup(env)
	}})
}

// numbers makes ports and addresses that no other script has. The network is the host's own, so nobody else has them.
var numbers atomic.Int32

func setup(env *testscript.Env) error {
	for n := 1; n <= 3; n++ {
		port := 7100 + int(numbers.Add(1)) // 7000 to 7002 are what a host without a configuration has
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
	env.Values[ended{}] = &[]*exec.Cmd{}
	n := numbers.Add(1)
	env.Setenv("VIP", fmt.Sprintf("10.77.%d.%d", n/256, n%256))
	env.Setenv("KEEPALIVED_REDIS_INSTANCES", "127.0.0.1:"+env.Getenv("PORT1")+",127.0.0.1:"+env.Getenv("PORT2"))
	// Long enough for a machine that is busy with other tests.
	env.Setenv("KEEPALIVED_REDIS_TIMES_DEADLINE", "10s")
	env.Setenv("KEEPALIVED_REDIS_SERVICE_BACKEND", "process")
	env.Setenv("KEEPALIVED_REDIS_SERVICE_ACCOUNT", "root") // the directory of a test is root's
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

// instance is the one of a port, whose configuration is in dir.
func instance(dir string, port int) config.Instance {
	addr := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(port))
	return config.Instance{Addr: addr, Port: addr.Port(), Conf: filepath.Join(dir, strconv.Itoa(port)+".conf")}
}

// manager starts and stops the instances, with locks and marks that are not those of the programs under test.
func manager(dir string) (service.Manager, error) {
	own := state.Dir(filepath.Join(dir, ".service"))
	return service.New(&config.Config{Service: config.Service{Backend: config.BackendProcess, Account: "root"}}, own, own)
}

func kill(dir string, port int) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	m, err := manager(dir)
	if err != nil {
		return err
	}
	return m.Kill(ctx, instance(dir, port))
}

// look is one look at an instance, without a password.
func look(port int) model.Look {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	addr := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(port))
	return redis.LookAt(ctx, redis.Target{Instance: model.At(addr)}, redis.Limits{Dial: time.Second, Reply: time.Second})
}
