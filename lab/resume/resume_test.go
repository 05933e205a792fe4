package resume

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

type piece struct {
	Number int
	Commit string
}

func (p piece) Name() string {
	if p.Commit == "" {
		return ""
	}
	return fmt.Sprint(p.Number)
}

// readAll reads the directory, and what was warned about.
func readAll(t *testing.T, dir string) (all []piece, warnings []string) {
	t.Helper()
	all, err := Read[piece](dir, func(format string, args ...any) { warnings = append(warnings, fmt.Sprintf(format, args...)) })
	if err != nil {
		t.Fatal(err)
	}
	return all, warnings
}

func TestRecordsAreKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "there")
	if all, warnings := readAll(t, dir); len(all) > 0 || len(warnings) > 0 {
		t.Errorf("before the first: %v, %v", all, warnings)
	}
	for _, p := range []piece{{2, "a"}, {1, "b"}, {2, "c"}} {
		if err := Write(dir, p); err != nil {
			t.Fatal(err)
		}
	}
	// What a run that was killed left of a file that it was writing.
	if err := os.WriteFile(filepath.Join(dir, ".3.json123"), []byte(`{"Num`), 0o644); err != nil {
		t.Fatal(err)
	}
	all, warnings := readAll(t, dir)
	if want := []piece{{1, "b"}, {2, "c"}}; !reflect.DeepEqual(all, want) || len(warnings) > 0 {
		t.Errorf("got %v, %v, want %v", all, warnings, want)
	}
	if err := Forget(dir); err != nil {
		t.Fatal(err)
	}
	if all, _ := readAll(t, dir); len(all) > 0 {
		t.Errorf("after Forget: %v", all)
	}
}

func TestDamagedRecordIsSetAside(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":          "",
		"half":             `{"Number": 7, "Com`,
		"zeros":            "\x00\x00\x00\x00",
		"of another name":  `{"Number": 8, "Commit": "a"}`,
		"without a commit": `{"Number": 7}`,
		"another type":     `{"Number": "7", "Commit": "a"}`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := Write(dir, piece{1, "a"}); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "7.json")
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			all, warnings := readAll(t, dir)
			if len(all) != 1 || all[0].Number != 1 {
				t.Errorf("got %v", all)
			}
			if len(warnings) != 1 || !strings.Contains(warnings[0], path) {
				t.Errorf("warnings: %q", warnings)
			}
			if kept, err := os.ReadFile(path + ".damaged"); err != nil || string(kept) != text {
				t.Errorf("set aside: %q, %v", kept, err)
			}
			if all, warnings := readAll(t, dir); len(all) != 1 || len(warnings) > 0 {
				t.Errorf("the second time: %v, %q", all, warnings)
			}
		})
	}
}
