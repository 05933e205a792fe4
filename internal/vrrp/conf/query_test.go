package conf

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

const twoInstances = `vrrp_script chk {
script "/usr/libexec/keepalived/chk-redis --quick"
}
vrrp_script all {
script "/bin/sh -c '/opt/chk-redis && pidof haproxy'"
}
vrrp_script web {
script "/etc/keepalived/chk_web.sh"
}
vrrp_script link {
script "/etc/keepalived/check"
}
vrrp_sync_group G {
group {
VI_2 VI_3
}
notify "/usr/bin/env X=1 notify-redis"
}
vrrp_instance VI_WEB {
track_script {
web
}
virtual_ipaddress {
192.0.2.92
}
notify_master "/bin/logger chk-redis-like"
}
vrrp_instance VI_1 {
track_script {
chk
web
}
virtual_ipaddress {
192.0.2.91
}
virtual_ipaddress_excluded {
2001:db8::91/64
}
notify_master "/usr/libexec/keepalived/notify-redis master --vrrp VI_1"
notify_stop "notify-redis stop"
}
vrrp_instance VI_2 {
track_script {
all
}
}
vrrp_instance VI_3 {
track_script {
link
}
}`

// TestWhichInstanceIsOurs: an instance is known by the programs that it runs, also by way of a shell, a link or its group.
func TestWhichInstanceIsOurs(t *testing.T) {
	c := parse(t, twoInstances)
	resolve := func(path string) (string, error) {
		if path == "/etc/keepalived/check" {
			return "/usr/libexec/keepalived/chk-redis", nil
		}
		return path, nil
	}
	names := func(list []*Instance) string {
		var n []string
		for _, i := range list {
			n = append(n, i.Name)
		}
		return strings.Join(n, " ")
	}
	check, hook := Named("/usr/libexec/keepalived/chk-redis", resolve), Named("/usr/libexec/keepalived/notify-redis", resolve)
	if got := names(c.Tracking(check)); got != "VI_1 VI_2 VI_3" {
		t.Errorf("tracking: %s", got)
	}
	if got := names(c.Tracking(Named("chk-redis", nil))); got != "VI_1 VI_2" {
		t.Errorf("tracking, no link followed: %s", got)
	}
	if got := names(c.Calling(hook)); got != "VI_1 VI_2 VI_3" {
		t.Errorf("calling: %s", got)
	}
	if got := names(c.Calling(check)) + names(c.Tracking(hook)) + names(c.Calling(Named("haproxy", nil))); got != "" {
		t.Errorf("of others: %s", got)
	}
	var uses []string
	for _, u := range c.Uses(hook) {
		uses = append(uses, fmt.Sprint(u.Instance.Name, " ", u.Group != nil, " ", u.Word, " ", u.At.Line))
	}
	if want := []string{"VI_1 false notify_master 39", "VI_1 false notify_stop 40", "VI_2 true notify 17", "VI_3 true notify 17"}; !slices.Equal(uses, want) {
		t.Errorf("got %q, want %q", uses, want)
	}
	if got := fmt.Sprint(c.Instance("VI_1").VIPs()); got != "[192.0.2.91 2001:db8::91]" || c.Instance("none") != nil || c.Script("none") != nil {
		t.Errorf("VIPs: %s", got)
	}
}
