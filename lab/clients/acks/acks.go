// Package acks is what the measured clients have in common: the job they get and the line they print for each write that a server
// has acknowledged.
package acks

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"keepalived-redis/lab/host"
)

// Pause is between two writes of one key: each client writes about 50 times a second to each master.
const Pause = 20 * time.Millisecond

// Job is what a client does.
type Job struct {
	// Recommended: with the settings of docs/clients.md. Otherwise with the defaults of the library.
	Recommended bool
	// For is how long it writes.
	For time.Duration
	// Seeds are the addresses from which it learns the cluster.
	Seeds []string
	// Keys are written, each in a loop of its own.
	Keys []string
}

// Args are the words of the command line that say it. The clients in other languages read the same.
func (j Job) Args() []string {
	setting := "default"
	if j.Recommended {
		setting = "recommended"
	}
	seconds := strconv.FormatFloat(j.For.Seconds(), 'f', 1, 64)
	return []string{setting, seconds, strings.Join(j.Seeds, ","), strings.Join(j.Keys, ",")}
}

// Parse is the reverse of Args.
func Parse(args []string) (Job, error) {
	if len(args) != 4 {
		return Job{}, fmt.Errorf("read the job: %d words, expected SETTING SECONDS SEEDS KEYS", len(args))
	}
	seconds, err := strconv.ParseFloat(args[1], 64)
	if err != nil {
		return Job{}, fmt.Errorf("read the job: %w", err)
	}
	return Job{args[0] == "recommended", time.Duration(seconds * float64(time.Second)), strings.Split(args[2], ","), strings.Split(args[3], ",")}, nil
}

// Write writes each key until ctx ends and prints "KEY NANOSECONDS" of the monotonic clock for each write that went well. What goes
// wrong is tried again, as a program would that must get its write through.
func Write(ctx context.Context, job Job, set func(ctx context.Context, key, value string) error) {
	var wait sync.WaitGroup
	for _, key := range job.Keys {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for n := 0; ctx.Err() == nil; n++ {
				if set(ctx, key, strconv.Itoa(n)) == nil {
					// One write call for a line, so that lines do not mix.
					fmt.Fprintf(os.Stdout, "%s %d\n", key, host.Now())
				}
				select {
				case <-time.After(Pause):
				case <-ctx.Done():
				}
			}
		}()
	}
	wait.Wait()
}

// Read reads what a client printed: the instants of the acknowledged writes of each key. Other lines are the client's own words.
func Read(text string) (at map[string][]host.Mono, words []string) {
	at = map[string][]host.Mono{}
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		key, ns, ok := strings.Cut(lines.Text(), " ")
		n, err := strconv.ParseInt(ns, 10, 64)
		if !ok || err != nil {
			words = append(words, lines.Text())
			continue
		}
		at[key] = append(at[key], host.Mono(n))
	}
	return at, words
}
