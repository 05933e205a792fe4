package main

import (
	"strings"
	"testing"
	"time"

	"keepalived-redis/lab/clients/acks"
	"keepalived-redis/lab/host"
)

func TestWritesAgain(t *testing.T) {
	const fault = host.Mono(5 * time.Second)
	said := func(lines ...string) map[string][]host.Mono {
		at, _ := acks.Read(strings.Join(lines, "\n"))
		return at
	}
	all := []string{"bar 4000000000", "test 4000000000", "foo 4000000000", "bar 5300000000", "test 5700000000"}
	for name, c := range map[string]struct {
		at   map[string][]host.Mono
		want time.Duration
	}{
		"the last key counts":           {said(append(all, "foo 5400000000", "test 9000000000")...), 700 * time.Millisecond},
		"what was on its way":           {said(append(all, "foo 5020000000")...), never},
		"a key never came back":         {said(all...), never},
		"words are no acknowledgements": {said(append(all, "foo came back", "npm warn 5200000000 x")...), never},
		"a key was not written before":  {said("bar 4000000000", "bar 5100000000", "test 4000000000", "test 5100000000", "foo 5100000000"), never},
		"nothing was written":           {said(), never},
	} {
		if got := writesAgain(c.at, len(keys), fault); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestTable(t *testing.T) {
	tab := table{rows: map[string][]time.Duration{"ioredis, default": {never, time.Second, never}, "go-redis, recommended": {700 * time.Millisecond, 900 * time.Millisecond, 600 * time.Millisecond}}}
	for _, line := range []string{"ioredis, default                 > 40 s      > 40 s\n", "go-redis, recommended            0.70 s      0.90 s\n"} {
		if !strings.Contains(tab.String(), line) {
			t.Errorf("%q is missing in\n%s", line, tab.String())
		}
	}
}

func TestJob(t *testing.T) {
	job := acks.Job{Recommended: true, For: 46 * time.Second, Seeds: []string{"192.168.9.91:7000", "192.168.9.91:7003"}, Keys: keys}
	got, err := acks.Parse(job.Args())
	if err != nil || strings.Join(got.Args(), " ") != strings.Join(job.Args(), " ") || got.For != job.For || !got.Recommended {
		t.Errorf("%v %v", got, err)
	}
	if _, err := acks.Parse([]string{"default", "x", "", ""}); err == nil {
		t.Error("seconds that are no number are taken")
	}
}
