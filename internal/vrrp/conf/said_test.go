package conf

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestWhatIsSaid: each form that does not work as it looks has a diagnostic with its file and line.
func TestWhatIsSaid(t *testing.T) {
	const open, shut = "vrrp_instance VI_1 {\n", "\n}"
	for _, c := range []struct{ name, conf, want string }{
		{"nothing of a good file", open + "interface eth0\nvirtual_ipaddress {\n192.0.2.91\n}" + shut, ""},
		{"a word that is not known", open + "notify_mastr /bin/true" + shut, "keepalived.conf:2: ignored: keepalived does not know notify_mastr here\n"},
		{"a block that is not known", "new {\nrouter_id x\n}", `keepalived.conf:1: ignored: keepalived does not know new here
keepalived.conf:1: ignored: this { belongs to no word that keepalived knows: its } ends the block around it
keepalived.conf:2: ignored: keepalived does not know router_id here
`},
		{"a } too many, one that is missing", "}\n" + open + "native_ipv6", "keepalived.conf:1: ignored: one } too many\n" +
			"keepalived.conf:2: ignored: the block that begins here does not end: 1 } are missing\n"},
		{"a { that is missing", "vrrp_instance VI_1\ninterface eth0\n}", "keepalived.conf:2: ignored: { is missing before this line\nkeepalived.conf:3: ignored: one } too many\n"},
		{"values without a {", open + "virtual_ipaddress\n192.0.2.91\n}" + shut, "keepalived.conf:3: ignored: { is missing after virtual_ipaddress\nkeepalived.conf:5: ignored: one } too many\n"},
		{"a value behind the word of a block", open + "track_script chk" + shut, "keepalived.conf:2: ignored: track_script: chk is not expected here\n"},
		{"an include that is missing", "include none.conf\ninclude none/*.conf\nincludem none.conf\nincludew none/*.conf\nincludem sub/*.conf\nincludem none/*.conf\nincludew sub/*.conf\nincludeb {a,b}.conf\nincludea sub\n== sub/x\n",
			`keepalived.conf:1: ignored: include none.conf: there is no such file
keepalived.conf:3: fatal: include none.conf: there is no such file
keepalived.conf:4: fatal: include none/*.conf: there is no such file
keepalived.conf:6: fatal: include none/*.conf: there is no such file
keepalived.conf:7: fatal: include sub/*.conf: there is no such file
keepalived.conf:8: fatal: include {a,b}.conf: there is no such file
keepalived.conf:9: fatal: include sub: it is a directory
`},
		{"include_check asks the same of all that follow", "global_defs {\ninclude_check match\ninclude a.conf\ninclude_check -match\ninclude b.conf\n}",
			"keepalived.conf:3: fatal: include a.conf: there is no such file\nkeepalived.conf:5: ignored: include b.conf: there is no such file\n"},
		{"an include in quotes", "include \"a.conf\"\n== a.conf\nx", "keepalived.conf:1: unresolved: include \"a.conf\": since 2.1.5 the quotes are a part of the name, before they were not; hint: write it without\n"},
		{"an include that includes itself", "include a.conf\n== a.conf\n\ninclude b.conf\n== b.conf\ninclude a.conf", "b.conf:1: ignored: include a.conf: it includes itself\n"},
		{"a value that is missing", open + "interface\npriority\nstate\nnotify_master\nadvert_int\nvirtual_router_id" + shut, `keepalived.conf:2: fatal: interface: a value is missing
keepalived.conf:3: fatal: priority: a value is missing
keepalived.conf:4: fatal: state: a value is missing
keepalived.conf:5: fatal: notify_master: a value is missing
keepalived.conf:6: fatal: advert_int: a value is missing
keepalived.conf:7: fatal: virtual_router_id: a value is missing
`},
		{"numbers that are none", open + "priority 300\nadvert_int x\nadvert_int 0.001\nvirtual_router_id 12x\npreempt_delay 5x\nstate master" + shut, `keepalived.conf:2: ignored: priority: 300 is not a number from 1 to 255
keepalived.conf:3: ignored: advert_int: x is not a time from 0.01 to 255 seconds
keepalived.conf:4: ignored: advert_int: 0.001 is not a time from 0.01 to 255 seconds
keepalived.conf:5: ignored: virtual_router_id: 12x is not a number from 1 to 255
keepalived.conf:6: ignored: preempt_delay: 5x is taken as 5
keepalived.conf:7: ignored: state master is neither MASTER nor BACKUP, and is taken as BACKUP
`},
		{"BACKUP after MASTER", open + "state MASTER\nstate BACKUP" + shut, "keepalived.conf:3: ignored: state BACKUP: it is MASTER since keepalived.conf:2\n"},
		{"an address of the other family", open + "unicast_src_ip 192.0.2.9\nvirtual_ipaddress {\n2001:db8::1\n}" + shut,
			"keepalived.conf:4: ignored: 2001:db8::1: this vrrp_instance is IPv4 by its first address: keepalived leaves it out\n"},
		{"a hook twice", open + "notify /bin/a\nnotify /bin/b" + shut, "keepalived.conf:3: ignored: notify was given before, in keepalived.conf:2: this one does not count\n"},
		{"a check below its instance", open + "track_script {\nchk\n}" + shut + "\nvrrp_script chk {\nscript /bin/true\n}",
			"keepalived.conf:3: ignored: track_script: no vrrp_script chk stands above this line: keepalived tracks nothing here\n"},
		{"a check with a weight in a group", "vrrp_sync_group G {\ngroup {\nVI_1\n}\n}\nvrrp_script chk {\nscript /bin/true\n}\n" + open + "track_script {\nchk weight 2\n}" + shut,
			"keepalived.conf:11: ignored: track_script chk has a weight, and does not count for VI_1: it is in vrrp_sync_group G, without sync_group_tracking_weight\n"},
		{"an instance twice", open + shut + "\n" + open + shut, "keepalived.conf:4: ignored: vrrp_instance VI_1 is there already, in keepalived.conf:1: this one is left out\n"},
		{"a quote that does not end", open + "notify_master \"/bin/true a" + shut, "keepalived.conf:2: unresolved: a quote does not end: versions read that differently\n" +
			"keepalived.conf:2: ignored: notify_master: the command cannot be read: a quote is missing\n"},
		{"backslashes that versions read differently", open + `notify_master "/bin/echo \"a b\""` + shut,
			"keepalived.conf:2: unresolved: notify_master: its backslashes mean something else since 2.3.2; hint: write the command without any\n"},
		{"a comment in a definition, and none behind a backslash", "$A=a \\\n# x\nglobal_defs {\nrouter_id a\\#b\n}",
			"keepalived.conf:2: unresolved: since 2.2.0 the definition of $A ends before this comment, before it did not\n" +
				"keepalived.conf:4: unresolved: # or ! behind a backslash: since 2.2.0 a comment begins there all the same, before it did not\n"},
		{"chance and the environment", "vrrp_instance VI_${_RANDOM 1 5} {\npriority ${_ENV PRIO}\n}", "keepalived.conf:1: unresolved: ${_RANDOM} is another number at each start of keepalived\n" +
			"keepalived.conf:2: unresolved: ${_ENV PRIO} is in the environment of keepalived, which is not read\nkeepalived.conf:2: fatal: priority: a value is missing\n"},
		{"a sequence that is none", "~SEQ(X, 1, -1, 5) a\n~SEQ(5) a\n~LST({A, B}, {1, 2, 3}) b\n~LST x", `keepalived.conf:1: ignored: this sequence is not in a form that keepalived reads: ~SEQ(X, 1, -1, 5) a
keepalived.conf:2: ignored: this sequence is not in a form that keepalived reads: ~SEQ(5) a
keepalived.conf:3: ignored: this sequence is not in a form that keepalived reads: ~LST({A, B}, {1, 2, 3}) b
keepalived.conf:4: ignored: this sequence is not in a form that keepalived reads: ~LST x
`},
		{"the line of an include, of a definition and of a sequence", "$D=a\n\n$M=b \\\nc\nglobal_defs {\ninclude x/y.conf\n$M\n~SEQ(I,2) d$I\n}\n== x/y.conf\n\n$D",
			`x/y.conf:2: ignored: keepalived does not know a here
keepalived.conf:7: ignored: keepalived does not know b here
keepalived.conf:7: ignored: keepalived does not know c here
keepalived.conf:8: ignored: keepalived does not know d1 here
keepalived.conf:8: ignored: keepalived does not know d2 here
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := complaints(parse(t, c.conf)); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// TestNeeds: what an older keepalived does not know is told once, with the version that brought it.
func TestNeeds(t *testing.T) {
	c := parse(t, `global_defs {
script_user root
}
$A=1
@one $B=2
~SEQ(X, 1) ~LST(Y, 1) include {a,b}${X}.conf
@^two includer a1.conf
vrrp_instance VI_1 { advert_int 0.5
notify_deleted /bin/true
}
vrrp_instance VI_2 {
advert_int 0.5
}
vrrp_script chk {
script /bin/true
interval 0.5
init_fail
}
${_HASH}
== a1.conf`)
	var got []string
	for _, n := range c.Needs {
		got = append(got, fmt.Sprintf("%s %s %d", n.Form, n.Since, n.At.Line))
	}
	want := []string{"script_user 1.3.0 2", "definition ($NAME=) 1.4.0 4", "conditional line (@id) 1.3.0 5", "~SEQ 2.0.9 6", "~LST 2.1.0 6", "braces in an include 1.3.8 6",
		"conditional line (@^id) 1.3.7 7", "includer 2.2.0 7", "a block on one line 1.4.2 8", "a fraction in advert_int 1.2.17 8", "notify_deleted 2.1.0 9",
		"a fraction in interval 2.3.2 16", "init_fail 1.3.2 17", "${_HASH} 2.1.4 19"}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if !(Release{1, 4, 0}).Before(Release{2, 0, 0}) || (Release{2, 0, 0}).Before(Release{2, 0, 0}) || !(Release{2, 0, 0}).Before(Release{2, 0, 1}) || (Release{2, 1, 0}).Before(Release{2, 0, 9}) {
		t.Error("releases are not in their order")
	}
}
