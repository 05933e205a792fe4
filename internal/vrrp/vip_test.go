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

func TestVIPForms(t *testing.T) {
	for conf, want := range map[string]string{
		"":                                  "[]",
		"virtual_ipaddress":                 "[]",
		"virtual_ipaddress {\n}":            "[]",
		"virtual_ipaddress {\n10.0.0.1\n}":  "[10.0.0.1]",
		"virtual_ipaddress\n{\n10.0.0.1\n}": "[10.0.0.1]",
		"virtual_ipaddress{\n10.0.0.1/24 dev eth0 label eth0:1\n}":                                                     "[10.0.0.1]",
		"virtual_ipaddress { 10.0.0.1/24 brd 10.0.0.255 dev eth0 scope global }":                                       "[10.0.0.1]",
		"virtual_ipaddress {\r\n\t10.0.0.1/32\r\n}\r\n":                                                                "[10.0.0.1]",
		"virtual_ipaddress {\n10.0.0.1\n10.0.0.2/24\n2001:db8::1/64\n}":                                                "[10.0.0.1 10.0.0.2 2001:db8::1]",
		"virtual_ipaddress {\n::ffff:10.0.0.1\n}":                                                                      "[10.0.0.1]",
		"virtual_ipaddress {\nfe80::1%eth0\n}":                                                                         "[fe80::1]",
		"virtual_ipaddress {\n\"10.0.0.1/24\" dev \"eth0\"\n}":                                                         "[10.0.0.1]",
		"virtual_ipaddress { # 10.0.0.9\n10.0.0.1!10.0.0.9\n#10.0.0.8\n!10.0.0.7\n}":                                   "[10.0.0.1]",
		"! virtual_ipaddress {\n10.0.0.1\n":                                                                            "[]",
		"# virtual_ipaddress {\n10.0.0.1\n":                                                                            "[]",
		"virtual_ipaddress_excluded {\n10.0.0.1\n}":                                                                    "[]",
		"virtual_routes {\n10.0.0.1\n}":                                                                                "[]",
		"unicast_peer {\n10.0.0.1\n}\nvirtual_ipaddress {\n10.0.0.2\n}":                                                "[10.0.0.2]",
		"virtual_ipaddress {\n10.0.0.1 dev eth0 10.0.0.2\n}":                                                           "[10.0.0.1]",
		"virtual_ipaddress {\n10.0.0.256\n10.0.0\nlabel\n$VIP\n@other 10.0.0.1\n}":                                     "[]",
		"include /etc/keepalived/conf.d/*.conf":                                                                        "[]",
		"notify_master \"/x virtual_ipaddress {\" {\n10.0.0.1\n}":                                                      "[]",
		"notify \"/x # !\"\nvirtual_ipaddress {\n10.0.0.1\n}":                                                          "[10.0.0.1]",
		"auth_pass \"never closed {\nvirtual_ipaddress {\n10.0.0.1\n}":                                                 "[10.0.0.1]",
		"virtual_ipaddress {\n10.0.0.1":                                                                                "[10.0.0.1]",
		"vrrp_instance A { virtual_ipaddress {\n10.0.0.1\n} }\nvrrp_instance B {\nvirtual_ipaddress {\n10.0.0.2\n}\n}": "[10.0.0.1 10.0.0.2]",
	} {
		if got := fmt.Sprint(parseVIPs(conf)); got != want {
			t.Errorf("%q: got %s, want %s", conf, got, want)
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
	if err := os.WriteFile(large, []byte(strings.Repeat("#", maxConf+1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(good, []byte("virtual_ipaddress { 10.0.0.1 }"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		good: "", filepath.Join(dir, "none"): "no such file", dir: "it is a directory", "/dev/zero": "not a regular file",
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

// The interval of the checks is the longest one that the file has.
func TestCheckInterval(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keepalived.conf")
	for conf, want := range map[string]time.Duration{
		"": 0, "vrrp_script a {\n interval 1 # 9\n}\nvrrp_script b { interval 2.5 }": 2500 * time.Millisecond, "interval x": 0, "interval -1": 0, "! interval 3": 0,
	} {
		if err := os.WriteFile(path, []byte(conf), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := CheckInterval(path); got != want {
			t.Errorf("%q: %s", conf, got)
		}
	}
	if got := CheckInterval(path + "x"); got != 0 {
		t.Errorf("without a file: %s", got)
	}
}
