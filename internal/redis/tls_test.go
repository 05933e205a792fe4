package redis_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/testing/redistest"
	"keepalived-redis/internal/testing/tlstest"
)

// quick is long for a handshake on a busy machine, and short for a test that waits for the end of it.
var quick = redis.Limits{Dial: 3 * time.Second, Reply: 3 * time.Second}

// looking is one look that ends.
func looking(t *testing.T, at redis.Target) model.Look {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return redis.LookAt(ctx, at, quick)
}

// by is a TLS as the configuration makes it of keys such as "ca=/x/ca.crt".
func by(t *testing.T, keys ...string) *config.TLS {
	t.Helper()
	o := config.Options{Root: t.TempDir(), Environ: []string{"KEEPALIVED_REDIS_INSTANCES=127.0.0.1:1", "KEEPALIVED_REDIS_TLS_ENABLED=true"}}
	for _, k := range keys {
		name, value, _ := strings.Cut(k, "=")
		o.Environ = append(o.Environ, "KEEPALIVED_REDIS_TLS_"+strings.ToUpper(name)+"="+value)
	}
	c, err := config.Load(o)
	if err != nil {
		t.Fatal(err)
	}
	return c.Instances[0].TLS
}

// authority makes one with a directory of its own.
func authority(t *testing.T, name string) *tlstest.Authority {
	t.Helper()
	a, err := tlstest.New(t.TempDir(), name, tlstest.Template())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// issue makes a certificate, and gives the keys cert and key for it.
func issue(t *testing.T, a *tlstest.Authority, name string, c *x509.Certificate) (cert, key string) {
	t.Helper()
	cert, key, err := a.Issue(name, c)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// serverLines are those of a server that shows a certificate, and asks clients for one or not.
func serverLines(a *tlstest.Authority, cert, key, asks string) []string {
	return []string{"tls-ca-cert-file " + a.File, "tls-cert-file " + cert, "tls-key-file " + key, "tls-auth-clients " + asks}
}

var loopback = netip.MustParseAddrPort("127.0.0.1:0")

func TestTLS(t *testing.T) {
	ours, others := authority(t, "ours"), authority(t, "others")
	cert, key := issue(t, ours, "server", tlstest.Template("redis.example", "127.0.0.1"))
	clientCert, clientKey := issue(t, ours, "client", tlstest.Template())
	strangeCert, strangeKey := issue(t, others, "client", tlstest.Template())
	ca := "ca=" + ours.File
	client := []string{ca, "cert=" + clientCert, "key=" + clientKey}
	start := func(asks string, more ...string) *redistest.Server {
		t.Helper()
		return redistest.StartFor(t, redis.Target{Instance: model.At(loopback), TLS: by(t, client...)}, append(serverLines(ours, cert, key, asks), more...)...)
	}
	open, closed, old := start("no"), start("yes"), start("yes", "tls-protocols TLSv1.2")
	badServer := func(c *x509.Certificate) *redistest.Server {
		t.Helper()
		cert, key := issue(t, ours, "bad", c)
		// Nobody could wait for it with a check of its certificate: see below.
		return redistest.StartFor(t, redis.Target{Instance: model.At(loopback), TLS: by(t, ca)}, serverLines(ours, cert, key, "no")...)
	}
	expired := badServer(tlstest.Expired())
	noServer := tlstest.Template()
	noServer.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	forClients := badServer(noServer)
	for name, test := range map[string]struct {
		at   *redistest.Server
		by   []string
		want model.State
	}{
		"any name of the authority":       {open, []string{ca}, model.Up},
		"the right name":                  {open, []string{ca, "server_name=redis.example"}, model.Up},
		"another name":                    {open, []string{ca, "server_name=redis2.example"}, model.BadName},
		"another authority":               {open, []string{"ca=" + others.File}, model.UnknownCA},
		"another authority and name":      {open, []string{"ca=" + others.File, "server_name=redis.example"}, model.UnknownCA},
		"the system's authorities":        {open, nil, model.UnknownCA},
		"a client certificate, not asked": {open, client, model.Up},
		"a client certificate":            {closed, client, model.Up},
		"no client certificate":           {closed, []string{ca}, model.WantsCert},
		"a strange client certificate":    {closed, []string{ca, "cert=" + strangeCert, "key=" + strangeKey}, model.RefusesCert},
		"TLS 1.2":                         {old, client, model.Up},
		"TLS 1.2, none":                   {old, []string{ca}, model.WantsCert},
		"TLS 1.2, a strange one":          {old, []string{ca, "cert=" + strangeCert, "key=" + strangeKey}, model.RefusesCert},
		"an expired certificate":          {expired, []string{ca}, model.ExpiredCert},
		"expired, with a name":            {expired, []string{ca, "server_name=redis.example"}, model.ExpiredCert},
		"a certificate for clients":       {forClients, []string{ca}, model.UnknownCA},
	} {
		t.Run(name, func(t *testing.T) {
			at := redis.Target{Instance: model.At(test.at.Addr), TLS: by(t, test.by...)}
			// A connection that the server drops with bytes unread can lose the alert.
			look := looking(t, at)
			if look.State != test.want || !look.State.Alive() {
				t.Errorf("it %s, want %s (%v)", look.State, test.want, look.Err)
			}
			if test.want == model.Up && look.Info == nil {
				t.Error("INFO is not answered")
			}
		})
	}
}

func TestTLSOnOneSideOnly(t *testing.T) {
	a := authority(t, "ca")
	cert, key := issue(t, a, "server", tlstest.Template())
	secure := by(t, "ca="+a.File)
	server := redistest.StartFor(t, redis.Target{Instance: model.At(loopback), TLS: secure}, serverLines(a, cert, key, "no")...)
	plain := redistest.Start(t)
	short := redis.Limits{Dial: 3 * time.Second, Reply: time.Second}
	for _, at := range []redis.Target{{Instance: model.At(plain.Addr), TLS: secure}, {Instance: model.At(server.Addr)}} {
		// Peers are looked at in another way.
		for i, l := range append(redis.LookAtPeers(context.Background(), []redis.Target{at}, short), redis.LookAt(context.Background(), at, short)) {
			if want := map[bool]model.State{true: model.NoTLS, false: model.WantsTLS}[at.TLS != nil]; l.State != want || !l.State.Alive() {
				t.Errorf("look %d: it %s, want %s (%v)", i, l.State, want, l.Err)
			}
		}
	}
}

// TestTLSWithSomethingElse: what speaks neither Redis nor TLS, or TLS and not Redis, or hangs.
func TestTLSWithSomethingElse(t *testing.T) {
	a := authority(t, "ca")
	cert, key := issue(t, a, "server", tlstest.Template())
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	secure := by(t, "ca="+a.File)
	for name, test := range map[string]struct {
		serve func(net.Conn)
		want  model.State
	}{
		"http":     {func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 400 Bad Request\r\n\r\n"); io.Copy(io.Discard, c) }, model.NotRedis},
		"hangs up": {func(c net.Conn) { c.Read(make([]byte, 4096)) }, model.Dropped},
		"hangs":    {func(c net.Conn) { io.Copy(io.Discard, c) }, model.Stalled},
		"full":     {func(c net.Conn) { fmt.Fprint(c, "-ERR max number of clients reached\r\n"); io.Copy(io.Discard, c) }, model.NoTLS},
		"old TLS": {func(c net.Conn) {
			tls.Server(c, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}).Handshake()
		}, model.OtherTLS},
		"https":      {func(c net.Conn) { answerTLS(c, pair, "HTTP/1.1 400 Bad Request\r\n\r\n") }, model.NotRedis},
		"TLS, hangs": {func(c net.Conn) { answerTLS(c, pair, "") }, model.Stalled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					go func() {
						defer c.Close()
						test.serve(c)
					}()
				}
			}()
			at := redis.Target{Instance: model.At(netip.MustParseAddrPort(l.Addr().String())), TLS: secure}
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			begun := time.Now()
			look := redis.LookAt(ctx, at, redis.Limits{Dial: time.Second, Reply: 300 * time.Millisecond})
			if look.State != test.want {
				t.Errorf("it %s, want %s (%v)", look.State, test.want, look.Err)
			}
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

// answerTLS speaks TLS, answers the first line with a text, and hangs.
func answerTLS(c net.Conn, cert tls.Certificate, text string) {
	s := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}})
	if _, err := bufio.NewReader(s).ReadString('\n'); err != nil {
		return
	}
	io.WriteString(s, text)
	io.Copy(io.Discard, s)
}
