package redis

import (
	"errors"
	"fmt"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/model"
)

// inquiry is a look that is under way, and how to get into the instance.
type inquiry struct {
	model.Look
	target Target
}

func inquire(t Target) inquiry { return inquiry{Look: model.Look{Instance: t.Instance}, target: t} }

// read takes in the replies behind PING.
func (l *inquiry) read(info, nodes reply) {
	if info.err != nil {
		l.withheld("INFO", info.err)
		return
	}
	i, err := ParseInfo(info.text)
	if err != nil {
		l.Err = errors.Join(l.Err, err)
		return
	}
	l.Info = &i
	if i.Loading && l.State == model.Up {
		l.State = model.Loading
	}
	if nodes.err != nil {
		if i.Cluster {
			l.withheld("CLUSTER NODES", nodes.err)
		}
		return
	}
	ns, err := ParseNodes(nodes.text)
	if err != nil {
		l.Err = errors.Join(l.Err, err)
		return
	}
	l.Nodes = ns
}

// withheld: PING was answered and a question behind it was not. The instance lives, whatever it was.
func (l *inquiry) withheld(question string, err error) {
	if l.State != model.Up {
		return
	}
	if s := Classify(err); s == model.NoPerm || s == model.MasterDown {
		l.State = s
	}
	l.Err = fmt.Errorf("%s was not answered: %w", question, err)
}

// Targets are this host's instances as the configuration names them.
func Targets(instances []config.Instance) []Target {
	out := make([]Target, len(instances))
	for i, in := range instances {
		out[i] = TargetOf(in)
	}
	return out
}

// TargetOf is one of this host's instances.
func TargetOf(in config.Instance) Target {
	return Target{Instance: model.Instance{Addr: in.Addr, Socket: in.Socket}, Username: in.Username, Password: in.Password.Reveal(), TLS: in.TLS, Paired: in.Peer.IsValid()}
}
