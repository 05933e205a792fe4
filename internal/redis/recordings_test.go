package redis

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/testing/golden"
)

// TestEveryRecording reads each reply of each version; what came out is compared with files that people can read.
func TestEveryRecording(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(recordings, "*", "*.resp"))
	if err != nil || len(files) < 180 {
		t.Fatalf("%d recordings, %v", len(files), err)
	}
	var infos, nodes, errs strings.Builder
	versions := map[string]bool{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		server, name := filepath.Base(filepath.Dir(file)), strings.TrimSuffix(filepath.Base(file), ".resp")
		versions[server] = true
		key := server + " " + name
		switch {
		case raw[0] == '-':
			text := strings.TrimSuffix(string(raw[1:]), "\r\n")
			s := Classify(replyError(text))
			if !s.Alive() {
				t.Errorf("%s: a server that answers %q counts as dead", key, text)
			}
			fmt.Fprintf(&errs, "%s: the instance %s (%.70s)\n", key, s, text)
		case strings.HasSuffix(name, "cluster-nodes"):
			nodes.WriteString(key + "\n" + describeNodes(t, bulk(t, server, name)))
		case strings.Contains(name, ".info"):
			i, err := ParseInfo(bulk(t, server, name))
			infos.WriteString(key + ": " + strings.TrimSpace(describeInfo(i, err)) + "\n")
			if whole := strings.HasSuffix(name, ".info"); whole && err == nil && !(i.UsedMemory.Known && i.LastSave.Known && i.AOF.Known && i.SaveStatus != "") {
				t.Errorf("%s: %+v", key, i.Shown)
			}
		}
	}
	if len(versions) != 5 {
		t.Errorf("recordings of %d servers", len(versions))
	}
	golden.Check(t, "info.txt", infos.String())
	golden.Check(t, "nodes.txt", nodes.String())
	golden.Check(t, "errors.txt", errs.String())
}

var _ goredis.Error = replyError("")

func describeInfo(i model.Info, err error) string {
	if err != nil {
		return err.Error()
	}
	words := []string{string(i.Role)}
	for word, said := range map[string]bool{"link-up": i.LinkUp, "syncing": i.Syncing, "loading": i.Loading, "cluster": i.Cluster, "min-replicas": i.MinReplicas} {
		if said {
			words = append(words, word)
		}
	}
	slices.Sort(words[1:])
	if i.Master.IsValid() {
		words = append(words, "of "+i.Master.String())
	}
	return fmt.Sprintf("%s, offset %d, %d replicas, version %q = %d.%d, pid %d; memory %s, clients %s, save %s %s, aof %s %s",
		strings.Join(words, " "), i.Offset, i.Replicas, i.VersionText, i.Version.Major, i.Version.Minor, i.PID,
		orUnknown(i.UsedMemory), orUnknown(i.Clients), orUnknown(i.LastSave), i.SaveStatus, orUnknown(i.AOF), i.AOFStatus)
}

func orUnknown(f model.Figure) string {
	if !f.Known {
		return "?"
	}
	return fmt.Sprint(f.Value)
}

func describeNodes(t *testing.T, text string) string {
	t.Helper()
	ns, err := ParseNodes(text)
	if err != nil {
		return "  " + err.Error() + "\n"
	}
	var b strings.Builder
	for _, n := range ns {
		fmt.Fprintf(&b, "  %s\n", describeNode(n))
	}
	if me, ok := ns.Myself(); !ok || !me.Addr.IsValid() {
		t.Errorf("the node itself is missing: %+v", me)
	}
	return b.String()
}

func describeNode(n model.Node) string {
	words := []string{n.ID[:min(8, len(n.ID))], n.Addr.String(), string(n.Role)}
	if n.MasterID != "" {
		words = append(words, "of "+n.MasterID[:min(8, len(n.MasterID))])
	}
	for _, w := range []struct {
		said bool
		word string
	}{{n.Myself, "myself"}, {n.Failed, "failed"}, {n.Suspected, "suspected"}, {n.Unknown, "unknown"}, {len(n.Open) > 0, "migrating"}} {
		if w.said {
			words = append(words, w.word)
		}
	}
	return fmt.Sprintf("%s epoch %d slots %v", strings.Join(words, " "), n.Epoch, n.Slots)
}
