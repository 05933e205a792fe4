package conf

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"
)

// sandbox runs keepalived in a network of its own, with the interface eth0, and with the files of a test in place of the system's.
const sandbox = `mount --bind "$1" /etc/keepalived && mount -t tmpfs tmpfs /run && ip link set lo up &&
ip link add eth0 type veth peer name other && ip link set other up && ip link set eth0 up && ip address add 192.0.2.9/24 dev eth0 &&
exec keepalived -n -l -G -D -d -P -i one`

// dump is what the installed keepalived says that it has read: its log, from which dates are taken away.
func dump(t *testing.T, f tree) []string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range f {
		path := filepath.Join(dir, strings.TrimPrefix(name, filepath.Dir(mainFile)))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll("/etc/keepalived", 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	cmd := exec.CommandContext(ctx, "unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", sandbox, "sh", dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var lines []string
	date := regexp.MustCompile(`^\w{3} \w{3} [ \d]\d [\d:]{8} \d{4}: `)
	for in := bufio.NewScanner(out); in.Scan(); {
		line := date.ReplaceAllString(in.Text(), "")
		lines = append(lines, line)
		if strings.Contains(line, "< Interfaces >") {
			break
		}
	}
	cmd.Process.Kill()
	cmd.Wait()
	return lines
}

// shown are the lines of keepalived's dump (vrrp_data.c, 2.2) that describe has as well. A block begins without a blank.
var shown = []struct {
	line *regexp.Regexp
	as   string
}{
	{regexp.MustCompile(`^ VRRP Sync Group = ([^,]+), .*`), "group $1"},
	{regexp.MustCompile(`^     (\S+)$`), " member $1"},
	{regexp.MustCompile(`^ VRRP Instance = (.*)`), "instance $1"},
	{regexp.MustCompile(`^   Interface = (.*)`), " interface $1"},
	{regexp.MustCompile(`^   Virtual Router ID = (.*)`), " router $1"},
	{regexp.MustCompile(`^   Priority = (.*)`), " priority $1"},
	{regexp.MustCompile(`^   Preempt = disabled.*`), " nopreempt"},
	{regexp.MustCompile(`^     (\S+) weight (\S+)( reverse)?$`), " track $1 weight $2$3"},
	{regexp.MustCompile(`^     ([0-9a-f.:]+(?:/\d+)?) .*\bdev \S+(?: scope \S+)?( label \S+)?.*`), " vip $1$2"},
	{regexp.MustCompile(`^     ([0-9a-f.:]+) min_ttl.*`), " peer $1"},
	{regexp.MustCompile(`^   Generic state transition script = (.*), uid:gid .*`), " notify $1"},
	{regexp.MustCompile(`^   (\w+) state transition script = (.*), uid:gid .*`), " notify_$1 $2"},
	{regexp.MustCompile(`^ VRRP Script = (.*)`), "script $1"},
	{regexp.MustCompile(`^   Command = (.*)`), " command $1"},
	{regexp.MustCompile(`^   (Rise|Fall|Weight) = (.*)`), " $1 $2"},
}

// likeUs makes describe's text of keepalived's dump.
func likeUs(lines []string) string {
	var blocks []string
	block, inBlock, excluded := "", false, false
	for _, line := range append(lines, "------<") {
		switch {
		case strings.HasPrefix(line, "------<"), strings.HasPrefix(line, " VRRP "):
			if block != "" {
				blocks = append(blocks, block)
			}
			block, inBlock = "", strings.HasPrefix(line, " VRRP ")
		case strings.HasPrefix(line, "   ") && line[3] != ' ':
			excluded = strings.Contains(line, "Virtual IP Excluded")
			inBlock = inBlock && !strings.HasPrefix(line, "   VRRP instances") // Of a script, which tells who tracks it.
		}
		for _, s := range shown {
			if inBlock && s.line.MatchString(line) {
				text := s.line.ReplaceAllString(line, s.as)
				if excluded {
					text = strings.Replace(text, " vip", " excluded", 1)
				}
				block += lower.ReplaceAllStringFunc(text, strings.ToLower) + "\n"
				break
			}
		}
	}
	sort.Strings(blocks)
	return strings.Join(blocks, "")
}

// lower are the keywords that keepalived shows in capitals.
var lower = regexp.MustCompile(`^ (notify_\w+|Rise|Fall|Weight) `)

// TestKeepalivedReadsTheSame: for each case the installed keepalived has read what this package reads.
func TestKeepalivedReadsTheSame(t *testing.T) {
	for _, c := range understood {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			lines := dump(t, treeOf(c.conf))
			if got := likeUs(lines); got != c.want {
				t.Errorf("keepalived has read\n%s\nand not\n%s\nIt says:\n%s", got, c.want, told(lines))
			}
		})
	}
}

