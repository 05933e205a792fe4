package redis

import (
	"errors"
	"fmt"
	"time"

	"keepalived-redis/internal/config"
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

// parted takes what the server said before it hung up for its answer.
func (l *Look) parted(first []byte) {
	if s := parting(first); s != Unseen {
		l.State = s
	}
}

// read takes in the replies behind PING.
func (l *Look) read(info, nodes reply) {
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
	if i.Loading && l.State == Up {
		l.State = Loading
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
