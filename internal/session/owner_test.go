package session

import (
	"os"
	"testing"

	"github.com/rs/zerolog"

	"keepalived-redis/internal/state"
)

func TestOwner(t *testing.T) {
	log := zerolog.Nop()
	dir := state.Dir(t.TempDir())
	s := Store{Durable: dir, log: &log}
	dry := Store{Durable: dir, log: &log, dry: true}
	if s.Owner() != 0 || dry.MakeOwner() != 0 {
		t.Fatal("there is one before it is made")
	}
	n := s.MakeOwner()
	if n < 2 || s.MakeOwner() != n || s.Owner() != n || dry.MakeOwner() != n {
		t.Errorf("it is made as %d, and then it is %d", n, s.Owner())
	}
	other := Store{Durable: state.Dir(t.TempDir()), log: &log}
	if other.MakeOwner() == n {
		t.Error("two hosts have the same")
	}
	for _, damaged := range []string{"{", "null", `{"number":1}`, `{"number":-5}`, `{"number":99999999999}`} {
		if err := os.WriteFile(dir.Path(OwnerFile), []byte(damaged), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := s.Owner(); got != 0 {
			t.Errorf("%s: %d", damaged, got)
		}
		if made := s.MakeOwner(); made < 2 || s.Owner() != made {
			t.Errorf("%s: made %d, then %d", damaged, made, s.Owner())
		}
	}
	nowhere := Store{Durable: "/none/at/all", log: &log}
	if got := nowhere.MakeOwner(); got != 0 {
		t.Errorf("one that cannot be kept: %d", got)
	}
}
