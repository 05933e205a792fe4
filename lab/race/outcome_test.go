package race

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keepalived-redis/lab/report"
)

// sample is an outcome of two rounds; under switchover the old scripts do nothing.
func sample() *Outcome {
	ms := func(n float64) *time.Duration {
		d := time.Duration(n * float64(time.Millisecond))
		return &d
	}
	o := &Outcome{Machine: Machine{Cores: 2, MemoryGB: 24, Kernel: "6.1", Redis: "7.0.15", Keepalived: "2.2.7", Go: "1.26"},
		At: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC), runs: map[string]map[string][]report.Result{}}
	for _, r := range []struct {
		fault, system string
		result        report.Result
	}{
		{"host-dies", "ours-v3-0.1", report.Result{Writable: ms(300), WorstGap: ms(302), Lost: 1}},
		{"host-dies", "ours-v3-0.1", report.Result{Writable: ms(400), WorstGap: ms(402)}},
		{"host-dies", "ours-v3-0.1", report.Result{Writable: ms(310), WorstGap: ms(312)}},
		{"host-dies", "sentinel-1s", report.Result{Writable: ms(1850), WorstGap: ms(1851), Lost: 3}},
		{"host-dies", "cluster-1s", report.Result{Writable: ms(900), WorstGap: ms(901)}},
		{"host-dies", "old-scripts", report.Result{Unread: 4000, Lost: 2}},
		{"switchover", "ours-v3-0.1", report.Result{Writable: ms(0), WorstGap: ms(8.04)}},
		{"switchover", "old-scripts", report.Result{WorstGap: ms(5)}},
	} {
		o.add(r.fault, r.system, r.result)
	}
	return o
}

// The file has the shape that others read: medians, null for never, and nothing else.
func TestFile(t *testing.T) {
	dir := t.TempDir()
	if err := sample().Write(dir); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "failover.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]map[string]map[string]*float64
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	compact, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"host-dies":{"cluster-1s":{"lost":0,"worst_gap_ms":901,"writable_ms":900},` +
		`"old-scripts":{"lost":4002,"worst_gap_ms":null,"writable_ms":null},` +
		`"ours-v3-0.1":{"lost":0,"worst_gap_ms":312,"writable_ms":310},` +
		`"sentinel-1s":{"lost":3,"worst_gap_ms":1851,"writable_ms":1850}},` +
		`"switchover":{"old-scripts":{"lost":0,"worst_gap_ms":5,"writable_ms":null},` +
		`"ours-v3-0.1":{"lost":0,"worst_gap_ms":8.04,"writable_ms":0}}}`
	if string(compact) != want {
		t.Errorf("got  %s\nwant %s", compact, want)
	}
	if _, err := os.Stat(filepath.Join(dir, "failover-runs.json")); err != nil {
		t.Error(err)
	}
}

func TestTable(t *testing.T) {
	want := `Measured on 2026-11-25: 2 cores, 24 GB, Linux 6.1, keepalived 2.2.7, Redis 7.0.15, Go 1.26. Medians of 3 runs.

| | ` + "`host-dies` | lost | `switchover`" + ` | lost |
|---|---|---|---|---|
| keepalived-redis, VRRPv3 0.1 s | 310 ms | 0 | 8.0 ms | 0 |
| three Sentinels, down-after 1 s | 1,850 ms | 3 | | |
| cluster of three hosts, node-timeout 1 s | 900 ms | 0 | | |
| the old scripts | never | 4002 not readable | never | 0 |
`
	if got := sample().Table(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A bound is shown only by figures that were measured and keep it.
func TestBounds(t *testing.T) {
	got := sample().Bounds()
	for _, want := range []string{"a third of sentinel-1s +shown", "a third of cluster-1s +NOT SHOWN", "200 ms +not measured", "never +shown", "nothing lost +shown"} {
		what, word, _ := strings.Cut(want, " +")
		found := false
		for _, line := range strings.Split(got, "\n") {
			if strings.Contains(line, what) && strings.HasSuffix(line, " "+word) {
				found = true
			}
		}
		if !found {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// Each system has its bar, and one that never ends says so.
func TestPicture(t *testing.T) {
	picture := sample().Picture()
	var root struct {
		Texts []string `xml:"text"`
		Bars  []struct {
			Class string `xml:"class,attr"`
			Width string `xml:"width,attr"`
			Tip   string `xml:"title"`
		} `xml:"rect"`
	}
	if err := xml.Unmarshal(picture, &root); err != nil {
		t.Fatal(err)
	}
	var bars []string
	for _, b := range root.Bars {
		if b.Tip != "" {
			bars = append(bars, b.Class+" "+b.Width+" "+b.Tip)
		}
	}
	want := []string{
		"strong 85.5 keepalived-redis, VRRPv3 0.1 s: 310 ms", "weak 510 three Sentinels, down-after 1 s: 1,850 ms, 3 writes lost",
		"weak 248.1 cluster of three hosts, node-timeout 1 s: 900 ms", "never 630 the old scripts: never",
		"strong 510 keepalived-redis, VRRPv3 0.1 s: 8.0 ms", "never 630 the old scripts: never",
	}
	if strings.Join(bars, "\n") != strings.Join(want, "\n") {
		t.Errorf("bars\n%s\nwant\n%s", strings.Join(bars, "\n"), strings.Join(want, "\n"))
	}
	if !strings.Contains(strings.Join(root.Texts, "\n"), "2026-11-25") || !strings.Contains(string(picture), "prefers-color-scheme:dark") {
		t.Error("no date, or nothing for a dark screen")
	}
}

// The table takes the place that is marked for it, and nothing else changes; without the marks nothing does.
func TestUpdateTable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "doc.md")
	for _, c := range []struct {
		name, text, before, after string
		wrong                     bool
	}{
		{"marked", "# A\n" + tableBegin + "old\n" + tableEnd + "B\n", "# A\n" + tableBegin, tableEnd + "B\n", false},
		{"not marked", "# A\nB\n", "", "", true},
		{"half marked", "# A\n" + tableBegin + "B\n", "", "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := os.WriteFile(path, []byte(c.text), 0o644); err != nil {
				t.Fatal(err)
			}
			err := sample().UpdateTable(path)
			data, readErr := os.ReadFile(path)
			if readErr != nil {
				t.Fatal(readErr)
			}
			got := string(data)
			if c.wrong {
				if err == nil || got != c.text {
					t.Errorf("error %v, document %q", err, got)
				}
				return
			}
			if err != nil || !strings.HasPrefix(got, c.before) || !strings.HasSuffix(got, c.after) || !strings.Contains(got, sample().Table()) || strings.Contains(got, "old\n") {
				t.Errorf("error %v, document\n%s", err, got)
			}
		})
	}
}

func TestChosen(t *testing.T) {
	name := func(s string) string { return s }
	all := []string{"a", "b", "c"}
	if got, err := chosen("system", all, []string{"c", "a"}, name); err != nil || strings.Join(got, "") != "ac" {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := chosen("system", all, nil, name); err != nil || len(got) != 3 {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := chosen("system", all, []string{"d"}, name); err == nil || !strings.Contains(err.Error(), `"d"`) || !strings.Contains(err.Error(), "a, b, c") {
		t.Errorf("%v", err)
	}
}
