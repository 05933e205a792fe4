package conf

import "testing"

// head is what the cases begin with: scripts run as root, and keepalived says so of those that could be replaced.
const head = `global_defs {
  enable_script_security
  script_user root
}
`

// instance is the beginning of the result of a case.
const instance = "instance VI_1\n interface eth0\n router 51\n priority 100\n"

// usual are the first lines within a vrrp_instance.
const usual = "interface eth0\nvirtual_router_id 51\n"

// understood are configurations, and what comes out. TestKeepalivedReadsTheSame runs the installed keepalived with each of them.
var understood = []struct{ name, conf, want string }{
	{"a plain file", head + `
vrrp_script chk_redis {
    script "/usr/bin/true --quick -v"
    interval 1
    fall 2
    rise 3
    weight 0
}
vrrp_instance VI_1 {
    state BACKUP
    nopreempt
    interface eth0
    virtual_router_id 51
    priority 101
    unicast_src_ip 192.0.2.9
    unicast_peer {
        192.0.2.8
        192.0.2.7
    }
    virtual_ipaddress {
        192.0.2.91/24 dev eth0 label eth0:redis
        192.0.2.92
    }
    track_script {
        chk_redis
    }
    notify_master "/usr/bin/true master --vrrp VI_1"
    notify_backup "/usr/bin/true backup --vrrp VI_1"
    notify_fault "/usr/bin/true fault --vrrp VI_1" root
    notify_stop "/usr/bin/true stop --vrrp VI_1" root root
    notify /usr/bin/true
}`, `instance VI_1
 interface eth0
 router 51
 priority 101
 nopreempt
 vip 192.0.2.91/24 label eth0:redis
 vip 192.0.2.92
 peer 192.0.2.8
 peer 192.0.2.7
 track chk_redis weight 0
 notify_backup '/usr/bin/true' 'backup' '--vrrp' 'VI_1'
 notify_master '/usr/bin/true' 'master' '--vrrp' 'VI_1'
 notify_fault '/usr/bin/true' 'fault' '--vrrp' 'VI_1'
 notify_stop '/usr/bin/true' 'stop' '--vrrp' 'VI_1'
 notify '/usr/bin/true'
script chk_redis
 command '/usr/bin/true' '--quick' '-v'
 weight 0
 rise 3
 fall 2
`},
	{"comments of both kinds, in and after words, and none in quotes", head + `
# vrrp_instance NO {
! }
vrrp_instance VI_1 { # {
    interface eth0# the interface
    virtual_router_id 51!
    virtual_ipaddress { ! }
        192.0.2.91/24 # 192.0.2.92
        # 192.0.2.93 }
    }
    notify_master "/usr/bin/echo a#b !c" # d
}`, instance + " vip 192.0.2.91/24\n notify_master '/usr/bin/echo' 'a#b' '!c'\n"},
	{"all on few lines", head + `vrrp_instance VI_1 { interface eth0
virtual_router_id 51
virtual_ipaddress { 192.0.2.91 } virtual_ipaddress_excluded { 192.0.2.92/24 brd + } }
vrrp_instance VI_2 { interface eth0
virtual_router_id 52
}`,
		instance + " vip 192.0.2.91\n excluded 192.0.2.92/24\n" + "instance VI_2\n interface eth0\n router 52\n priority 100\n"},
	{"braces on lines of their own", head + "vrrp_instance VI_1\n\n{\n" + usual + "virtual_ipaddress\n{\n192.0.2.91\n192.0.2.92\n}\n}", instance + " vip 192.0.2.91\n vip 192.0.2.92\n"},
	{"CRLF and blanks", head + "\t vrrp_instance\tVI_1 \t{\r\n  interface  eth0 \r\nvirtual_router_id\t51\r\n\r\nvirtual_ipaddress {\r\n192.0.2.91/24\tdev  eth0\r\n}\r\n}\r\n", instance + " vip 192.0.2.91/24\n"},
	{"quoted words", head + `vrrp_instance "VI 1" {
interface "eth0"
virtual_router_id "51"
virtual_ipaddress { "192.0.2.91/24" dev "eth0"
}
}`, "instance VI 1\n interface eth0\n router 51\n priority 100\n vip 192.0.2.91/24\n"},
	{"a command in quotes is split as by a shell", head + `vrrp_instance VI_1 {
` + usual + `virtual_ipaddress { 192.0.2.91
}
notify_master "/usr/bin/echo 'two words' one\ word c" root
notify_backup '/usr/bin/echo "two words"'
notify_fault /usr/bin/echo root
notify "/usr/bin/echo \"two words\" \x41\102\t"
}`, instance + " vip 192.0.2.91\n notify_backup '/usr/bin/echo' 'two words'\n notify_master '/usr/bin/echo' 'two words' 'one' 'word' 'c'\n" +
		" notify_fault '/usr/bin/echo'\n notify '/usr/bin/echo' 'two words' 'AB'\n"},
	{"includes, in a block too, relative to the file that includes", head + `include sub/one.conf
== sub/one.conf
vrrp_instance VI_1 {
` + usual + `include two.conf
virtual_ipaddress {
  192.0.2.90
  include ../vips/*.conf
  192.0.2.95
}
}
== sub/two.conf
priority 77
== vips/b.conf
192.0.2.92
== vips/a.conf
192.0.2.91/24 # last line has no end
== vips/.hidden.conf
192.0.2.99`, "instance VI_1\n interface eth0\n router 51\n priority 77\n vip 192.0.2.90\n vip 192.0.2.91/24\n vip 192.0.2.92\n vip 192.0.2.95\n"},
	{"an include with braces, one that matches nothing, and one of each kind", head + `includer i.conf
== i.conf
vrrp_instance VI_1 {
` + usual + `virtual_ipaddress {
  include {v[12],w[^1]}.conf
  include none/*.conf
  includem v3.conf
  includew y[2-9].conf
  includea x/{a,b}.conf
  includeb x/a.conf
}
}
== v1.conf
192.0.2.91
== v2.conf
192.0.2.92
== w1.conf
192.0.2.99
== v3.conf
192.0.2.93
== y5.conf
192.0.2.96
== w2.conf
192.0.2.94
== x/a.conf
== x/b.conf
192.0.2.95
`, instance + " vip 192.0.2.91\n vip 192.0.2.92\n vip 192.0.2.94\n vip 192.0.2.93\n vip 192.0.2.96\n vip 192.0.2.95\n"},
	{"definitions, with braces and without", head + `$VIP=192.0.2.91
$NET = 24
$LEN=24   # a comment
$NAME=VI_1
$CMD="/usr/bin/echo ${NAME}"
vrrp_instance $NAME {
` + usual + `virtual_ipaddress {
  ${VIP}/${LEN} dev eth0
  $VIP/32
  $NOT
}
priority 1${LEN}
notify_master $CMD root
}`, "instance VI_1\n interface eth0\n router 51\n priority 124\n vip 192.0.2.91/24\n notify_master '/usr/bin/echo' 'VI_1'\n"},
	{"a definition of several lines, and one that is defined again", head + `$BLOCK= \
   192.0.2.91 \
   192.0.2.92/24 dev eth0 \

$ALL=interface eth0 \
virtual_router_id 51 \
virtual_ipaddress { \
192.0.2.90 \
$BLOCK \
}
vrrp_instance VI_1 {
$ALL
$P=10
$P=20
priority $P
}`, "instance VI_1\n interface eth0\n router 51\n priority 20\n vip 192.0.2.90\n vip 192.0.2.91\n vip 192.0.2.92/24\n"},
	{"a comment of its own line ends a definition, and # behind a backslash begins one", head + `$M=192.0.2.91 \
192.0.2.92 \
# comment
192.0.2.93
vrrp_instance VI_1 {
` + usual + `priority 9\#9
virtual_ipaddress {
$M
}
}`, "instance VI_1\n interface eth0\n router 51\n priority 9\n vip 192.0.2.91\n vip 192.0.2.92\n"},
	{"predefined ones", head + `vrrp_instance VI_${_INSTANCE} {
` + usual + `include sub/*.conf
virtual_ipaddress { 192.0.2.91
${_HASH} 192.0.2.92
${_BANG} 192.0.2.93
}
}
== sub/a.conf
notify_master "/usr/bin/echo ${_PWD} ${_INSTANCE}"
`, "instance VI_one\n interface eth0\n router 51\n priority 100\n vip 192.0.2.91\n notify_master '/usr/bin/echo' '/etc/keepalived/sub' 'one'\n"},
	{"sequences and lists", head + `vrrp_instance VI_1 {
` + usual + `virtual_ipaddress {
~SEQ(X, 3) 192.0.2.1$X
~SEQ(X, 5, 4) 192.0.2.2$X
~SEQ(X, 1, 4, 9) 192.0.2.3${X}/24
~SEQ(Y, 2) ~SEQ(X, 2) 192.0.2.4${Y}${X}
~LST(A, 51, 52) 192.0.2.${A}
~LST({A, B}, {6, 1}, {6}, { 7 , 2 }) 192.0.2.${A}${B}
}
}`, instance + " vip 192.0.2.11\n vip 192.0.2.12\n vip 192.0.2.13\n vip 192.0.2.25\n vip 192.0.2.24\n vip 192.0.2.31/24\n vip 192.0.2.35/24\n" +
		" vip 192.0.2.39/24\n vip 192.0.2.51\n vip 192.0.2.52\n vip 192.0.2.61\n vip 192.0.2.6\n vip 192.0.2.72\n"},
	{"blocks by a sequence", head + `~SEQ(N, 1, 2) $I=$N
$VRRP=vrrp_instance VI_$N { \
interface eth0 \
virtual_router_id $N \
virtual_ipaddress { \
192.0.2.9${N} \
} \
}
~SEQ(N, 1, 2) $VRRP`, "instance VI_1\n interface eth0\n router 1\n priority 100\n vip 192.0.2.91\ninstance VI_2\n interface eth0\n router 2\n priority 100\n vip 192.0.2.92\n"},
	{"conditional lines", head + `@one $VIP=192.0.2.91
@two $VIP=192.0.2.92
@^two $ID=51
vrrp_instance VI_1 {
interface eth0
virtual_router_id $ID
@one priority 101
@two priority 102
virtual_ipaddress {
@one $VIP
@two 192.0.2.93
@^two 192.0.2.94/24
@^one 192.0.2.95
@one
@three $UNDEFINED
}
@two @one notify_master "/usr/bin/echo a"
@one notify_backup "/usr/bin/echo b"
}`, "instance VI_1\n interface eth0\n router 51\n priority 101\n vip 192.0.2.91\n vip 192.0.2.94/24\n notify_backup '/usr/bin/echo' 'b'\n"},
	{"a word that is not known ends the block around it", head + `vrrp_instance VI_1 {
` + usual + `virtual_ipaddress {
192.0.2.91
}
new_block {
priority 77
}
priority 78
virtual_ipaddress {
192.0.2.92
}
}
new_root {
vrrp_instance VI_2 {
interface eth0
virtual_router_id 52
}
}`, "instance VI_1\n interface eth0\n router 51\n priority 77\n vip 192.0.2.91\ninstance VI_2\n interface eth0\n router 52\n priority 100\n"},
	{"virtual servers are skipped with all that is in them", head + `virtual_server 192.0.2.91 80 {
  delay_loop 6
  real_server 192.0.2.1 80 { weight 1
    TCP_CHECK { connect_timeout 3 } }
  vrrp_instance VI_0 {
  }
}
virtual_server_group G
{
  192.0.2.92 80
}
vrrp_instance VI_1 {
` + usual + `}`, instance},
	{"a second instance of the same name, and one without a name", head + `vrrp_instance VI_1 {
` + usual + `}
vrrp_instance VI_1 {
priority 7
virtual_ipaddress { 192.0.2.91
}
}
vrrp_instance {
priority 7
virtual_ipaddress {
192.0.2.92
}
}`, instance},
	{"a check that is defined below its instance is not tracked", head + `vrrp_instance VI_1 {
` + usual + `track_script {
chk_redis
}
}
vrrp_script chk_redis {
script /usr/bin/true
}`, instance},
	{"weights", head + `vrrp_script a {
script "/usr/bin/true"
weight 5
}
vrrp_script b {
script "/usr/bin/true"
weight -7 reverse
weight -7
fall 0
rise x
}
vrrp_script c {
script "/usr/bin/true"
}
vrrp_script d {
}
vrrp_script a {
script "/usr/bin/false"
}
vrrp_instance VI_1 {
` + usual + `track_script {
a weight 11
b
c weight -300
d
a weight 3
}
}`, instance + ` track a weight 11
 track b weight -7 reverse
 track c weight 0
script a
 command '/usr/bin/true'
 weight 5
 rise 1
 fall 1
script b
 command '/usr/bin/true'
 weight -7 reverse
 rise 1
 fall 1
script c
 command '/usr/bin/true'
 weight 0
 rise 1
 fall 1
`},
	{"what cannot be is left out, and the rest counts", head + `vrrp_instance VI_1 {
state OTHER
` + usual + `priority 1000
virtual_ipaddress {
192.0.2.91/240
192.0.2.97/24x
192.0.2
name
192.0.2.92 label a_name_that_is_too_long
192.0.2.93 dev
192.0.2.94 brd x
192.0.2.95/24 brd -
192.0.2.96 other
2001:db8::1
}
virtual_router_id 300
notify_master "/usr/bin/echo first"
notify_master "/usr/bin/echo second"
}`, instance + " vip 192.0.2.91\n vip 192.0.2.97/24\n vip 192.0.2.95/24\n vip 192.0.2.96\n notify_master '/usr/bin/echo' 'first'\n"},
	{"IPv6", head + `vrrp_instance VI_1 {
` + usual + `native_ipv6
version 3
virtual_ipaddress {
fe80::51/64
2001:db8::91/64 dev eth0 preferred_lft forever
192.0.2.91
}
virtual_ipaddress_excluded {
192.0.2.92
}
}`, instance + " vip fe80::51/64\n vip 2001:db8::91/64\n excluded 192.0.2.92\n"},
	{"a group with its hooks", head + `vrrp_sync_group G {
group {
VI_1 VI_2
}
notify_master "/usr/bin/echo group"
notify "/usr/bin/echo any"
}
vrrp_sync_group EMPTY {
group {
}
}
vrrp_instance VI_1 {
` + usual + `}
vrrp_instance VI_2 {
interface eth0
virtual_router_id 52
}`, "group G\n member VI_1\n member VI_2\n notify_master '/usr/bin/echo' 'group'\n notify '/usr/bin/echo' 'any'\n" + instance +
		"instance VI_2\n interface eth0\n router 52\n priority 100\n"},
	{"a check with a weight does not count in a group, nor with priority 255", head + `vrrp_script a {
script "/usr/bin/true"
}
vrrp_sync_group G {
group {
VI_1
VI_2
}
}
vrrp_sync_group W {
group {
VI_3
VI_4
}
sync_group_tracking_weight
}
vrrp_instance VI_1 {
` + usual + `track_script {
a weight 5
}
}
vrrp_instance VI_2 {
interface eth0
virtual_router_id 52
track_script {
a
}
}
vrrp_instance VI_3 {
interface eth0
virtual_router_id 53
track_script {
a weight 6
}
}
vrrp_instance VI_4 {
interface eth0
virtual_router_id 54
priority 255
track_script {
a weight 7
}
}`, "group G\n member VI_1\n member VI_2\ngroup W\n member VI_3\n member VI_4\n" + instance +
		"instance VI_2\n interface eth0\n router 52\n priority 100\n track a weight 0\n" +
		"instance VI_3\n interface eth0\n router 53\n priority 100\n track a weight 6\n" +
		"instance VI_4\n interface eth0\n router 54\n priority 255\n" +
		"script a\n command '/usr/bin/true'\n weight 0\n rise 1\n fall 1\n"},
	{"a file that ends in a block that is left out", head + "vrrp_instance VI_1 {\n" + usual + "}\nvrrp_instance VI_1 {\npriority 7\nvirtual_ipaddress {\n192.0.2.91\n", instance},
	{"state MASTER and no priority", head + "vrrp_instance VI_1 {\n" + usual + "state MASTER\n}", "instance VI_1\n interface eth0\n router 51\n priority 255\n"},
	{"a file that ends too early", head + "vrrp_instance VI_1 {\n" + usual + "virtual_ipaddress {\n192.0.2.91", instance + " vip 192.0.2.91\n"},
	{"braces that are too many", head + "}\n}\nvrrp_instance VI_1 {\n" + usual + "{\n}\nvrrp_instance VI_2 {\ninterface eth0\nvirtual_router_id 52\n}\n}\n}",
		instance + "instance VI_2\n interface eth0\n router 52\n priority 100\n"},
}

// TestUnderstood: what comes out of each configuration.
func TestUnderstood(t *testing.T) {
	for _, c := range understood {
		t.Run(c.name, func(t *testing.T) {
			got := parse(t, c.conf)
			if text := describe(got); text != c.want {
				t.Errorf("got\n%s\nwant\n%s\n%s", text, c.want, complaints(got))
			}
		})
	}
}
