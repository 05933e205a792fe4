package storm

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"keepalived-redis/lab/host"
)

func TestSameSeedSameFaults(t *testing.T) {
	const rounds = 200
	seen := map[Kind]int{}
	for _, v := range Variants {
		for round := range rounds {
			a, b := Plan(42, v, round), Plan(42, v, round)
			if !reflect.DeepEqual(a, b) {
				t.Fatalf("%s, round %d: %s, then %s", v.Name, round, Format(a), Format(b))
			}
			if reflect.DeepEqual(a, Plan(43, v, round)) && reflect.DeepEqual(Plan(42, v, round+rounds), Plan(43, v, round+rounds)) {
				t.Errorf("%s, round %d: another seed has the same faults", v.Name, round)
			}
			again, err := ParseFaults(Format(a))
			if err != nil || !reflect.DeepEqual(a, again) {
				t.Fatalf("%s is read as %s, %v", Format(a), Format(again), err)
			}
			if len(a) == 0 || len(a) > maxFaults || !slices.IsSortedFunc(a, func(x, y Fault) int { return int(x.At - y.At) }) {
				t.Errorf("round %d: %s", round, Format(a))
			}
			for _, f := range a {
				seen[f.Kind]++
				k := f.Kind.find()
				if f.At > span || f.For < k.min || f.For > k.max || f.Instance >= v.instances() || k.weight(v) == 0 {
					t.Errorf("%s: %s is out of its bounds", v.Name, f)
				}
			}
		}
	}
	for _, k := range kinds {
		if seen[k.name] == 0 {
			t.Errorf("%s never comes", k.name)
		}
	}
}

func TestParseFaults(t *testing.T) {
	for _, bad := range []string{"", "1s", "1s kill-redis 1", "1s kill-redis 3.0", "1s power 1.0", "1s nothing 1", "x power 1", "1s power 1 for", "1s power 1 during 3s", "1s kill-redis 1.-1", "1s power 1 for long"} {
		if got, err := ParseFaults(bad); err == nil {
			t.Errorf("%q is read as %s", bad, Format(got))
		}
	}
}

func TestMoments(t *testing.T) {
	faults, err := ParseFaults("1s isolate 1 for 3s; 2s kill-redis 1.0; 3s power 2 for 500ms")
	if err != nil {
		t.Fatal(err)
	}
	want := []moment{{1 * time.Second, 0, false}, {2 * time.Second, 1, false}, {3 * time.Second, 2, false}, {3500 * time.Millisecond, 2, true}, {4 * time.Second, 0, true}}
	if got := moments(faults); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A replica that is busy takes in nothing, so what its master acknowledges meanwhile goes with the master's host. One that only cannot save takes in all.
func TestBehindByKind(t *testing.T) {
	for text, want := range map[string]int{
		"1s bulk-load 2.0 for 4s; 3s power 1 for 1s":        1,
		"1s bulk-load 2.0 for 1s; 7s power 1 for 1s":        0,
		"1s bulk-load 2.0 for 4s; 3s power 2 for 1s":        0,
		"1s fail-bgsave 2.0 for 4s; 3s power 1 for 1s":      0,
		"1s hang-redis 2.0 for 4s; 3s cable 1 for 1s":       1,
		"1s slow-fork 2.0 for 4s; 3s power 1 for 1s":        1,
		"1s fsync-stall 2.0 for 4s; 3s power 1 for 1s":      1,
		"1s host-stands 2 for 4s; 3s power 1 for 1s":        1,
		"1s host-stands 2 for 4s; 3s power 2 for 1s":        0,
		"1s hang-redis 2.0 for 4s; 3s host-stands 1 for 2s": 1,
		"1s prohibit 2 for 4s; 3s isolate 1 for 1s":         1,
		"1s prohibit 2 for 4s; 3s cut-bus-move 1 for 2s":    0,
	} {
		faults, err := ParseFaults(text)
		if err != nil {
			t.Fatal(err)
		}
		var began, ended []host.Mono
		for _, f := range faults {
			began, ended = append(began, host.Mono(f.At)), append(ended, host.Mono(f.At+f.For))
		}
		got := behind(faults, began, ended, func(Fault) string { return "192.168.9.70" })
		if len(got) != want {
			t.Errorf("%s: %v, want %d windows", text, got, want)
		}
	}
}

func TestMinimise(t *testing.T) {
	all, err := ParseFaults("1s isolate 1 for 4s; 2s kill-redis 1.0; 3s power 2 for 8s; 3.5s hup-keepalived 1; 4s cable 1 for 1s")
	if err != nil {
		t.Fatal(err)
	}
	has := func(faults []Fault, k Kind, least time.Duration) bool {
		return slices.ContainsFunc(faults, func(f Fault) bool { return f.Kind == k && f.For >= least })
	}
	tried := 0
	got, err := Minimise(context.Background(), all, func(faults []Fault) (bool, error) {
		tried++
		return has(faults, KillRedis, 0) && has(faults, Power, 1500*time.Millisecond), nil
	})
	if want := "2s kill-redis 1.0; 3s power 2 for 2s"; err != nil || Format(got) != want {
		t.Errorf("got %s, %v, want %s", Format(got), err, want)
	}
	if tried > 20 {
		t.Errorf("it took %d storms", tried)
	}
	broken := errors.New("broken")
	got, err = Minimise(context.Background(), all, func([]Fault) (bool, error) { return false, broken })
	if !errors.Is(err, broken) || len(got) != len(all) {
		t.Errorf("after an error: %s, %v", Format(got), err)
	}
	over, cancel := context.WithCancel(context.Background())
	cancel()
	if got, err := Minimise(over, all, func([]Fault) (bool, error) { return true, nil }); err != nil || len(got) != len(all) {
		t.Errorf("out of time: %s, %v", Format(got), err)
	}
}
