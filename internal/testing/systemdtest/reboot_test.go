package systemdtest

import (
	"context"
	"testing"
)

// A machine is its own: what is written in it outlives a reboot, and is not seen outside.
func TestReboot(t *testing.T) {
	m := Boot(t, nil, nil)
	first := m.init
	if out, err := m.Command(context.Background(), "sh", "-c", "echo kept > /etc/kept-by-the-machine").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	m.Reboot()
	if m.init == first {
		t.Error("its first process is the same")
	}
	if out, err := m.Command(context.Background(), "cat", "/etc/kept-by-the-machine").CombinedOutput(); err != nil || string(out) != "kept\n" {
		t.Errorf("%v: %s", err, out)
	}
}
