package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"keepalived-redis/internal/testing/redistest"
)

// stateHost has two instances, and the state that checks leave.
type stateHost struct {
	dir, program string
	env          []string
}

func newStateHost(t *testing.T) *stateHost {
	t.Helper()
	bin, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	b := &stateHost{dir: t.TempDir(), program: filepath.Join(bin, "chk-redis")}
	// Its name is how the check knows that keepalived runs it.
	if err := os.Symlink("/proc/self/exe", filepath.Join(b.dir, "keepalived")); err != nil {
		t.Fatal(err)
	}
	b.write(t, "chk.toml", fmt.Sprintf("instances = [%q, %q]\nvip = \"10.77.200.1\"\nwitness = \"10.88.0.1\"\nstate_dir = %q\nrun_dir = %q\n[service]\nbackend = \"process\"\naccount = \"root\"\n",
		redistest.Start(t).Addr, redistest.Start(t).Addr, filepath.Join(b.dir, "state/lib"), filepath.Join(b.dir, "state/run")))
	b.env = []string{"PATH=" + os.Getenv("PATH"), "KEEPALIVED_REDIS_CONFIG=" + filepath.Join(b.dir, "chk.toml")}
	return b
}

func (b *stateHost) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(b.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// result is what a run says.
type result struct {
	code        int
	out, errOut string
}

// run runs the check as keepalived does.
func (b *stateHost) run(t *testing.T) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), hangs)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(b.dir, "keepalived"), b.program)
	var out, errOut bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = b.env, &out, &errOut
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errOut.String()}
}

