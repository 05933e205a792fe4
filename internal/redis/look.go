package redis

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/program"
)

// Look is what one look at an instance found.
type Look struct {
	Target Target
	State  State
	// Err says why, in the server's or the system's words. When Up it says what was not answered or not understood, if
	// anything was.
	Err error
	// Info is nil when it was not answered.
	Info *Info
	// Nodes is nil when it was not answered, as on a server without cluster mode.
	Nodes Nodes
	// Term is read only where the target asks for it.
	Term Term
	// Took is the time until the last reply, the dial included.
	Took time.Duration
}

// LookAt dials the target and asks PING, INFO and CLUSTER NODES in one round trip. It returns at ctx's deadline at the
// latest. It changes nothing on the server.
func LookAt(ctx context.Context, t Target, l Limits) Look {
	return lookTwice(ctx, look(ctx, Open(t, l)), l)
}

// look asks over one connection, and closes it.
func look(ctx context.Context, c *Conn) Look {
	start := time.Now()
	defer c.Close()
	pipe := c.client.Pipeline()
	ping, info, nodes := pipe.Ping(ctx), pipe.Info(ctx), pipe.ClusterNodes(ctx)
	var term *goredis.StringCmd
	if c.target.Paired {
		term = pipe.Get(ctx, TermKey)
	}
	_, execErr := pipe.Exec(ctx)
	look := Look{Target: c.target, Took: time.Since(start)}
	look.Err = ping.Err()
	if look.Err == nil && execErr != nil && ping.Val() == "" {
		look.Err = execErr // the connection never came to be
	}
	look.State = Classify(look.Err)
	wire := c.wire.Load()
	if said := wire.parting(); (look.State == Dropped || look.State == NotRedis) && said != Unseen {
		look.State = said
	}
	if wire == nil && !errors.As(look.Err, new(connError)) {
		look.State = Unseen // our own time was over before the dial was
	}
	if look.State == Up && ping.Val() != "PONG" {
		look.State, look.Err = NotRedis, fmt.Errorf("PING was answered by %.40q", ping.Val())
	}
	if look.State.Alive() {
		look.read(info, nodes)
		look.term(term)
	}
	return look
}

// read takes in the replies behind PING.
func (l *Look) read(info, nodes *goredis.StringCmd) {
	text, err := info.Result()
	if err != nil {
		l.withheld("INFO", err)
		return
	}
	i, err := ParseInfo(text)
	if err != nil {
		l.Err = errors.Join(l.Err, err)
		return
	}
	l.Info = &i
	if i.Loading && l.State == Up {
		l.State = Loading
	}
	if text, err = nodes.Result(); err != nil {
		if i.Cluster {
			l.withheld("CLUSTER NODES", err)
		}
		return
	}
	ns, err := ParseNodes(text)
	if err != nil {
		l.Err = errors.Join(l.Err, err)
		return
	}
	l.Nodes = ns
}

// withheld: PING was answered and a question behind it was not. The instance lives, whatever it was.
func (l *Look) withheld(question string, err error) {
	if l.State != Up {
		return
	}
	if s := Classify(err); s == NoPerm {
		l.State = s
	}
	l.Err = fmt.Errorf("%s was not answered: %w", question, err)
}

// Role is the role it claims, empty when it did not say.
func (l Look) Role() Role {
	if l.Info == nil {
		return ""
	}
	return l.Info.Role
}

// Self is the instance's own line of CLUSTER NODES.
func (l Look) Self() (Node, bool) { return l.Nodes.Myself() }

// LookAtAll looks at every target side by side. The result has the order of the targets.
func LookAtAll(ctx context.Context, targets []Target, l Limits) []Look {
	return sideBySide(targets, func(i int) Look { return LookAt(ctx, targets[i], l) })
}

func sideBySide(targets []Target, at func(i int) Look) []Look {
	looks := make([]Look, len(targets))
	var wg sync.WaitGroup
	for i := range targets {
		wg.Add(1)
		go func() {
			defer wg.Done()
			program.GrowStack()
			looks[i] = at(i)
		}()
	}
	wg.Wait()
	return looks
}

// Targets are this box's instances as the configuration names them.
func Targets(instances []config.Instance) []Target {
	out := make([]Target, len(instances))
	for i, in := range instances {
		out[i] = TargetOf(in)
	}
	return out
}

// TargetOf is one of this box's instances.
func TargetOf(in config.Instance) Target {
	return Target{Addr: in.Addr, Socket: in.Socket, Username: in.Username, Password: in.Password.Reveal(), TLS: in.TLS, Paired: in.Peer.IsValid()}
}
