package conf

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestValues: each setting has its value and its line.
func TestValues(t *testing.T) {
	c := parse(t, `global_defs {
router_id one # 2
script_user redis redis
enable_script_security
dynamic_interfaces allow_if_changes
vrrp_version 3
vrrp_strict
vrrp_garp_master_delay 10
vrrp_garp_master_repeat 3
vrrp_garp_interval 0.001
vrrp_startup_delay 5.5
notify_fifo /run/fifo redis
notify_fifo_script "/bin/reader -x" redis
process_names
process_name ka
vrrp_lower_prio_no_advert no
notification_email { a@example.com
}
}
net_namespace red
instance second
use_pid_dir
vrrp_script chk {
script "/bin/chk -v"
interval 0.5
timeout 3
weight -20
fall 2
rise 4
user redis redis
init_fail
}
vrrp_track_process redis {
process redis-server 0.0.0.0:7000
weight 5
quorum 3
}
track_file maintenance {
file /run/maintenance
weight -1 reverse
}
vrrp_instance VI_1 {
state MASTER
interface eth0
use_vmac vrrp.1 10:20:30:40:50:60
vmac_xmit_base
virtual_router_id 51
priority 101
advert_int 0.1
version 3
preempt_delay 60
nopreempt
strict_mode off
no_accept
garp_master_refresh 60
garp_lower_prio_repeat 2
higher_prio_send_advert
dont_track_primary
authentication {
auth_type PASS
auth_pass secret
}
mcast_src_ip 192.0.2.9
track_interface {
eth1
eth2 weight -10
}
track_process {
redis
}
track_file {
maintenance weight 7 noreverse
}
virtual_ipaddress {
192.0.2.91/24 dev eth1 scope link label eth1:x no_track
192.0.2.92/24 peer 192.0.2.93 noprefixroute
}
notify_deleted "/bin/gone"
notify_master_rx_lower_pri "/bin/lower 'x y'" redis
}`)
	at := func(line int) Position { return Position{mainFile, line} }
	check := func(what string, got, want any) {
		t.Helper()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", what, got, want)
		}
	}
	if text := complaints(c); text != "" {
		t.Error(text)
	}
	check("global", c.Global, Global{
		RouterID: Setting[string]{"one", at(2)}, ScriptUser: Setting[User]{User{"redis", "redis"}, at(3)}, ScriptSecurity: Setting[bool]{true, at(4)},
		DynamicInterfaces: Setting[bool]{true, at(5)}, Version: Setting[int]{3, at(6)}, Strict: Setting[bool]{true, at(7)},
		Garp:         Garp{MasterDelay: Setting[time.Duration]{10 * time.Second, at(8)}, MasterRepeat: Setting[int]{3, at(9)}, Interval: Setting[time.Duration]{time.Millisecond, at(10)}},
		StartupDelay: Setting[time.Duration]{5500 * time.Millisecond, at(11)}, NotifyFIFO: Setting[string]{"/run/fifo", at(12)},
		NotifyFIFOScript: Command{"/bin/reader -x", []string{"/bin/reader", "-x"}, User{Name: "redis"}, at(13)},
		VRRPProcessName:  Setting[string]{"keepalived_vrrp", at(14)}, ProcessName: Setting[string]{"ka", at(15)}, LowerPriorityNoAdvert: Setting[bool]{false, at(16)},
		NetworkNamespace: Setting[string]{"red", at(20)}, InstanceName: Setting[string]{"second", at(21)}, PIDDirectory: Setting[bool]{true, at(22)},
	})
	check("script", *c.Scripts[0], Script{Name: "chk", At: at(23), Command: Command{"/bin/chk -v", []string{"/bin/chk", "-v"}, User{"redis", "redis"}, at(24)},
		Interval: Setting[time.Duration]{time.Second / 2, at(25)}, Timeout: Setting[time.Duration]{3 * time.Second, at(26)}, Weight: Setting[int]{-20, at(27)},
		Fall: Setting[int]{2, at(28)}, Rise: Setting[int]{4, at(29)}, User: Setting[User]{User{"redis", "redis"}, at(30)}, InitFail: Setting[bool]{true, at(31)}})
	check("process", *c.Processes[0], Process{Name: "redis", At: at(33), Command: Setting[[]string]{[]string{"redis-server", "0.0.0.0:7000"}, at(34)},
		Weight: Setting[int]{5, at(35)}, Quorum: Setting[int]{3, at(36)}})
	check("file", *c.TrackFiles[0], TrackFile{Name: "maintenance", At: at(38), File: Setting[string]{"/run/maintenance", at(39)}, Weight: Setting[int]{-1, at(40)}, Reverse: true})
	check("instance", *c.Instances[0], Instance{Name: "VI_1", At: at(42), State: Setting[string]{"MASTER", at(43)}, Interface: Setting[string]{"eth0", at(44)},
		UseVMAC: Setting[string]{"vrrp.1", at(45)}, VMACTransmitBase: Setting[bool]{true, at(46)}, VirtualRouterID: Setting[int]{51, at(47)}, Priority: Setting[int]{101, at(48)},
		AdvertInterval: Setting[time.Duration]{time.Second / 10, at(49)}, Version: Setting[int]{3, at(50)}, PreemptDelay: Setting[time.Duration]{time.Minute, at(51)},
		NoPreempt: Setting[bool]{true, at(52)}, Strict: Setting[bool]{false, at(53)}, Accept: Setting[bool]{false, at(54)},
		Garp:                     Garp{MasterRefresh: Setting[time.Duration]{time.Minute, at(55)}, LowerPriorityRepeat: Setting[int]{2, at(56)}},
		HigherPrioritySendAdvert: Setting[bool]{true, at(57)}, DontTrackPrimary: Setting[bool]{true, at(58)}, AuthType: Setting[string]{"PASS", at(60)},
		SourceAddress:   Setting[netip.Addr]{netip.MustParseAddr("192.0.2.9"), at(63)},
		TrackInterfaces: []Tracked{{Name: "eth1", At: at(65)}, {Name: "eth2", Weight: -10, At: at(66)}},
		TrackProcesses:  []Tracked{{Name: "redis", Weight: 5, At: at(69)}}, TrackFiles: []Tracked{{Name: "maintenance", Weight: 7, At: at(72)}},
		Addresses: []Address{{Prefix: netip.MustParsePrefix("192.0.2.91/24"), Dev: "eth1", Scope: "link", Label: "eth1:x", NoTrack: true, At: at(75)},
			{Prefix: netip.MustParsePrefix("192.0.2.92/32"), Peer: netip.MustParseAddr("192.0.2.93"), NoPrefixRoute: true, At: at(76)}},
		Hooks: []Hook{{"notify_deleted", Command{"/bin/gone", []string{"/bin/gone"}, User{}, at(78)}},
			{"notify_master_rx_lower_pri", Command{"/bin/lower 'x y'", []string{"/bin/lower", "x y"}, User{Name: "redis"}, at(79)}}},
		family: 4,
	})
}

// TestPasswordsAreNotKept: no password is in what comes out, wherever it stands and however it is mistaken.
func TestPasswordsAreNotKept(t *testing.T) {
	for _, conf := range []string{
		"vrrp_instance A {\nauthentication {\nauth_type PASS\nauth_pass s3cret\n}\n}",
		"vrrp_instance A {\nauthentication { auth_type s3cret2 auth_pass s3cret }\n}",
		"$P=s3cret\nvrrp_instance A {\nauthentication {\nauth_pass $P\n}\n}",
		"vrrp_instance A {\nauth_hmac {\nkey 1 s3cret\n}\n}",
		"vrrp_instance A {\nauthentication {\nauth_pass x}s3cret\n}\n}",
		"vrrp_instance A {\nauthentication {\nauth_pass \"x} s3cret\n}\n}",
		"vrrp_instance A {\nauthentication {\nauth_type s3cret\n}\n}",
	} {
		c := parse(t, conf)
		if text := complaints(c); strings.Contains(text, "s3cret") || len(c.Instances) != 1 || strings.Contains(c.Instances[0].AuthType.Value, "s3cret") {
			t.Errorf("%s\n%+v\n%s", conf, c.Instances, text)
		}
	}
}
