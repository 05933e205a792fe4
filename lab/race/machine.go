package race

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// Machine is what the figures depend on most.
type Machine struct {
	Cores      int    `json:"cores"`
	MemoryGB   int    `json:"memory_gb"`
	Kernel     string `json:"kernel"`
	Redis      string `json:"redis"`
	Keepalived string `json:"keepalived"`
	Go         string `json:"go"`
}

// thisMachine looks at the machine. What cannot be found out stays empty: the figures are worth something all the same.
func thisMachine(ctx context.Context) Machine {
	m := Machine{Cores: runtime.NumCPU(), Go: strings.TrimPrefix(runtime.Version(), "go"),
		Redis: version(ctx, `v=(\S+)`, "redis-server", "--version"), Keepalived: version(ctx, `v(\d\S*)`, "keepalived", "--version")}
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		// What the builder of a kernel adds to its version tells nobody anything.
		m.Kernel = regexp.MustCompile(`^[0-9.]*[0-9]`).FindString(unix.ByteSliceToString(name.Release[:]))
	}
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return m
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var kb int
		if n, _ := fmt.Sscanf(lines.Text(), "MemTotal: %d kB", &kb); n == 1 {
			m.MemoryGB = (kb + 1<<19) >> 20
		}
	}
	return m
}

// version asks a program for its version.
func version(ctx context.Context, pattern string, argv ...string) string {
	// keepalived tells it on the standard error.
	out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		return ""
	}
	if m := regexp.MustCompile(pattern).FindSubmatch(out); m != nil {
		return string(m[1])
	}
	return ""
}

// String is the machine in a sentence.
func (m Machine) String() string {
	return fmt.Sprintf("%d cores, %d GB, Linux %s, keepalived %s, Redis %s, Go %s", m.Cores, m.MemoryGB, m.Kernel, m.Keepalived, m.Redis, m.Go)
}
