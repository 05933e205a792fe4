package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// cost are medians over the runs.
type cost struct {
	WallMS float64 `json:"wall_ms"`
	// CPUMS is user and system time of the program and of all that it started.
	CPUMS float64 `json:"cpu_ms"`
	RSSKB float64 `json:"rss_kb"`
	// Instructions are those in user mode, counted by valgrind.
	Instructions float64 `json:"instructions"`
}

// program is one thing to measure.
type program struct {
	name string
	argv []string
	env  []string
}

// counted is how often instructions are counted: the count hardly varies, and valgrind takes long.
const counted = 5

// unmeasured are the first runs of each: the first reads the program from the disk, and finds its state new; the next ones find that
// there is nothing to do.
const unmeasured = 4

// measure runs the programs in turn, in a new order each round, so that whatever else the machine does hits all alike.
func (b *bench) measure(ctx context.Context, programs []program, runs int) (map[string]cost, error) {
	wall, cpu, rss, instructions := map[string][]float64{}, map[string][]float64{}, map[string][]float64{}, map[string][]float64{}
	for i := range unmeasured + runs {
		for _, n := range rand.Perm(len(programs)) {
			p := programs[n]
			var w, c, m float64
			var code int
			out, err := b.launch(ctx, p, nil)
			if err == nil {
				_, err = fmt.Sscanf(out, "%f %f %f %d", &w, &c, &m, &code)
			}
			if err != nil {
				return nil, fmt.Errorf("run %s: %w", p.name, err)
			}
			if code != 0 {
				return nil, fmt.Errorf("run %s: exit code %d, and all instances are up", p.name, code)
			}
			if i < unmeasured {
				continue
			}
			wall[p.name], cpu[p.name], rss[p.name] = append(wall[p.name], w/1000), append(cpu[p.name], c/1000), append(rss[p.name], m)
		}
	}
	for _, p := range programs {
		for range counted {
			n, err := b.instructions(ctx, p)
			if err != nil {
				return nil, fmt.Errorf("count the instructions of %s: %w", p.name, err)
			}
			instructions[p.name] = append(instructions[p.name], n)
		}
	}
	costs := map[string]cost{}
	for _, p := range programs {
		costs[p.name] = cost{median(wall[p.name]), median(cpu[p.name]), median(rss[p.name]), median(instructions[p.name])}
	}
	return costs, nil
}

// launch runs a program as a child of a process that is called keepalived, as in production: so chk-redis acts, and keeps
// its state.
func (b *bench) launch(ctx context.Context, p program, before []string) (string, error) {
	cmd := exec.CommandContext(ctx, b.path("keepalived"), append(slices.Clone(before), p.argv...)...)
	// As keepalived's children have it, and not a person's.
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "LANG=C"}, p.env...)
	out, err := cmd.Output()
	return string(out), err
}

var collected = regexp.MustCompile(`Collected : (\d+)`)

// instructions counts what the program and all its children execute in user mode.
func (b *bench) instructions(ctx context.Context, p program) (float64, error) {
	valgrind, err := exec.LookPath("valgrind")
	if err != nil {
		return 0, err
	}
	logs, err := os.MkdirTemp(b.dir, "callgrind-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(logs)
	// Go preempts by signals, which callgrind cannot follow, and now and then reads the clock by an instruction that it does not know. And
	// what it slows down must not become another run.
	p.env = append(slices.Clone(p.env), "GODEBUG=asyncpreemptoff=1,cpu.rdtscp=off", "KEEPALIVED_REDIS_TIMES_DEADLINE=60s")
	out, err := b.launch(ctx, p, []string{valgrind, "--tool=callgrind", "--trace-children=yes", "--callgrind-out-file=/dev/null",
		"--log-file=" + filepath.Join(logs, "%p")})
	if err != nil {
		return 0, err
	}
	if !strings.HasSuffix(out, " 0\n") {
		return 0, fmt.Errorf("exit code not 0: %s", out)
	}
	files, err := os.ReadDir(logs)
	if err != nil {
		return 0, err
	}
	var sum float64
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(logs, f.Name()))
		if err != nil {
			return 0, err
		}
		for _, m := range collected.FindAllStringSubmatch(string(text), -1) {
			n, err := strconv.ParseFloat(m[1], 64)
			if err != nil {
				return 0, err
			}
			sum += n
		}
	}
	if sum == 0 {
		return 0, fmt.Errorf("valgrind counted nothing for %s", strings.Join(p.argv, " "))
	}
	return sum, nil
}

func median(list []float64) float64 {
	list = slices.Clone(list)
	slices.Sort(list)
	if n := len(list); n%2 == 0 && n > 0 {
		return (list[n/2-1] + list[n/2]) / 2
	}
	return list[len(list)/2]
}
