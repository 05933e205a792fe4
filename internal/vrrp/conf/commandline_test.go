package conf

import (
	"fmt"
	"strings"
	"testing"
)

// TestCommandLine: how people and distributions start keepalived.
func TestCommandLine(t *testing.T) {
	for args, want := range map[string]CommandLine{
		"":                                            {VRRP: true},
		"keepalived":                                  {VRRP: true},
		"keepalived -D":                               {VRRP: true},
		"keepalived -D -f /etc/k.conf":                {File: "/etc/k.conf", VRRP: true},
		"keepalived -f/etc/k.conf -D":                 {File: "/etc/k.conf", VRRP: true},
		"keepalived -lnDf /etc/k.conf -ione":          {File: "/etc/k.conf", ID: "one", VRRP: true},
		"keepalived -lnDfk.conf":                      {File: "k.conf", VRRP: true},
		"keepalived --use-file /etc/k.conf":           {File: "/etc/k.conf", VRRP: true},
		"keepalived --use-file=/etc/k.conf":           {File: "/etc/k.conf", VRRP: true},
		"keepalived --use=/etc/k.conf":                {File: "/etc/k.conf", VRRP: true},
		"keepalived --dont-fork --log-console -D":     {VRRP: true},
		"keepalived -f a -f b":                        {File: "b", VRRP: true},
		"keepalived -f":                               {VRRP: true},
		"keepalived -p /run/-f -f k.conf":             {File: "k.conf", VRRP: true},
		"keepalived --pid -f -r -C -f k.conf":         {File: "k.conf", VRRP: true},
		"keepalived -S 1 -f k.conf":                   {File: "k.conf", VRRP: true},
		"keepalived -g/var/log/f -M -f k.conf":        {File: "k.conf", VRRP: true},
		"keepalived --log-file -f k.conf":             {File: "k.conf", VRRP: true},
		"keepalived -- -f k.conf":                     {VRRP: true},
		"keepalived x -f k.conf":                      {File: "k.conf", VRRP: true},
		"keepalived -i one":                           {ID: "one", VRRP: true},
		"keepalived --config-id=one --config-id two":  {ID: "two", VRRP: true},
		"keepalived --config-i two --config x":        {ID: "two", VRRP: true},
		"keepalived -C":                               {},
		"keepalived --check -D":                       {},
		"keepalived -P":                               {VRRP: true},
		"keepalived --vrrp --vrrp_pid x -i one":       {ID: "one", VRRP: true},
		"keepalived -C --all":                         {VRRP: true},
		"keepalived --che -f k.conf":                  {File: "k.conf", VRRP: true},
		"/usr/sbin/keepalived --dont-fork -D -i a -C": {ID: "a"},
	} {
		var words []string
		if args != "" {
			words = strings.Split(args, " ")
		}
		if got := ReadCommandLine(words); got != want {
			t.Errorf("%s: got %+v, want %+v", args, got, want)
		}
	}
}

// TestDefaultFiles: without -f it depends on where keepalived was built to live.
func TestDefaultFiles(t *testing.T) {
	for executable, want := range map[string]string{
		"/usr/sbin/keepalived":       "[/etc/keepalived/keepalived.conf /usr/local/etc/keepalived/keepalived.conf]",
		"/sbin/keepalived":           "[/etc/keepalived/keepalived.conf /usr/local/etc/keepalived/keepalived.conf]",
		"":                           "[/etc/keepalived/keepalived.conf /usr/local/etc/keepalived/keepalived.conf]",
		"keepalived":                 "[/etc/keepalived/keepalived.conf /usr/local/etc/keepalived/keepalived.conf]",
		"/usr/local/sbin/keepalived": "[/usr/local/etc/keepalived/keepalived.conf /etc/keepalived/keepalived.conf]",
		"/opt/ka/sbin/keepalived":    "[/opt/ka/etc/keepalived/keepalived.conf /etc/keepalived/keepalived.conf]",
	} {
		if got := fmt.Sprint(Defaults(executable)); got != want {
			t.Errorf("%s: got %s, want %s", executable, got, want)
		}
	}
	if HostID("one.example.com") != "one" || HostID("one") != "one" || HostID("") != "" {
		t.Error("the id of the host is not its first name")
	}
}
