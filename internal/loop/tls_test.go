package loop

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/testing/redistest"
	"keepalived-redis/internal/testing/sessiontest"
	"keepalived-redis/internal/testing/tlstest"
)

// TestTakeoverOnAClusterWithTLS: peers are spoken to with TLS as the instances here are, at the ports that CLUSTER NODES names.
func TestTakeoverOnAClusterWithTLS(t *testing.T) {
	t.Parallel()
	a, err := tlstest.New(t.TempDir(), "ca", tlstest.Template())
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := a.Issue("redis", tlstest.Template())
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(config.Options{Root: t.TempDir(), Environ: []string{"KEEPALIVED_REDIS_INSTANCES=127.0.0.1:1", "KEEPALIVED_REDIS_TLS_ENABLED=true",
		"KEEPALIVED_REDIS_TLS_CA=" + a.File, "KEEPALIVED_REDIS_TLS_CERT=" + cert, "KEEPALIVED_REDIS_TLS_KEY=" + key}})
	if err != nil {
		t.Fatal(err)
	}
	login := redis.Target{Instance: model.At(netip.MustParseAddrPort("127.0.0.1:0")), TLS: cfg.Instances[0].TLS}
	c := redistest.ClusterFor(t, login, 1, "tls-cluster yes", "tls-replication yes",
		"tls-ca-cert-file "+a.File, "tls-cert-file "+cert, "tls-key-file "+key)
	master, replica := c[0], c[1]
	r := reconciler(t, replica)
	r.Config.Instances[0].TLS = login.TLS
	r.Config.Times.Dial = time.Second
	o := sessiontest.Looks([]*redistest.Server{replica}, nil)
	named := o.Locals[0].Nodes.Masters()
	if len(named) != 1 || named[0].Addr != master.Addr {
		t.Fatalf("CLUSTER NODES names %+v, want %s", named, master.Addr)
	}
	o.Peers = r.LookAtPeers(context.Background(), []netip.AddrPort{master.Addr})
	if p := o.Peers[0]; p.State != model.Up || p.Role() != model.Master {
		t.Fatalf("the peer %s (%v)", p.State, p.Err)
	}
	master.Kill()
	if err := r.Apply(sessiontest.Within(t, 10*time.Second), o, model.Plan{Steps: []model.Step{{Do: model.Takeover, Instance: model.At(replica.Addr)}}}); err != nil {
		t.Fatal(err)
	}
	if l := replica.Look(); l.Role() != model.Master {
		t.Errorf("the replica is %s", l.Role())
	}
}
