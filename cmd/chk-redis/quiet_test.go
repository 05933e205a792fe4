package main

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"keepalived-redis/internal/disktest"
	"keepalived-redis/internal/redistest"
	"keepalived-redis/internal/whole"
)

// handedOver is how the whole program ends that only says that it was executed.
const handedOver = 77

const stub = "#!/bin/sh\n# " + whole.Mark + "\necho \"$CHK_REDIS_BEGUN\"\nexit 77\n"

// quietBox has two instances and the programs of a check.
type quietBox struct {
	// pair is the quiet check beside the whole one, stubbed the quiet one beside a stub, full the whole one alone.
	dir, pair, stubbed, full string
	servers                  []*redistest.Server
	env                      []string
}

func newQuietBox(t *testing.T) *quietBox {
	t.Helper()
	bin, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	b := &quietBox{dir: dir, pair: filepath.Join(bin, whole.Check), stubbed: filepath.Join(dir, "bin", whole.Check), full: filepath.Join(bin, "whole", whole.Check)}
	b.servers = append(b.servers, redistest.Start(t), redistest.Start(t))
	text, err := os.ReadFile(b.pair)
	if err != nil {
		t.Fatal(err)
	}
	b.write(t, "bin/chk-redis", string(text))
	b.write(t, "bin/"+whole.Program, stub)
	// Its name is how the check knows that keepalived runs it.
	if err := os.Symlink("/proc/self/exe", filepath.Join(dir, "keepalived")); err != nil {
		t.Fatal(err)
	}
	b.configure(t, "")
	b.env = []string{"PATH=" + os.Getenv("PATH"), "KEEPALIVED_REDIS_CONFIG=" + filepath.Join(dir, "chk.toml")}
	return b
}

func (b *quietBox) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(b.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o755)); err != nil {
		t.Fatal(err)
	}
}

// configure writes the configuration; more stands behind it.
func (b *quietBox) configure(t *testing.T, more string) {
	t.Helper()
	b.write(t, "chk.toml", fmt.Sprintf("instances = [%q, %q]\nvip = \"10.77.200.1\"\nwitness = \"10.88.0.1\"\nstate_dir = %q\nrun_dir = %q\n[service]\nbackend = \"process\"\n%s",
		b.servers[0].Addr, b.servers[1].Addr, filepath.Join(b.dir, "state/lib"), filepath.Join(b.dir, "state/run"), more))
}

// result is what a run says.
type result struct {
	code        int
	out, errOut string
}

// run runs a program as keepalived does, or as a person.
func (b *quietBox) run(t *testing.T, keepalived bool, env []string, program string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), hangs)
	defer cancel()
	argv := append([]string{program}, args...)
	if keepalived {
		argv = append([]string{filepath.Join(b.dir, "keepalived")}, argv...)
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var out, errOut bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = append(b.env[:len(b.env):len(b.env)], env...), &out, &errOut
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errOut.String()}
}

