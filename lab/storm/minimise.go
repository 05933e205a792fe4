package storm

import (
	"context"
	"slices"
	"time"
)

// Minimise makes the smallest storm that still shows a finding: it leaves out one fault after another, and then makes those that are left shorter.
// shows plays faults and says whether they show it; an error ends the search. What is found until the context ends counts.
func Minimise(ctx context.Context, faults []Fault, shows func([]Fault) (bool, error)) ([]Fault, error) {
	try := func(fewer []Fault) (bool, error) {
		if ctx.Err() != nil {
			return false, nil
		}
		return shows(fewer)
	}
	for changed := true; changed && len(faults) > 1; {
		changed = false
		for i := range slices.Clone(faults) {
			fewer := slices.Delete(slices.Clone(faults), i, i+1)
			ok, err := try(fewer)
			if err != nil {
				return faults, err
			}
			if ok {
				faults, changed = fewer, true
				break
			}
		}
	}
	for i := range faults {
		for faults[i].For > 2*shortest {
			shorter := slices.Clone(faults)
			shorter[i].For = (shorter[i].For / 2).Round(time.Millisecond)
			ok, err := try(shorter)
			if err != nil {
				return faults, err
			}
			if !ok {
				break
			}
			faults = shorter
		}
	}
	return faults, nil
}

// shortest is below what any fault of a plan lasts.
const shortest = 100 * time.Millisecond
