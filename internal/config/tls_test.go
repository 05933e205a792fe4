package config

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"keepalived-redis/internal/testing/tlstest"
)

// certificates makes on the host, in /tls: the authority ca, server, client, old (expired), oldca (expired) and newca (not
// valid yet).
func (b host) certificates() {
	b.t.Helper()
	b.mkdir("/tls")
	dir := b.root + "/tls"
	early := tlstest.Template()
	early.NotBefore, early.NotAfter = time.Date(2099, 1, 2, 12, 0, 0, 0, time.UTC), time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	late := tlstest.Template()
	late.NotBefore, late.NotAfter = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2020, 2, 3, 12, 0, 0, 0, time.UTC)
	for name, t := range map[string]*x509.Certificate{"newca": early, "oldca": late} {
		if _, err := tlstest.New(dir, name, t); err != nil {
			b.t.Fatal(err)
		}
	}
	a, err := tlstest.New(dir, "ca", tlstest.Template())
	if err != nil {
		b.t.Fatal(err)
	}
	for name, t := range map[string]*x509.Certificate{"server": tlstest.Template(), "client": tlstest.Template(), "old": late} {
		if _, _, err := a.Issue(name, t); err != nil {
			b.t.Fatal(err)
		}
	}
}

// certificate makes an authority on the host, and gives its file without .crt and .key.
func (b host) certificate() string {
	b.t.Helper()
	a, err := tlstest.New(b.root, "ca", tlstest.Template())
	if err != nil {
		b.t.Fatal(err)
	}
	return strings.TrimSuffix(a.File, ".crt")
}

// ways says how each instance is spoken to: NAME, or NAME with the files below /tls and the server name.
func (b host) ways(c *Config) string {
	var all []string
	for _, i := range c.Instances {
		s := i.Name()
		if t := i.TLS; t != nil {
			s += fmt.Sprintf(" ca=%s cert=%s key=%s name=%s shows=%v", t.CA, t.Cert, t.Key, t.ServerName, t.Shows())
		}
		all = append(all, strings.ReplaceAll(s, b.root+"/tls/", ""))
	}
	return strings.Join(all, "\n")
}

func TestTLSByTheInstancesOwnConfiguration(t *testing.T) {
	const files = "tls-ca-cert-file ROOT/tls/ca.crt\ntls-cert-file ROOT/tls/server.crt\ntls-key-file ROOT/tls/server.key\n"
	const own = " ca=ca.crt cert=server.crt key=server.key name= shows=true"
	for name, test := range map[string]struct{ conf, tls, want string }{
		"a TLS port only":    {"port 0\ntls-port 7000\n" + files, "", "127.0.0.1:7000" + own},
		"its address":        {"port 0\ntls-port 7000\nbind 10.0.0.1\n" + files, "", "10.0.0.1:7000" + own},
		"before a socket":    {"port 0\ntls-port 7000\nunixsocket /run/r.sock\n" + files, "", "127.0.0.1:7000" + own},
		"both ports":         {"port 7000\ntls-port 7001\n" + files, "", "127.0.0.1:7000"},
		"both, and TLS":      {"port 7000\ntls-port 7001\n" + files, "enabled = true", "127.0.0.1:7001" + own},
		"both, and no TLS":   {"port 7000\ntls-port 7001\n" + files, "enabled = false", "127.0.0.1:7000"},
		"no TLS port":        {"port 7000\ntls-port 0\n" + files, "", "127.0.0.1:7000"},
		"no TLS port at all": {"port 7000\n" + files, "enabled = true", "127.0.0.1:7000" + own},
		"a socket":           {"port 0\nunixsocket /run/r.sock\n" + files, "enabled = true", "/run/r.sock"},
		"clients are not asked": {"port 0\ntls-port 7000\n" + files + "tls-auth-clients no\n", "",
			"127.0.0.1:7000 ca=ca.crt cert= key= name= shows=false"},
		"clients may": {"port 0\ntls-port 7000\n" + files + "tls-auth-clients optional\n", "", "127.0.0.1:7000" + own},
		"its own as a client": {"port 0\ntls-port 7000\n" + files + "tls-client-cert-file ROOT/tls/client.crt\ntls-client-key-file ROOT/tls/client.key\n", "",
			"127.0.0.1:7000 ca=ca.crt cert=client.crt key=client.key name= shows=true"},
		"below its directory": {"port 0\ntls-port 7000\ndir ROOT/tls\n" + strings.ReplaceAll(files, "ROOT/tls/", ""), "", "127.0.0.1:7000" + own},
		"[tls] wins": {"port 0\ntls-port 7000\n" + files, "ca = \"ROOT/tls/server.crt\"\ncert = \"ROOT/tls/client.crt\"\nkey = \"ROOT/tls/client.key\"\nserver_name = \"r\"",
			"127.0.0.1:7000 ca=server.crt cert=client.crt key=client.key name=r shows=true"},
		"the system's authorities": {"port 0\ntls-port 7000\n", "", "127.0.0.1:7000 ca= cert= key= name= shows=false"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newHost(t)
			b.certificates()
			b.write("/etc/redis/7000.conf", strings.ReplaceAll(test.conf, "ROOT", b.root))
			c := b.mustLoad("[tls]\n" + strings.ReplaceAll(test.tls, "ROOT", b.root))
			if got := b.ways(c); got != test.want || len(c.Warnings) > 0 {
				t.Errorf("got %s, %q", got, c.Warnings)
			}
		})
	}
}