// files are those of the state, and when they were written.
func (b *quietBox) files(t *testing.T) (all map[string]string, written string) {
	t.Helper()
	all = map[string]string{}
	var w strings.Builder
	err := filepath.WalkDir(filepath.Join(b.dir, "state"), func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(b.dir, path)
		text := fi.Mode().String()
		if fi.Mode().IsRegular() {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text += " " + string(content)
		}
		all[name] = text
		fmt.Fprintf(&w, "%s %s %s\n", name, text, fi.ModTime())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all, w.String()
}

// keep copies the state, restore brings it back.
func (b *quietBox) keep(t *testing.T)    { b.copy(t, "state", "kept") }
func (b *quietBox) restore(t *testing.T) { b.copy(t, "kept", "state") }

func (b *quietBox) copy(t *testing.T, from, to string) {
	t.Helper()
	from, to = filepath.Join(b.dir, from), filepath.Join(b.dir, to)
	if out, err := exec.Command("sh", "-c", `rm -rf "$2" && if [ -e "$1" ]; then cp -a "$1" "$2"; fi`, "sh", from, to).CombinedOutput(); err != nil {
		t.Fatalf("copy the state: %v: %s", err, out)
	}
}

// settle runs the check until it is quiet.
func (b *quietBox) settle(t *testing.T) {
	t.Helper()
	redistest.Await(t, "the check is quiet", func() bool {
		b.run(t, true, nil, b.pair)
		return b.run(t, true, nil, b.stubbed).code == 0
	})
}

// settleBeside is settle where the stub is none.
func (b *quietBox) settleBeside(t *testing.T) {
	t.Helper()
	redistest.Await(t, "the check says fit", func() bool {
		b.run(t, true, nil, b.pair)
		_, before := b.files(t)
		said := b.run(t, true, nil, b.pair)
		_, after := b.files(t)
		return said.code == 0 && before == after
	})
}

// varies is what differs between two runs of one program on one state.
var varies = regexp.MustCompile(`"(mono_ns|wall|next_ns|pid|start|for_ns|looks)":("[^"]*"|\d+)|\b\d+ ms\b|0x[0-9a-f]+`)

// alike compares the pair with the whole program on the same state, and what both leave.
func (b *quietBox) alike(t *testing.T, keepalived bool, env []string, args ...string) {
	t.Helper()
	b.keep(t)
	got := b.run(t, keepalived, env, b.pair, args...)
	gotFiles, _ := b.files(t)
	b.restore(t)
	want := b.run(t, keepalived, env, b.full, args...)
	wantFiles, _ := b.files(t)
	text := func(r result, files map[string]string) string {
		return varies.ReplaceAllString(fmt.Sprintf("code %d\n%s\n%s\n%v", r.code, r.out, r.errOut, files), "$1")
	}
	if got, want := text(got, gotFiles), text(want, wantFiles); got != want {
		t.Errorf("the pair:\n%s\nthe whole program:\n%s", got, want)
	}
}

// A quiet run answers by itself, as the whole program would, and neither writes anything.
func TestQuiet(t *testing.T) {
	b := newQuietBox(t)
	b.settle(t)
	_, before := b.files(t)
	quiet := b.run(t, true, nil, b.stubbed)
	full := b.run(t, true, nil, b.full)
	if _, after := b.files(t); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	if want := (result{0, "fit: all 2 instances answer\n", ""}); quiet != want || full != want {
		t.Errorf("quiet %+v, whole %+v", quiet, full)
	}
}

// What the quiet check is small for is not linked into it, and so it cannot do what needs it.
func TestQuietIsSmall(t *testing.T) {
	bin, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	of := func(name string) (modules string) {
		info, err := buildinfo.ReadFile(filepath.Join(bin, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range info.Deps {
			modules += m.Path + "\n"
		}
		return modules
	}
	quiet, full := of(whole.Check), of(whole.Program)
	for _, module := range []string{"github.com/alecthomas/kong\n", "github.com/redis/go-redis/v9\n", "github.com/godbus/dbus/v5\n"} {
		if strings.Contains(quiet, module) || !strings.Contains(full, module) {
			t.Errorf("%q: quiet %q, whole %q", module, quiet, full)
		}
	}
}

// disturbance is a state in which a run has something to do or to say.
type disturbance struct {
	name string
	do   func(t *testing.T, b *quietBox)
	env  []string
	args []string
	// byHand: no keepalived runs it. apart: two runs of the whole program differ as well, so they are not compared.
	byHand, apart bool
}

func holds(name, text string) func(*testing.T, *quietBox) {
	return func(t *testing.T, b *quietBox) { b.write(t, "state/"+name, text) }
}

func gone(name string) func(*testing.T, *quietBox) {
	return func(t *testing.T, b *quietBox) {
		if err := os.RemoveAll(filepath.Join(b.dir, "state", name)); err != nil {
			t.Fatal(err)
		}
	}
}

// mode changes that of a file that a random state may not have.
func mode(name string, mode fs.FileMode) func(*testing.T, *quietBox) {
	return func(t *testing.T, b *quietBox) {
		if err := os.Chmod(filepath.Join(b.dir, "state", name), mode); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

func configured(more string) func(*testing.T, *quietBox) {
	return func(t *testing.T, b *quietBox) { b.configure(t, more) }
}

// disturbances of the state files, which a random state may have together.
var ofState = []disturbance{
	{name: "no verdict yet", do: gone("run/verdict")},
	{name: "another verdict", do: holds("run/verdict", "unfit: it was\nversion dev\n")},
	{name: "another version", do: holds("run/verdict", "fit: all 2 instances answer\nversion v0\n")},
	{name: "an old version", do: holds("run/verdict", "fit: all 2 instances answer\n")},
	{name: "a warning that is over", do: holds("run/verdict", "fit: all 2 instances answer\nversion dev\nthe sky falls\n")},
	{name: "a damaged verdict", do: holds("run/verdict", "\x00")},
	{name: "no sentence", do: gone("run/sentence")},
	{name: "another sentence", do: holds("run/sentence", "MASTER: nothing\n")},
	{name: "a damaged memory", do: holds("run/seen.json", "{")},
	{name: "a stretch that is over", do: holds("run/seen.json", `{"instances":{"10.9.9.9:1":{"since":{"boot":"x"},"looks":3}},"warned":["x"]}`)},
	{name: "a damaged event", do: holds("run/event.json", "nonsense")},
	{name: "no roles", do: gone("lib/roles")},
	{name: "other roles", do: holds("lib/roles", "replica - 0 - 127.0.0.1:1\n")},
	{name: "no witness yet", do: gone("lib/witness.json")},
	{name: "a damaged witness", do: holds("lib/witness.json", "null")},
	{name: "a fence", do: holds("lib/fence.json", `{"since":{"boot":"x","mono_ns":1,"wall":"2020-01-01T00:00:00Z"},"count":1}`), apart: true},
	{name: "a move", do: holds("lib/move.json", `{"from":"127.0.0.1:1","to":"127.0.0.1:2","pause":true}`), apart: true},
	{name: "no copy of the configuration", do: gone("lib/last-good.toml")},
	{name: "another copy", do: holds("lib/last-good.toml", "x")},
	{name: "drain", do: holds("lib/maintenance", "drain: a test\n")},
	{name: "hold", do: holds("lib/maintenance", "hold: a test\n")},
	{name: "a maintenance that nobody can read", do: holds("lib/maintenance", "\xff")},
	{name: "no lock file", do: gone("run/act.lock")},
	{name: "no run directory", do: gone("run")},
	{name: "no state directory", do: gone("lib")},
	{name: "a directory for everybody", do: mode("run", 0o777)},
	{name: "a lock that an older version left open", do: mode("run/act.lock", 0o644)},
	{name: "a lock that everybody may write", do: mode("run/act.lock", 0o666)},
	{name: "a verdict that everybody may write", do: mode("run/verdict", 0o666)},
	{name: "a drain that everybody may write", do: func(t *testing.T, b *quietBox) {
		holds("lib/maintenance", "drain: a test\n")(t, b)
		mode("lib/maintenance", 0o666)(t, b)
	}},
}

// Everything that is not quiet is the whole program's: it is executed, nothing has been written before, and what it then says
// and writes is what it says and writes without a quiet one.
func TestHandedOver(t *testing.T) {
	held := func(t *testing.T, b *quietBox) {
		fd, err := unix.Open(filepath.Join(b.dir, "state/run/act.lock"), unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err != nil {
			t.Fatal(err)
		}
	}
	server := func(words ...any) func(*testing.T, *quietBox) {
		return func(t *testing.T, b *quietBox) { b.servers[1].Do(t, words...) }
	}
	list := append([]disturbance{
		{name: "arguments", args: []string{"--act"}},
		{name: "a table", args: []string{"-v"}, apart: true},
		{name: "the version", args: []string{"--version"}},
		{name: "a wrong flag", args: []string{"--wrong"}},
		{name: "an unknown environment", env: []string{"KEEPALIVED_REDIS_NONE=1"}},
		{name: "a log level", env: []string{"KEEPALIVED_REDIS_LOG_LEVEL=error"}},
		{name: "a person", byHand: true},
		{name: "no TOML", do: configured("=")},
		{name: "a wrong configuration", do: configured("[times]\nsettle = \"long\"\n")},
		{name: "another configuration", do: configured("# more\n")},
		{name: "a short deadline", do: configured("[times]\ndeadline = \"700ms\"\n")},
		{name: "TLS", do: configured("[tls]\nenabled = true\n")},
		{name: "instances that hang are restarted", do: configured("[revive]\nrestart_hung_after = \"1m\"\n")},
		{name: "no configuration file", env: []string{"KEEPALIVED_REDIS_CONFIG=/none"}},
		{name: "the lock is held", do: held},
		{name: "a password", do: server("config", "set", "requirepass", "x")},
		{name: "writes are stopped", do: server("config", "set", "min-slaves-to-write", "99")},
		{name: "a replica", do: server("replicaof", "127.0.0.1", "1")},
		{name: "a dead instance", do: func(_ *testing.T, b *quietBox) { b.servers[1].Kill() }, apart: true},
		{name: "an instance that hangs", do: func(t *testing.T, b *quietBox) {
			if err := syscall.Kill(b.servers[1].PID(), syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
		}},
	}, ofState...)
	for _, d := range list {
		t.Run(d.name, func(t *testing.T) {
			b := newQuietBox(t)
			b.settle(t)
			if d.do != nil {
				d.do(t, b)
			}
			_, before := b.files(t)
			if got := b.run(t, !d.byHand, d.env, b.stubbed, d.args...); got.code != handedOver || got.errOut != "" {
				t.Errorf("it ends with %+v", got)
			}
			if _, after := b.files(t); after != before {
				t.Errorf("the quiet check has written: before:\n%s\nafter:\n%s", before, after)
			}
			if !d.apart {
				b.alike(t, !d.byHand, d.env, d.args...)
			}
		})
	}
}

// Whatever the state is, the quiet check hands over, or the whole program would have said the same and written nothing.
func TestQuietOnRandomStates(t *testing.T) {
	const seed1, seed2 = 5, 500
	t.Logf("seed %d %d", seed1, seed2)
	random := rand.New(rand.NewPCG(seed1, seed2))
	b := newQuietBox(t)
	b.settle(t)
	b.copy(t, "state", "settled")
	quiet := 0
	for n := range size(24, 400) {
		b.copy(t, "settled", "state")
		var done []string
		for _, i := range random.Perm(len(ofState))[:random.IntN(3)] {
			ofState[i].do(t, b)
			done = append(done, ofState[i].name)
		}
		for _, file := range []string{"run/verdict", "run/sentence", "run/seen.json", "lib/roles", "lib/witness.json", "lib/last-good.toml"} {
			path := filepath.Join(b.dir, "state", file)
			text, err := os.ReadFile(path)
			if err != nil || len(text) == 0 || random.IntN(12) > 0 {
				continue
			}
			text[random.IntN(len(text))] ^= byte(1 << random.IntN(8))
			if err := os.WriteFile(path, text, 0o644); err != nil {
				t.Fatal(err)
			}
			done = append(done, "a bit of "+file)
		}
		_, before := b.files(t)
		got := b.run(t, true, nil, b.stubbed)
		if _, after := b.files(t); after != before {
			t.Errorf("%d %q: it has written: before:\n%s\nafter:\n%s", n, done, before, after)
		}
		if got.code == handedOver {
			continue
		}
		quiet++
		want := b.run(t, true, nil, b.full)
		if _, after := b.files(t); after != before || got != want {
			t.Errorf("%d %q: quiet %+v, whole %+v; before:\n%s\nafter:\n%s", n, done, got, want, before, after)
		}
	}
	if t.Logf("%d were quiet", quiet); quiet == 0 {
		t.Error("no state was quiet")
	}
}

// The whole program is told when the check began, and goes by it.
func TestDeadlineAcrossTheHandOver(t *testing.T) {
	b := newQuietBox(t)
	before := monotonic()
	got := b.run(t, true, []string{"CHK_REDIS_BEGUN=1 1 stale"}, b.stubbed, "--act")
	fields := strings.Fields(got.out)
	if got.code != handedOver || len(fields) != 3 || fields[2] != "dev" {
		t.Fatalf("handed over: %+v", got)
	}
	if begun, err := strconv.ParseInt(fields[1], 10, 64); err != nil || time.Duration(begun) < before || time.Duration(begun) > monotonic() {
		t.Errorf("begun at %s, %v", fields[1], err)
	}
	late := b.run(t, false, nil, "/bin/sh", "-c", fmt.Sprintf(`CHK_REDIS_BEGUN="$$ %d v" exec %s --act`, monotonic()-time.Second, b.full))
	if late.code != 1 || !strings.HasPrefix(late.errOut, "chk-redis: unfit: no verdict, deadline reached\n") {
		t.Errorf("it began a second ago: %+v", late)
	}
	for _, foreign := range []string{fmt.Sprintf("1 %d v", monotonic()-time.Second), "$$ 1 v", "$$ 99999999999999999 v", "$$ -1 v", "x"} {
		if fresh := b.run(t, false, nil, "/bin/sh", "-c", fmt.Sprintf(`CHK_REDIS_BEGUN="%s" exec %s --act`, foreign, b.full)); fresh.code != 0 {
			t.Errorf("%s: %+v", foreign, fresh)
		}
	}
}

func monotonic() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return time.Duration(ts.Nano())
}

// A pair of two versions complains, once.
func TestPairOfTwoVersions(t *testing.T) {
	b := newQuietBox(t)
	script := fmt.Sprintf(`CHK_REDIS_BEGUN="$$ %d v7" exec %s --act`, monotonic(), b.full)
	got := b.run(t, false, nil, "/bin/sh", "-c", script)
	if got.code != 0 || !strings.Contains(got.errOut, "chk-redis has version v7 and notify-redis version dev; hint: install both of one package") {
		t.Errorf("%+v", got)
	}
	if again := b.run(t, false, nil, "/bin/sh", "-c", script); again.code != 0 || strings.Contains(again.errOut, "v7") {
		t.Errorf("again: %+v", again)
	}
}

// Without a whole program that checks, a check that is not quiet is unfit, and says why. A hook of an older version would take the
// arguments for an event, so it is not executed.
func TestWholeProgramMissing(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(program string) error
		want string
	}{
		"missing":        {os.Remove, "no such file or directory"},
		"old":            {func(p string) error { return os.WriteFile(p, []byte("#!/bin/sh\nexit 0\n"), 0o755) }, "it knows no check, so it is an older version, a half-written file or something of another origin"},
		"half":           {func(p string) error { return os.Truncate(p, 0) }, "it knows no check, so it is an older version, a half-written file or something of another origin"},
		"not executable": {func(p string) error { return os.Chmod(p, 0o644) }, "permission denied"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newQuietBox(t)
			program := filepath.Join(b.dir, "bin", whole.Program)
			if err := c.do(program); err != nil {
				t.Fatal(err)
			}
			want := "chk-redis: unfit: no verdict, the whole program cannot be executed: execute " + program + ": " + c.want + "\n  hint: install chk-redis and notify-redis of one package\n"
			for _, args := range [][]string{nil, {"master"}} {
				if got := b.run(t, true, nil, b.stubbed, args...); got.code != 1 || got.out != "" || !strings.Contains(got.errOut, want) {
					t.Errorf("%q: %+v", args, got)
				}
			}
			b.settleBeside(t)
			if quiet := b.run(t, true, nil, b.stubbed); quiet.code != 0 {
				t.Errorf("a quiet run needs none: %+v", quiet)
			}
		})
	}
}

// While a package is installed the new quiet check may meet the old hook for a moment: it waits for the new one.
func TestUpgradeUnderTheCheck(t *testing.T) {
	b := newQuietBox(t)
	b.write(t, "bin/"+whole.Program, "#!/bin/sh\necho \"the old hook: $*\"\n")
	done := make(chan error, 1)
	time.AfterFunc(100*time.Millisecond, func() {
		next := filepath.Join(b.dir, "bin", "next")
		done <- errors.Join(os.WriteFile(next, []byte(stub), 0o755), os.Rename(next, filepath.Join(b.dir, "bin", whole.Program)))
	})
	got := b.run(t, true, nil, b.stubbed, "master")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got.code != handedOver || strings.Contains(got.out, "hook") {
		t.Errorf("%+v", got)
	}
}

// SIGTERM at any instant of a hand-over ends the check, and never as fit: it gets lost neither before the whole program is executed
// nor in it.
func TestTerminatedAtTheHandOver(t *testing.T) {
	b := newQuietBox(t)
	b.write(t, "bin/"+whole.Program, "#!/bin/sh\n# "+whole.Mark+"\nexec sleep 5\n")
	begun := time.Now()
	ended := map[int]int{}
	took := 40 * time.Millisecond
	for n := 0; n < size(40, 400) || ended[1] == 0 && n < 2000; n++ {
		cmd := exec.Command(b.stubbed)
		cmd.Env = b.env
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(took * time.Duration(n%40) / 40)
		before := time.Now()
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		code := cmd.ProcessState.ExitCode()
		ended[code]++
		if wait := time.Since(before); code == 0 || wait > 4*time.Second {
			t.Errorf("%d: it ended with %d after %s", n, code, wait)
		}
	}
	t.Logf("in %s: %v", time.Since(begun), ended)
	if ended[1] == 0 || ended[-1] == 0 {
		t.Errorf("not before and after the hand-over: %v", ended)
	}
}

// A disk that hangs under the quiet check leaves the whole one the rest of the deadline, and it is unfit.
func TestQuietOnHungDisk(t *testing.T) {
	b := newQuietBox(t)
	b.settle(t)
	release, err := disktest.Hang(filepath.Join(b.dir, "state/lib"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := release(); err != nil {
			t.Error(err)
		}
	}()
	begun := time.Now()
	stubbed := b.run(t, true, nil, b.stubbed)
	if took := time.Since(begun); stubbed.code != handedOver || took < 200*time.Millisecond {
		t.Errorf("handed over after %s: %+v", took, stubbed)
	}
	if got := b.run(t, true, nil, b.pair); got.code != 1 || !strings.HasPrefix(got.errOut, "chk-redis: unfit: no verdict, deadline reached\n  hint: it had 900ms: ") {
		t.Errorf("%+v", got)
	}
}

// SIGTERM during the quiet look ends it as unfit, and nothing is handed over.
func TestQuietTerminated(t *testing.T) {
	b := newQuietBox(t)
	b.settle(t)
	if err := syscall.Kill(b.servers[0].PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for try := 0; ; try++ {
		cmd := exec.Command(filepath.Join(b.dir, "keepalived"), b.stubbed)
		var errOut bytes.Buffer
		cmd.Env, cmd.Stderr = b.env, &errOut
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		redistest.Await(t, "it looks", func() bool { return looks(cmd.Process.Pid) })
		// Its parent passes it on.
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if cmd.ProcessState.ExitCode() == handedOver && try < 20 {
			continue // the machine is slow: its patience was over before
		}
		if code := cmd.ProcessState.ExitCode(); code != 1 || !strings.HasPrefix(errOut.String(), "chk-redis: unfit: no verdict, ended by a signal: SIGTERM\n") {
			t.Errorf("code %d, %s", code, errOut.String())
		}
		return
	}
}

// looks: the child of the process has a connection, or there is none any more.
func looks(parent int) bool {
	if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", parent)); err != nil || bytes.Contains(stat, []byte(") Z ")) {
		return true
	}
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", parent))
	for _, file := range threads {
		child, err := os.ReadFile(file)
		if err != nil || len(child) == 0 {
			continue
		}
		fds, _ := filepath.Glob("/proc/" + strings.TrimSpace(string(child)) + "/fd/*")
		for _, fd := range fds {
			if to, err := os.Readlink(fd); err == nil && strings.HasPrefix(to, "socket:") {
				return true
			}
		}
	}
	return false
}
