package act

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"keepalived-redis/internal/testing/disktest"
)

// The oldest copies go while there is no room for the next data set; the newest one stays, and what is of another instance.
func TestCopiesMakeRoom(t *testing.T) {
	disktest.Run(t, "1m", func(t *testing.T, dir string) {
		left := func() []string {
			entries, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, e := range entries {
				names = append(names, e.Name())
			}
			return names
		}
		for _, name := range []string{"7000-1.rdb", "7000-2.rdb", "7000-3.rdb", "70001-1.rdb"} {
			if err := os.WriteFile(filepath.Join(dir, name), make([]byte, 200<<10), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, step := range []struct {
			need uint64
			want []string
		}{
			{100 << 10, []string{"7000-1.rdb", "7000-2.rdb", "7000-3.rdb", "70001-1.rdb"}},
			{300 << 10, []string{"7000-2.rdb", "7000-3.rdb", "70001-1.rdb"}},
			{1 << 30, []string{"7000-3.rdb", "70001-1.rdb"}},
		} {
			if err := removeOldest(dir, "7000-", step.need); err != nil {
				t.Error(err)
			}
			if got := left(); !slices.Equal(got, step.want) {
				t.Errorf("%d bytes needed: %v are left, want %v", step.need, got, step.want)
			}
		}
	})
}