func TestTLSOfListedInstances(t *testing.T) {
	b := newHost(t)
	b.certificates()
	b.write("/etc/redis/7000.conf", "port 7000\n")
	b.write("/etc/redis/7001.conf", "port 0\ntls-port 7001\ntls-ca-cert-file "+b.root+"/tls/ca.crt\n")
	b.write("/secret", "swordfish\n")
	if err := os.Chmod(b.root+"/secret", 0o600); err != nil {
		t.Fatal(err)
	}
	const listed = "instances = [\"10.0.0.1:7000-7002\", \"unix:/run/r.sock\"]\n"
	// Also with a password that makes the instances' own configurations needless otherwise.
	for _, more := range []string{"", "password_file = \"" + b.root + "/secret\"\n"} {
		c := b.mustLoad(listed + more)
		if got, want := b.ways(c), "10.0.0.1:7000\n10.0.0.1:7001 ca=ca.crt cert= key= name= shows=false\n10.0.0.1:7002\n/run/r.sock"; got != want {
			t.Errorf("got %s", got)
		}
	}
	c := b.mustLoad(listed + "[tls]\nenabled = true\nca = \"" + b.root + "/tls/ca.crt\"\n")
	const with = " ca=ca.crt cert= key= name= shows=false\n"
	if got, want := b.ways(c), "10.0.0.1:7000"+with+"10.0.0.1:7001"+with+"10.0.0.1:7002"+with+"/run/r.sock"; got != want {
		t.Errorf("got %s", got)
	}
	c = b.mustLoad(listed + "[tls]\nenabled = false\n")
	want := []string{"10.0.0.1:7001 speaks TLS only (tls-port in /etc/redis/7001.conf), and [tls] says enabled = false; hint: remove that line"}
	if d := diff(want, b.warnings(c)); d != "" {
		t.Error(d)
	}
	c = b.mustLoad("[tls]\nenabled = false\n")
	want = []string{"/etc/redis/7001.conf: it listens with TLS only, and [tls] says enabled = false, so this instance is left out; hint: name the instances in FILE"}
	if d := diff(want, b.warnings(c)); d != "" {
		t.Error(d)
	}
}

