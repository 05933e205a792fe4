package observe

import (
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/testing/nettest"
	"keepalived-redis/internal/testing/sessiontest"
)

// What this host itself does not let out proves nothing: neither is a peer silent for it, nor the witness.
func TestUnasked(t *testing.T) {
	for name, c := range map[string]struct {
		// keep is what keeps questions from leaving; unprivileged: this run may not send ICMP.
		keep         func(t *testing.T)
		unprivileged bool
		want         string
	}{
		"nobody is there":                   {keep: func(*testing.T) {}},
		"nobody is there, unprivileged":     {keep: func(*testing.T) {}, unprivileged: true},
		"the network is away":               {keep: func(t *testing.T) { nettest.IP(t, "link set v0 down") }},
		"the network is away, unprivileged": {keep: func(t *testing.T) { nettest.IP(t, "link set v0 down") }, unprivileged: true},
		"a rule prohibits it":               {keep: prohibit, want: "permission denied"},
		"a rule prohibits it, unprivileged": {keep: prohibit, unprivileged: true, want: "permission denied"},
		"a route prohibits it":              {keep: func(t *testing.T) { nettest.IP(t, "route add prohibit 10.9.0.2/31") }, want: "permission denied"},
		"netfilter drops it":                {keep: nettest.DropOutput, want: "operation not permitted"},
		"netfilter drops it, unprivileged":  {keep: nettest.DropOutput, unprivileged: true, want: "operation not permitted"},
	} {
		t.Run(name, func(t *testing.T) {
			nettest.Run(t, func(t *testing.T) {
				nettest.Neighbours(t)
				c.keep(t)
				if c.unprivileged {
					withoutICMP(t)
				}
				r := observer(t)
				r.Config.Peers = []netip.AddrPort{netip.MustParseAddrPort("10.9.0.2:6379")}
				r.Config.Witnesses = []netip.Addr{netip.MustParseAddr("10.9.0.3")}
				r.Store.Save(r.Store.Durable, session.WitnessFile, map[string]bool{"10.9.0.3": true})
				o, err := r.Look(sessiontest.Within(t, time.Second))
				if err != nil {
					t.Fatal(err)
				}
				state, unasked := model.Silent, false
				if c.want != "" {
					state, unasked = model.Unseen, true
				}
				p := o.Peers[0]
				if p.State != state || c.want != "" && (p.Err == nil || !strings.Contains(p.Err.Error(), c.want)) {
					t.Errorf("the peer %s: %v", p.State, p.Err)
				}
				if o.Witness.Answers || !o.Witness.Counts || o.Witness.Unasked != unasked {
					t.Errorf("%+v", o.Witness)
				}
				if host := p.Instance.Addr.Addr(); o.CutOff() == unasked || o.PeersSilent() == unasked || o.HostSilent(host) == unasked {
					t.Errorf("cut off %v, peers silent %v, host silent %v", o.CutOff(), o.PeersSilent(), o.HostSilent(host))
				}
			})
		})
	}
}

func prohibit(t *testing.T) { nettest.IP(t, "rule add to 10.9.0.2/31 prohibit") }

// withoutICMP takes the right to raw sockets from this test.
func withoutICMP(t *testing.T) {
	t.Helper()
	runtime.LockOSThread()
	h := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	if err := unix.Capget(&h, &sets[0]); err != nil {
		t.Fatal(err)
	}
	sets[0].Effective &^= 1 << unix.CAP_NET_RAW
	if err := unix.Capset(&h, &sets[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP); err == nil {
		t.Fatal("it may still send ICMP")
	}
}

// Of several witnesses one that was asked and said nothing is silence; one that never answered does not count.
func TestSomeWitnessesUnasked(t *testing.T) {
	nettest.Run(t, func(t *testing.T) {
		nettest.Neighbours(t)
		nettest.IP(t, "rule add to 10.9.0.3 prohibit")
		r := observer(t)
		r.Config.Witnesses = []netip.Addr{netip.MustParseAddr("10.9.0.3"), netip.MustParseAddr("10.9.0.4")}
		for counts, want := range map[string]bool{"10.9.0.3": true, "10.9.0.4": false} {
			r.Store.Save(r.Store.Durable, session.WitnessFile, map[string]bool{counts: true})
			if w := asked(t, r); w.Unasked != want || !w.Counts || w.Answers {
				t.Errorf("%s counts: %+v", counts, w)
			}
		}
		r.Store.Save(r.Store.Durable, session.WitnessFile, map[string]bool{})
		if w := asked(t, r); w.Unasked || w.Counts {
			t.Errorf("none counts: %+v", w)
		}
	})
}
