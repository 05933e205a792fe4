package lab

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The one line can be changed in every file that is shipped, and nothing else changes with it.
func TestWithAdvert(t *testing.T) {
	for _, pattern := range []string{"*.conf", "*/*.conf", "*/*/*.conf"} {
		files, err := filepath.Glob(filepath.Join("../keepalived", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got, err := withAdvert(string(text), "0.03")
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			was, is := strings.Split(string(text), "\n"), strings.Split(got, "\n")
			var changed []string
			for i := range was {
				if was[i] != is[i] {
					changed = append(changed, is[i])
				}
			}
			if len(was) != len(is) || len(changed) != 1 || strings.TrimSpace(changed[0]) != "advert_int 0.03" {
				t.Errorf("%s: changed %q", name, changed)
			}
			if same, err := withAdvert(string(text), ""); err != nil || same != string(text) {
				t.Errorf("%s: changed without being asked: %v", name, err)
			}
		}
	}
	if _, err := withAdvert("no such line\n", "0.03"); err == nil {
		t.Error("no error without the line")
	}
}