// files are those of the state, and when they were written.
func (b *stateHost) files(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(filepath.Join(b.dir, "state"), func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		text := []byte(nil)
		if fi.Mode().IsRegular() {
			if text, err = os.ReadFile(path); err != nil {
				return err
			}
		}
		fmt.Fprintf(&all, "%s %s %s %s\n", strings.TrimPrefix(path, b.dir), fi.Mode(), fi.ModTime(), text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// settle runs the check until a run writes nothing and says what the run before it said.
func (b *stateHost) settle(t *testing.T) result {
	t.Helper()
	var last result
	redistest.Await(t, "a run writes nothing", func() bool {
		before, said := b.files(t), last
		last = b.run(t)
		return last.code >= 0 && last.code <= 1 && last == said && b.files(t) == before
	})
	return last
}

// copy replaces a directory by another.
func (b *stateHost) copy(t *testing.T, from, to string) {
	t.Helper()
	if out, err := exec.Command("sh", "-c", `rm -rf "$2" && cp -a "$1" "$2"`, "sh", filepath.Join(b.dir, from), filepath.Join(b.dir, to)).CombinedOutput(); err != nil {
		t.Fatalf("copy the state: %v: %s", err, out)
	}
}

func holds(name, text string) func(*testing.T, *stateHost) {
	return func(t *testing.T, b *stateHost) { b.write(t, "state/"+name, text) }
}

func gone(name string) func(*testing.T, *stateHost) {
	return func(t *testing.T, b *stateHost) {
		if err := os.RemoveAll(filepath.Join(b.dir, "state", name)); err != nil {
			t.Fatal(err)
		}
	}
}

// mode changes that of a file that a random state may not have.
func mode(name string, mode fs.FileMode) func(*testing.T, *stateHost) {
	return func(t *testing.T, b *stateHost) {
		if err := os.Chmod(filepath.Join(b.dir, "state", name), mode); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

// found are states that a check may find.
var found = []struct {
	name string
	do   func(*testing.T, *stateHost)
	// unhealthy: the host stays so.
	unhealthy bool
}{
	{name: "all as it was left", do: func(*testing.T, *stateHost) {}},
	{name: "no verdict yet", do: gone("run/verdict.json")},
	{name: "another verdict", do: holds("run/verdict.json", `{"verdict":"unhealthy","because":[" refused 10.9.9.9:1"]}`)},
	{name: "a verdict that nobody gives", do: holds("run/verdict.json", `{"verdict":"splendid","because":[" unheard-of"],"version":"v0"}`)},
	{name: "the files of a version that kept sentences", do: func(t *testing.T, b *stateHost) {
		gone("run/verdict.json")(t, b)
		holds("run/verdict", "healthy: all 2 instances answer\nversion v0\n")(t, b)
		holds("run/sentence", "MASTER: nothing\n")(t, b)
	}},
	{name: "a warning that is over", do: holds("run/verdict.json", `{"verdict":"healthy","because":[" all-answer"],"warnings":["the sky falls"]}`)},
	{name: "a damaged verdict", do: holds("run/verdict.json", "\x00")},
	{name: "no memory", do: gone("run/seen.json")},
	{name: "another decision", do: holds("run/said.json", `["keep in-place","wait master-down 10.9.9.9:1"]`)},
	{name: "a damaged memory", do: holds("run/seen.json", "{")},
	{name: "a stretch that is over", do: holds("run/seen.json", `{"stretches":{"not-serving 10.9.9.9:1":{"since":{"boot":"x"},"looks":3}},"warned":["x"]}`)},
	{name: "a damaged event", do: holds("run/event.json", "nonsense")},
	{name: "no roles", do: gone("lib/roles.json")},
	{name: "other roles", do: holds("lib/roles.json", `{"127.0.0.1:1":{}}`)},
	{name: "no witness yet", do: gone("lib/witness.json")},
	{name: "a damaged witness", do: holds("lib/witness.json", "null")},
	{name: "no copy of the configuration", do: gone("lib/last-good.toml")},
	{name: "another copy", do: holds("lib/last-good.toml", "x")},
	{name: "drain", do: holds("lib/maintenance", "drain a test\n"), unhealthy: true},
	{name: "hold", do: holds("lib/maintenance", "hold a test\n")},
	{name: "a maintenance that nobody can read", do: holds("lib/maintenance", "\xff")},
	{name: "no lock file", do: gone("run/act.lock")},
	{name: "no run directory", do: gone("run")},
	{name: "no state directory", do: gone("lib")},
	{name: "a directory for everybody", do: mode("run", 0o777)},
	{name: "a lock that an older version left open", do: mode("run/act.lock", 0o644)},
	{name: "a lock that everybody may write", do: mode("run/act.lock", 0o666)},
	{name: "a verdict that everybody may write", do: mode("run/verdict.json", 0o666)},
	{name: "a drain that everybody may write", do: func(t *testing.T, b *stateHost) {
		holds("lib/maintenance", "drain a test\n")(t, b)
		mode("lib/maintenance", 0o666)(t, b)
	}},
}

// Whatever state a check finds: it answers, and soon it is as after any other run: what there is to say has been said, and nothing is
// written any more.
func TestEveryStateSettles(t *testing.T) {
	b := newStateHost(t)
	b.settle(t)
	b.copy(t, "state", "settled")
	for _, f := range found {
		t.Run(f.name, func(t *testing.T) {
			b.copy(t, "settled", "state")
			f.do(t, b)
			if got := b.settle(t); (got.code != 0) != f.unhealthy || !f.unhealthy && got.errOut != "" {
				t.Errorf("%+v", got)
			}
		})
	}
}

// So it is with several of them at once, and with bits that have turned over.
func TestRandomStatesSettle(t *testing.T) {
	const seed1, seed2 = 5, 500
	random := rand.New(rand.NewPCG(seed1, seed2))
	b := newStateHost(t)
	b.settle(t)
	b.copy(t, "state", "settled")
	for n := range size(24, 400) {
		b.copy(t, "settled", "state")
		var done []string
		for _, i := range random.Perm(len(found))[:random.IntN(3)] {
			found[i].do(t, b)
			done = append(done, found[i].name)
		}
		for _, file := range []string{"run/verdict.json", "run/said.json", "lib/roles.json", "lib/witness.json", "lib/last-good.toml"} {
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
		t.Logf("%d %q", n, done)
		b.settle(t)
	}
}
