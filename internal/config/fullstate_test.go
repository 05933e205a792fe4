package config

import (
	"strings"
	"testing"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/testing/disktest"
)

func TestStateDirThatIsFullOrReadOnly(t *testing.T) {
	for want, spoil := range map[string]func(*testing.T, string){
		"no space left on device": disktest.Fill,
		"read-only file system":   disktest.ReadOnly,
	} {
		t.Run(want, func(t *testing.T) {
			disktest.Run(t, "64k", func(t *testing.T, dir string) {
				spoil(t, dir)
				b := newHost(t)
				b.write(DefaultFile, good+"state_dir = \""+dir+"\"\n")
				c := b.mustLastGood()
				if c.Policy != model.PolicyStay || len(c.Warnings) != 1 {
					t.Fatalf("got %+v", c)
				}
				sentence := c.Warnings[0]
				if !strings.HasPrefix(sentence, "the last good configuration cannot be kept: write state file "+dir+"/last-good.toml: ") ||
					!strings.HasSuffix(sentence, want+"; hint: check that root may write into "+dir+", and that the disk is not full") {
					t.Errorf("got %q", sentence)
				}
			})
		})
	}
}
