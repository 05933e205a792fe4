package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/program"
	"keepalived-redis/internal/service"
	"keepalived-redis/internal/show"
)

// facts are what a person wants to know of a running instance.
func (r *result) facts() []string {
	facts := []string{fmt.Sprintf("pid %d", r.state.PID)}
	if up := service.Uptime(r.state.PID); up > 0 {
		facts = append(facts, "up "+show.Age(up))
	}
	info := r.look.Info
	if info == nil {
		return facts
	}
	switch {
	case info.Role != model.Replica:
		facts = append(facts, fmt.Sprintf("%s with %d linked replicas", info.Role, info.Replicas))
	case info.LinkUp:
		facts = append(facts, fmt.Sprintf("%s of %s", info.Role, info.Master))
	default:
		facts = append(facts, fmt.Sprintf("%s of %s, link DOWN", info.Role, info.Master))
	}
	if info.UsedMemory.Known {
		facts = append(facts, show.Size(info.UsedMemory.Value))
	}
	return facts
}

// tell says what became of the instances, in their order, and returns the exit code: the highest of theirs.
func (j *job) tell(results []result, out io.Writer) int {
	code := success
	for _, r := range results {
		code = max(code, r.code)
	}
	if j.JSON {
		program.Fail(j.errOut, name, writeJSON(out, j.Action, results, code))
		return code
	}
	marks := j.Action != "status" && redHat() && terminal(out)
	for _, r := range results {
		switch {
		case marks && r.err == nil:
			fmt.Fprintln(out, mark(r.line, "  OK  "))
		case marks:
			fmt.Fprintln(out, mark(fmt.Sprintf("redis %s: %s", r.instance.Name(), j.Action), "FAILED"))
		case r.line != "":
			fmt.Fprintln(out, program.Plain(r.line))
		}
		program.Fail(j.errOut, name, r.err)
	}
	return code
}

// markColumn is where the init scripts of Red Hat's systems put their marks (/etc/sysconfig/init, RES_COL).
const markColumn = 60

// mark puts a mark behind a line, as those scripts do.
func mark(line, word string) string {
	colour := "32"
	if word == "FAILED" {
		colour = "31"
	}
	pad := strings.Repeat(" ", max(1, markColumn-len([]rune(line))))
	return fmt.Sprintf("%s%s[\x1b[1;%sm%s\x1b[0m]", program.Plain(line), pad, colour, word)
}

// redHat: this is a Red Hat Enterprise Linux or one of its kind.
func redHat() bool {
	_, err := os.Stat("/etc/redhat-release")
	return err == nil
}

func terminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	return ok && show.Colours(f)
}

// told is what is told of one instance in JSON. The keys never change their meaning; what is unknown is null.
type told struct {
	Address         string   `json:"address"`
	OK              bool     `json:"ok"`
	Code            int      `json:"code"`
	Status          string   `json:"status"`
	Reason          string   `json:"reason"`
	Message         *string  `json:"message"`
	Error           *string  `json:"error"`
	PID             *int     `json:"pid"`
	UptimeSeconds   *float64 `json:"uptime_seconds"`
	Role            *string  `json:"role"`
	Master          *string  `json:"master"`
	LinkUp          *bool    `json:"link_up"`
	Replicas        *int     `json:"replicas"`
	UsedMemoryBytes *int64   `json:"used_memory_bytes"`
}

// statuses are the words for what the manager knows.
var statuses = map[service.Status]string{service.Unknown: "unknown", service.Running: "running", service.Dead: "dead",
	service.Stopped: "stopped", service.Busy: "busy"}

func (r *result) told() told {
	t := told{Address: r.instance.Name(), OK: r.err == nil, Code: r.code, Status: statuses[r.state.Status], Reason: program.Plain(r.state.Reason)}
	if r.line != "" {
		t.Message = known(program.Plain(r.line))
	}
	if r.err != nil {
		t.Error = known(program.Plain(r.err.Error()))
	}
	if r.state.PID != 0 {
		t.PID = &r.state.PID
		if up := service.Uptime(r.state.PID).Seconds(); up > 0 {
			t.UptimeSeconds = &up
		}
	}
	info := r.look.Info
	if info == nil {
		return t
	}
	t.Role = known(string(info.Role))
	if info.Role == model.Replica {
		t.LinkUp = &info.LinkUp
		if info.Master.IsValid() {
			t.Master = known(info.Master.String())
		}
	} else {
		t.Replicas = &info.Replicas
	}
	if info.UsedMemory.Known {
		t.UsedMemoryBytes = &info.UsedMemory.Value
	}
	return t
}

func known[T any](v T) *T { return &v }

func writeJSON(out io.Writer, action string, results []result, code int) error {
	d := struct {
		Schema    int    `json:"schema_version"`
		Action    string `json:"action"`
		Code      int    `json:"code"`
		Instances []told `json:"instances"`
	}{1, action, code, []told{}}
	for _, r := range results {
		d.Instances = append(d.Instances, r.told())
	}
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(d)
}
