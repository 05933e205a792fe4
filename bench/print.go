package main

import (
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
)

// The budgets of one check, as ratios measured in one run.
const (
	ofOldScript     = 1.0 / 8
	ofRedisCLI      = 1.0 / 3
	maxInstructions = 2.3e6
	ofOldScriptMore = 1.0 / 7 // with metrics, a warning, or replicated durability
	ofOldScriptTLS  = 1.0 / 5
	maxGrowth       = 5
	maxRSSKB        = 12 << 10
)

// print shows the figures and holds them against the budgets.
func (r report) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(name string, c cost) {
		fmt.Fprintf(w, "%s\t%.2f ms\t%.2f ms\t%.1f MB\t%.2f M\t\n", name, c.WallMS, c.CPUMS, c.RSSKB/1024, c.Instructions/1e6)
	}
	fmt.Fprintf(w, "three instances\twall\tuser+sys\tpeak memory\tinstructions\t\n")
	for _, name := range []string{"old_script", "redis_cli", "chk_redis", "metrics", "warning", "replicated", "tls", "c_static"} {
		line(name, r.Programs[name])
	}
	fmt.Fprintf(w, "chk_redis on\twall\tuser+sys\tpeak memory\tinstructions\t\n")
	for _, n := range sizes {
		line(strconv.Itoa(n), r.Scale[strconv.Itoa(n)])
	}
	// The output is a terminal or a file of the person who asked.
	_ = w.Flush()
	ours := r.Programs["chk_redis"]
	budget := func(what string, got, limit float64) {
		word := "within"
		if got > limit {
			word = "OVER"
		}
		fmt.Fprintf(out, "%-44s %8.3f  %s the budget of %.3f\n", what, got, word, limit)
	}
	budget("CPU, of the old script's", ours.CPUMS/r.Programs["old_script"].CPUMS, ofOldScript)
	for _, name := range []string{"metrics", "warning", "replicated"} {
		budget("CPU, of the old script's: "+name, r.Programs[name].CPUMS/r.Programs["old_script"].CPUMS, ofOldScriptMore)
	}
	budget("CPU, of the old script's: tls", r.Programs["tls"].CPUMS/r.Programs["old_script"].CPUMS, ofOldScriptTLS)
	budget("CPU, of three redis-cli's", ours.CPUMS/r.Programs["redis_cli"].CPUMS, ofRedisCLI)
	budget("million user instructions", ours.Instructions/1e6, maxInstructions/1e6)
	budget("wall time of 100 instances, in those of 3", r.Scale["100"].WallMS/r.Scale["3"].WallMS, maxGrowth)
	budget("peak memory, MB", ours.RSSKB/1024, maxRSSKB/1024)
}
