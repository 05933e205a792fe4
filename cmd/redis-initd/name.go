package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"keepalived-redis/internal/config"
)

// errNoInstance: the name is that of no instance.
var errNoInstance = errors.New("no such instance")

// rcLink is the name of an init script in a run level's directory: S20redis7000, K80redis7000.
var rcLink = regexp.MustCompile(`^[SK]\d\d(.+)$`)

// scriptName is the port that an init script's name ends in, empty for all: redis, redis7000, redis-7000, redis@7000.
var scriptName = regexp.MustCompile(`^(?:redis|valkey)(?:-server)?[-_@]?(\d*)$`)

// resolve gives the instances that a name stands for.
func resolve(name string, instances []config.Instance) ([]config.Instance, error) {
	var found []config.Instance
	for _, i := range instances {
		if i.Name() == name {
			found = append(found, i)
		}
	}
	if len(found) > 0 {
		return found, nil
	}
	word := name
	if strings.Contains(name, "/") {
		word = filepath.Base(name)
	}
	if m := rcLink.FindStringSubmatch(word); m != nil {
		word = m[1]
	}
	if m := scriptName.FindStringSubmatch(word); m != nil {
		if word = m[1]; word == "" {
			word = "all"
		}
	}
	for _, i := range instances {
		if word == "all" || word == strconv.Itoa(int(i.Port)) {
			found = append(found, i)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: %w; hint: this host has %s", name, errNoInstance, names(instances))
	}
	return found, nil
}

func names(instances []config.Instance) string {
	list := make([]string, len(instances))
	for n, i := range instances {
		list[n] = i.Name()
	}
	return strings.Join(list, ", ")
}

// goingDown: an rc script stops everything because the host goes down (run level 0 or 6). That is no deliberate stop of
// an instance: it must not keep the host from restarting it after the next boot. sysvinit and Upstart tell by RUNLEVEL, the
// links by their directory.
func goingDown(script, runlevel string) bool {
	dir := filepath.Base(filepath.Dir(script))
	return runlevel == "0" || runlevel == "6" || strings.Contains(script, "/") && (dir == "rc0.d" || dir == "rc6.d")
}