// spoilt puts broken files beside the good ones.
func (b host) spoilt() {
	b.t.Helper()
	b.certificates()
	b.write("/tls/words", "no certificate\n")
	b.write("/tls/noise.crt", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
	b.write("/tls/locked-pkcs8.key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")
	b.write("/tls/locked-rsa.key", "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n")
	key, err := os.ReadFile(b.root + "/tls/client.key")
	if err != nil {
		b.t.Fatal(err)
	}
	b.write("/tls/open.key", string(key))
	for _, file := range []string{"words", "locked-pkcs8.key", "locked-rsa.key"} {
		if err := os.Chmod(b.root+"/tls/"+file, 0o600); err != nil {
			b.t.Fatal(err)
		}
	}
}

func TestTLSFilesThatAreWrong(t *testing.T) {
	for _, test := range []struct{ lines, want string }{
		{`cert = "/tls/client.crt"`, `FILE:4: key "tls.cert": is half of a client certificate; hint: name the other half as well, as in key = "/etc/keepalived/redis.key", or remove the line`},
		{`key = "/tls/client.key"`, `FILE:4: key "tls.key": is half of a client certificate; hint: name the other half as well, as in cert = "/etc/keepalived/redis.crt", or remove the line`},
		{`ca = "ca.crt"`, `FILE:4: key "tls.ca": "ca.crt" is not a full path; hint: begin it with a slash, as in ca = "/etc/redis/tls/ca.crt"`},
		{`ca = "/tls/none"`, `FILE:4: key "tls.ca": /tls/none is not there; hint: correct the path`},
		{`ca = "/tls"`, `FILE:4: key "tls.ca": /tls cannot be read: it is a directory; hint: check the path`},
		{`ca = "/tls/words"`, `FILE:4: key "tls.ca": /tls/words holds no certificate; hint: it must be PEM, with a line -----BEGIN CERTIFICATE-----`},
		{`ca = "/tls/noise.crt"`, `FILE:4: key "tls.ca": /tls/noise.crt holds a certificate that cannot be read; hint: make it again; openssl x509 -in /tls/noise.crt -text shows what openssl makes of it`},
		{`ca = "/tls/oldca.crt"`, `FILE:4: key "tls.ca": /tls/oldca.crt expired on 2020-02-03; hint: renew it`},
		{`ca = "/tls/newca.crt"`, `FILE:4: key "tls.ca": /tls/newca.crt is not valid before 2099-01-02; hint: check the clock of this host`},
		{"cert = \"/tls/old.crt\"\nkey = \"/tls/old.key\"", `FILE:4: key "tls.cert": /tls/old.crt expired on 2020-02-03; hint: renew it`},
		{"cert = \"/tls/client.crt\"\nkey = \"/tls/server.key\"", `FILE:5: key "tls.key": /tls/server.key is not the key of /tls/client.crt; hint: name the key that the certificate was made with`},
		{"cert = \"/tls/client.crt\"\nkey = \"/tls/open.key\"", `FILE:5: key "tls.key": /tls/open.key has mode 0644, so that others can reach it; hint: chmod 0600 /tls/open.key, or 0640 when a group must read it`},
		{"cert = \"/tls/client.crt\"\nkey = \"/tls/none\"", `FILE:5: key "tls.key": /tls/none is not there; hint: correct the path`},
		{"cert = \"/tls/client.crt\"\nkey = \"/tls/words\"", `FILE:5: key "tls.key": /tls/words holds no private key; hint: it must be PEM, with a line -----BEGIN PRIVATE KEY-----`},
		{"cert = \"/tls/client.crt\"\nkey = \"/tls/locked-pkcs8.key\"", `FILE:5: key "tls.key": /tls/locked-pkcs8.key is locked by a passphrase; hint: write it without one: openssl pkey -in /tls/locked-pkcs8.key`},
		{"cert = \"/tls/client.crt\"\nkey = \"/tls/locked-rsa.key\"", `FILE:5: key "tls.key": /tls/locked-rsa.key is locked by a passphrase; hint: write it without one: openssl pkey -in /tls/locked-rsa.key`},
		{`server_name = ""`, `FILE:4: key "tls.server_name": is empty; hint: write server_name = "redis.example.com", or remove the line`},
		{"ca = \"/tls/none\"\ncert = \"/tls/words\"\nkey = \"/tls/words\"", "FILE:4: key \"tls.ca\": /tls/none is not there; hint: correct the path\n" +
			`FILE:5: key "tls.cert": /tls/words holds no certificate; hint: it must be PEM, with a line -----BEGIN CERTIFICATE-----`},
	} {
		b := newHost(t)
		b.spoilt()
		_, err := b.load("instances = [\"10.0.0.1:7000-7002\"]\n[tls]\nenabled = true\n" + strings.ReplaceAll(test.lines, `"/tls`, `"`+b.root+"/tls"))
		if d := diff(strings.Split(test.want, "\n"), b.lines(err)); d != "" {
			t.Errorf("%s: %s", test.lines, d)
		}
	}
	for value, want := range map[string]string{
		`"yes"`: `FILE:3: key "tls.enabled": "yes" is not known; hint: write "auto", "true" or "false"`,
		`1`:     `FILE:3: key "tls.enabled": is a number, not a text; hint: write enabled = "auto"`,
	} {
		b := newHost(t)
		_, err := b.load(one + "[tls]\nenabled = " + value + "\n")
		if d := diff([]string{want}, b.lines(err)); d != "" {
			t.Errorf("%s: %s", value, d)
		}
	}
}

// A check without TLS pays for none of it; --check-config looks all the same.
func TestTLSFilesAreReadOnlyWhereTheyAreNeeded(t *testing.T) {
	b := newHost(t)
	const text = one + "[tls]\nca = \"/nowhere/ca.crt\"\ncert = \"/nowhere/c.crt\"\nkey = \"/nowhere/c.key\"\n"
	c := b.mustLoad(text)
	if got := b.ways(c); got != "127.0.0.1:7000" || len(c.Warnings) > 0 {
		t.Errorf("got %s, %q", got, c.Warnings)
	}
	got := b.strict()
	want := []string{
		`FILE:3: key "tls.ca": /nowhere/ca.crt is not there; hint: correct the path`,
		`FILE:4: key "tls.cert": /nowhere/c.crt is not there; hint: correct the path`,
	}
	if d := diff(want, got[:2]); d != "" {
		t.Error(d)
	}
}

func TestTLSFilesOfTheInstanceThatAreWrong(t *testing.T) {
	b := newHost(t)
	b.spoilt()
	for port, lines := range map[string]string{
		"7000": "tls-ca-cert-file ROOT/tls/none\ntls-cert-file ROOT/tls/server.crt\ntls-key-file ROOT/tls/client.key\n",
		"7001": "tls-ca-cert-file ROOT/tls/none\ntls-cert-file ROOT/tls/old.crt\ntls-key-file ROOT/tls/old.key\n",
		"7002": "tls-ca-cert-dir /etc/ssl/certs\ntls-cert-file ROOT/tls/client.crt\ntls-key-file ROOT/tls/open.key\n",
	} {
		b.write("/etc/redis/"+port+".conf", "port 0\ntls-port "+port+"\n"+strings.ReplaceAll(lines, "ROOT", b.root))
	}
	c := b.mustDiscover()
	want := []string{
		`tls-ca-cert-file of /etc/redis/7000.conf: /tls/none is not there; hint: correct the path, or set ca below [tls]`,
		`tls-cert-file of /etc/redis/7000.conf: /tls/client.key is not the key of /tls/server.crt; hint: name the key that the certificate was made with, or set key below [tls]`,
		`tls-cert-file of /etc/redis/7001.conf: /tls/old.crt expired on 2020-02-03; hint: renew it, or set cert below [tls]`,
		`tls-ca-cert-dir of /etc/redis/7002.conf is not read; hint: name one file of certificates, as in ca = "/etc/redis/tls/ca.crt" below [tls]`,
	}
	if d := diff(want, b.warnings(c)); d != "" {
		t.Error(d)
	}
	// An authority that cannot be read is not the whole world's, and whose key it is that Redis reads is not ours to judge.
	if got, want := b.ways(c), "127.0.0.1:7000 ca=none cert=server.crt key=client.key name= shows=false\n"+
		"127.0.0.1:7001 ca=none cert=old.crt key=old.key name= shows=false\n"+
		"127.0.0.1:7002 ca= cert=client.crt key=open.key name= shows=true"; got != want {
		t.Errorf("got %s", got)
	}
}

// Redis' keys are for Redis' eyes only on most systems: no reason to warn in every run.
func TestTLSFilesOfTheInstanceThatMayNotBeRead(t *testing.T) {
	b := newHost(t)
	b.certificates()
	b.write("/etc/keepalived/keepalived.conf", "")
	b.write("/etc/redis/7000.conf", strings.ReplaceAll("port 0\ntls-port 7000\ntls-ca-cert-file ROOT/tls/ca.crt\ntls-cert-file ROOT/tls/server.crt\ntls-key-file ROOT/tls/server.key\n", "ROOT", b.root))
	b.close("/tls/server.key")
	b.unprivileged(func() {
		c := b.mustDiscover()
		if got := b.ways(c); got != "127.0.0.1:7000 ca=ca.crt cert=server.crt key=server.key name= shows=false" || len(c.Warnings) > 0 {
			t.Errorf("got %s, %q", got, c.Warnings)
		}
		want := []string{
			"note: tls-cert-file of /etc/redis/7000.conf: /tls/server.key cannot be read by " + userName() + "; hint: let the user that runs keepalived's scripts read it, or set key below [tls]",
			"configuration is good: defaults",
			"instance 127.0.0.1:7000 with TLS, /etc/redis/7000.conf",
		}
		if d := diff(want, b.strict("127.0.0.1")); d != "" {
			t.Error(d)
		}
	})
}

func TestTLSWithTheLastGoodConfiguration(t *testing.T) {
	b := newHost(t)
	b.certificates()
	files := strings.ReplaceAll("[tls]\nenabled = true\nca = \"ROOT/tls/ca.crt\"\ncert = \"ROOT/tls/client.crt\"\nkey = \"ROOT/tls/client.key\"\n", "ROOT", b.root)
	b.write(DefaultFile, good+files)
	b.mustLastGood()
	b.dated()
	if err := os.Chmod(b.root+"/tls/client.key", 0o644); err != nil {
		t.Fatal(err)
	}
	c := b.mustLastGood()
	want := []string{
		`the configuration is wrong, so the last good one of 2026-03-01 12:30:00 is used: FILE:7: key "tls.key": /tls/client.key has mode 0644, so that others can reach it; hint: chmod 0600 /tls/client.key, or 0640 when a group must read it`,
		`tls.key /tls/client.key has mode 0644, so that others can reach it; hint: chmod 0600 /tls/client.key, or 0640 when a group must read it`,
	}
	if d := diff(want, b.warnings(c)); d != "" {
		t.Error(d)
	}
	if got := b.ways(c); got != "127.0.0.1:7000 ca=ca.crt cert=client.crt key=client.key name= shows=false" {
		t.Errorf("got %s", got)
	}
}

func TestTLSKeyDoesNotShow(t *testing.T) {
	b := newHost(t)
	b.certificates()
	file := b.root + "/tls/client"
	c := b.mustLoad(one + "[tls]\nenabled = true\nca = \"" + b.root + "/tls/ca.crt\"\ncert = \"" + file + ".crt\"\nkey = \"" + file + ".key\"\n")
	pair, err := tls.LoadX509KeyPair(file+".crt", file+".key")
	if err != nil {
		t.Fatal(err)
	}
	secret := pair.PrivateKey.(*ecdsa.PrivateKey).D.String()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		for _, v := range []any{c, c.Instances, c.Instances[0].TLS, *c.Instances[0].TLS} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, secret) {
				t.Errorf("%s of %T shows it: %s", verb, v, text)
			}
		}
	}
	// No name: any name of the authority. Without an authority of ours: the address.
	if got := c.Instances[0].TLS.Client(netip.MustParseAddr("fe80::1%eth0")); got.ServerName != "" || got.VerifyConnection == nil {
		t.Errorf("asks for the name %q", got.ServerName)
	}
	if got := (&TLS{}).Client(netip.MustParseAddr("fe80::1%eth0")); got.ServerName != "fe80::1" || got.InsecureSkipVerify {
		t.Errorf("asks for the name %q, checks nothing: %v", got.ServerName, got.InsecureSkipVerify)
	}
}