// told are the lines of its log about the configuration.
func told(lines []string) string {
	return strings.Join(slices.DeleteFunc(slices.Clone(lines), func(l string) bool { return !strings.HasPrefix(l, "(") }), "\n")
}

// TestKeepalivedReadsTheShippedFiles: the same for the files in keepalived/.
func TestKeepalivedReadsTheShippedFiles(t *testing.T) {
	for _, file := range shipped(t) {
		t.Run(strings.TrimPrefix(file, "../../../"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			// The programs are not installed here, and the interface has another name.
			conf := regexp.MustCompile(`/usr/libexec/keepalived/\S+-redis`).ReplaceAllString(string(text), "/usr/bin/true")
			conf = regexp.MustCompile(`(?m)interface .*`).ReplaceAllString(conf, "interface eth0")
			conf = regexp.MustCompile(`(?m)unicast_src_ip .*`).ReplaceAllString(conf, "unicast_src_ip 192.0.2.9")
			c := parse(t, conf)
			if got, want := likeUs(dump(t, treeOf(conf))), describe(c); got != want {
				t.Errorf("keepalived has read\n%s\nand not\n%s", got, want)
			}
			if text := complaints(c); text != "" {
				t.Errorf("complains of a good file: %s", text)
			}
		})
	}
}

// shipped are the configurations that the project ships.
func shipped(t testing.TB) []string {
	t.Helper()
	var list []string
	for _, pattern := range []string{"*.conf", "*/*.conf", "*/*/*.conf"} {
		names, err := filepath.Glob("../../../keepalived/" + pattern)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, names...)
	}
	if len(list) < 8 {
		t.Fatalf("only %q", list)
	}
	return list
}

// TestFatalIsFatal: keepalived does not start with what is called fatal, and starts with what is called ignored.
func TestFatalIsFatal(t *testing.T) {
	const end = "\nvrrp_instance VI_9 {\ninterface eth0\nvirtual_router_id 9\nvirtual_ipaddress {\n192.0.2.91\n}\n"
	for name, conf := range map[string]string{
		"include of a file that is missing": "include none.conf" + end + "}", "includer of one": "includer none.conf" + end + "}",
		"includem of one": "includem none.conf" + end + "}", "includea of one": "includea none.conf" + end + "}",
		"includem of a pattern": "includem sub/*.conf" + end + "}\n== sub/a\n", "includew of a pattern": "includew sub/*.conf" + end + "}\n== sub/a\n",
		"includem in a directory that is missing": "includem none/*.conf" + end + "}", "includer of a directory": "includer sub" + end + "}\n== sub/a\n",
		"includeb with one that is missing": "includeb {a,b}.conf" + end + "}\n== a.conf\n", "include with one that is missing": "include {a,b}.conf" + end + "}\n== a.conf\n",
		"priority without a number": end + "priority\n}", "state without a word": end + "state\n}", "a hook without a command": end + "notify_master\n}",
		"a hook with an open quote": end + "notify_master \"/usr/bin/true\n}", "notify_deleted alone": end + "notify_deleted\n}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines := dump(t, treeOf(head+conf))
			started := strings.Contains(strings.Join(lines, "\n"), "VRRP Topology")
			c := parse(t, head+conf)
			fatal := slices.ContainsFunc(c.Diagnostics, func(d Diagnostic) bool { return d.Kind == Fatal })
			if started == fatal {
				t.Errorf("keepalived started: %v, and we say\n%s\nIt says\n%s", started, complaints(c), told(lines))
			}
		})
	}
}
