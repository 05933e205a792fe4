package vrrp

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// written makes the files of a configuration and returns the first one.
func written(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.ReplaceAll(text, "DIR", dir)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "keepalived.conf")
}

// The VIP is that of the vrrp_instance that runs our programs, wherever the configuration has it.
func TestVIPsAreThoseOfOurInstance(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	id, _, _ := strings.Cut(host, ".")
	const script = "vrrp_script chk { script \"/usr/libexec/keepalived/chk-redis\"\ninterval 1\n}\n"
	web := "vrrp_instance VI_WEB {\ninterface lo\nvirtual_router_id 9\nvirtual_ipaddress { 10.0.0.2 }\n}\n"
	ours := func(inside string) string {
		return script + "vrrp_instance VI_1 {\ninterface lo\nvirtual_router_id 7\ntrack_script { chk }\n" + inside + "\n}\n"
	}
	for name, c := range map[string]struct {
		main, included string
		want           string
	}{
		"plain":                     {ours("virtual_ipaddress { 10.0.0.1/24 dev lo label lo:1 }"), "", "[10.0.0.1]"},
		"another instance":          {web + ours("virtual_ipaddress { 10.0.0.1 }"), "", "[10.0.0.1]"},
		"known by its hook":         {web + "vrrp_instance VI_1 {\ninterface lo\nvirtual_router_id 7\nnotify /usr/libexec/keepalived/notify-redis\nvirtual_ipaddress { 10.0.0.1 }\n}\n", "", "[10.0.0.1]"},
		"nobody names our programs": {web + "vrrp_instance VI_1 {\ninterface lo\nvirtual_router_id 7\nvirtual_ipaddress { 10.0.0.1 }\n}\n", "", "[10.0.0.2 10.0.0.1]"},
		"an included file":          {"include DIR/more.conf\n", ours("virtual_ipaddress { 10.0.0.1 }"), "[10.0.0.1]"},
		"an include in the block":   {ours("virtual_ipaddress {\ninclude DIR/more.conf\n}"), "10.0.0.1\n", "[10.0.0.1]"},
		"a definition":              {"$VIP=10.0.0.1\n" + ours("virtual_ipaddress {\n$VIP\n}"), "", "[10.0.0.1]"},
		"a condition":               {ours("virtual_ipaddress {\n@" + id + " 10.0.0.1\n@another 10.0.0.3\n}"), "", "[10.0.0.1]"},
		"only excluded":             {ours("virtual_ipaddress_excluded { 10.0.0.1 }"), "", "[10.0.0.1]"},
		"none":                      {ours(""), "", "[]"},
	} {
		got, err := VIPs(written(t, map[string]string{"keepalived.conf": c.main, "more.conf": c.included}))
		if err != nil || fmt.Sprint(got) != c.want {
			t.Errorf("%s: got %v, %v, want %s", name, got, err, c.want)
		}
	}
}

// TestVIPsOfAnyFile: the file may be anything, and reading it ends.
func TestVIPsOfAnyFile(t *testing.T) {
	dir := t.TempDir()
	fifo, large, good := filepath.Join(dir, "fifo"), filepath.Join(dir, "large"), filepath.Join(dir, "good")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(large, []byte(strings.Repeat("#", 2<<20)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(good, []byte("vrrp_instance A {\ninterface lo\nvirtual_ipaddress { 10.0.0.1 }\n}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		good: "", filepath.Join(dir, "none"): "nothing has the name", dir: "it is a directory", "/dev/zero": "not a regular file",
		fifo: "not a regular file", large: "more than 1048576 bytes",
	} {
		done := make(chan error, 1)
		go func() {
			vips, err := VIPs(path)
			if err == nil && fmt.Sprint(vips) != "[10.0.0.1]" {
				err = fmt.Errorf("found %v", vips)
			}
			done <- err
		}()
		select {
		case err := <-done:
			if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %q", path, err, want)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("%s is still being read", path)
		}
	}
}

func TestOwnAddresses(t *testing.T) {
	own, err := OwnAddresses()
	if err != nil {
		t.Fatal(err)
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		p, err := netip.ParsePrefix(a.String())
		if err != nil {
			t.Fatal(err)
		}
		if !Held([]netip.Addr{netip.MustParseAddr("192.0.2.7"), p.Addr()}, own) {
			t.Errorf("%s is on this host and not held", a)
		}
	}
	if Held([]netip.Addr{netip.MustParseAddr("192.0.2.7")}, own) || Held(nil, own) {
		t.Error("an address of nobody is held")
	}
}

// The interval of the checks is the longest one that the file has, and a VIP moves by the adverts of our instance.
func TestTimesOfAConfiguration(t *testing.T) {
	for text, want := range map[string][2]time.Duration{
		"": {},
		"vrrp_script a {\nscript /bin/true\ninterval 1 # 9\n}\nvrrp_script b {\nscript /bin/true\ninterval 3\n}": {3 * time.Second, 0},
		"vrrp_script a {\nscript /bin/true\n}\nvrrp_instance A {\ninterface lo\n}":                               {time.Second, 4 * time.Second},
		"vrrp_instance A {\ninterface lo\nadvert_int 0.1\n}":                                                     {0, 400 * time.Millisecond},
	} {
		file := written(t, map[string]string{"keepalived.conf": text})
		if got := [2]time.Duration{CheckInterval(file), TakesAtMost(file)}; got != want {
			t.Errorf("%q: %v", text, got)
		}
		if CheckInterval(file+"x") != 0 || TakesAtMost(file+"x") != 0 {
			t.Error("a file that is not there has times")
		}
	}
}
