package config

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// inMount is set in the process that stands in a mount namespace of its own.
const inMount = "TEST_STATE_DIR"

// A full and a read-only disk are made for real: a small tmpfs in a mount namespace of its own, in which this test runs
// again. Nothing of it is left when that process ends.
func TestStateDirThatIsFullOrReadOnly(t *testing.T) {
	if dir := os.Getenv(inMount); dir != "" {
		b := newBox(t)
		b.write(DefaultFile, good+"state_dir = \""+dir+"\"\n")
		c := b.mustLastGood()
		if c.Policy != PolicyStay || len(c.Warnings) != 1 {
			t.Fatalf("got %+v", c)
		}
		// The parent compares it.
		t.Log("WARNING " + c.Warnings[0])
		return
	}
	for options, want := range map[string]string{
		"size=4k,nr_inodes=10": "no space left on device",
		"ro,size=1m":           "read-only file system",
	} {
		dir := t.TempDir()
		// Either way it runs as root of its own namespace.
		unshare := "-rm"
		if os.Geteuid() == 0 {
			unshare = "-m"
		}
		script := `mount -t tmpfs -o "$1",mode=755 none "$2" && { cat /dev/zero >"$2/filler" 2>/dev/null; exec "$3" -test.run='^TestStateDirThatIsFullOrReadOnly$' -test.v; }`
		cmd := exec.Command("unshare", unshare, "sh", "-c", script, "sh", options, dir, os.Args[0])
		cmd.Env = append(os.Environ(), inMount+"="+dir)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		_, sentence, _ := strings.Cut(string(out), "WARNING ")
		sentence, _, _ = strings.Cut(sentence, "\n")
		if !strings.HasPrefix(sentence, "the last good configuration cannot be kept: write state file "+dir+"/last-good.toml: ") ||
			!strings.HasSuffix(sentence, want+"; hint: check that root may write into "+dir+", and that the disk is not full") {
			t.Errorf("%s: got %q", options, sentence)
		}
	}
}
