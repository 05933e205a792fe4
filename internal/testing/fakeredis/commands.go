package fakeredis

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"keepalived-redis/internal/model"
)

// batch does what came in one piece, as one change of the run that asks.
func (c *client) batch(commands [][]string) string {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	if c.stalled {
		c.still = true
		return ""
	}
	if !c.atLeast(6, 2) { // there a pause holds back every client, until it is over
		c.w.now = max(c.w.now, c.pausedUntil)
	}
	var answer strings.Builder
	do := func() {
		for _, args := range commands {
			answer.WriteString(c.command(args))
		}
	}
	if c.run == nil || !slices.ContainsFunc(commands, changes) {
		do()
		c.w.settle() // a replica that was asked may have caught up
	} else if !c.run.change(do) {
		c.still = true
	}
	if c.stallAfter != "" && slices.ContainsFunc(commands, func(args []string) bool { return begins(args, c.stallAfter) }) {
		c.stalled, c.still, c.stallAfter = true, true, ""
	}
	switch {
	case c.run == nil:
	case c.run.dead:
		c.still = true
	case !c.w.reach(c.run.host, c.Addr.Addr()):
		c.hangUp = true
	}
	return answer.String()
}

// changes: a command changes something.
func changes(args []string) bool {
	name := strings.ToLower(args[0])
	if len(args) > 1 {
		name += " " + strings.ToLower(args[1])
	}
	switch name {
	case "config set", "config rewrite", "client pause", "client unpause", "client kill", "cluster failover", "cluster bumpepoch":
		return true
	}
	name, _, _ = strings.Cut(name, " ")
	return slices.Contains([]string{"slaveof", "replicaof", "set", "getset", "bgsave", "shutdown"}, name)
}

// command does one command and returns its reply.
func (c *client) command(args []string) string {
	name := strings.ToLower(args[0])
	switch name {
	case "hello", "auth":
		return c.login(name, args)
	}
	if c.run == nil {
		return failed("NOAUTH Authentication required.")
	}
	if !c.w.reach(c.run.host, c.Addr.Addr()) || c.run.dead {
		return ""
	}
	if err, fails := c.failure(args); fails {
		return failed(err)
	}
	if c.multi && name != "exec" {
		c.queued = append(c.queued, args)
		return "+QUEUED\r\n"
	}
	switch name {
	case "multi":
		c.multi = true
		return okay
	case "exec":
		return c.exec()
	case "ping":
		return "+PONG\r\n"
	case "info":
		section := ""
		if len(args) > 1 {
			section = strings.ToLower(args[1])
		}
		text := c.info(section)
		c.behind = max(0, c.behind-1)
		return bulk(text)
	case "cluster":
		if c.noStale && !c.isMaster() && !c.linked { // as up to 6.0
			return failed("MASTERDOWN Link with MASTER is down and slave-serve-stale-data is set to 'no'.")
		}
		return c.cluster(args)
	case "config":
		return c.config(args)
	case "client":
		return c.client(args)
	case "slaveof", "replicaof":
		return c.follow(args[1:])
	case "get", "set", "getset":
		return c.key(name, args)
	case "bgsave":
		c.dump()
		return "+Background saving started\r\n"
	case "pubsub":
		return "*2\r\n" + bulk(args[2]) + integer(0)
	case "shutdown":
		c.hangUp = true
		c.stop()
		return ""
	}
	return failed(fmt.Sprintf("ERR unknown command '%s', with args beginning with: ", args[0]))
}

// exec does what MULTI has queued.
func (c *client) exec() string {
	todo := c.queued
	c.multi, c.queued = false, nil
	var replies strings.Builder
	for _, args := range todo {
		replies.WriteString(c.command(args))
	}
	return fmt.Sprintf("*%d\r\n%s", len(todo), replies.String())
}

// login knows the run by its password, as HELLO 2 AUTH default PASSWORD or AUTH PASSWORD gives it.
func (c *client) login(name string, args []string) string {
	if name == "hello" && !c.atLeast(6, 0) {
		return failed("ERR unknown command 'HELLO'")
	}
	run, known := c.w.runs[args[len(args)-1]]
	if !known {
		return failed("WRONGPASS invalid username-password pair or user is disabled.")
	}
	if c.run = run; name == "auth" {
		return okay
	}
	return "*14\r\n" + bulk("server") + bulk("redis") + bulk("version") + bulk(c.version) + bulk("proto") + integer(2) + bulk("id") + integer(1) +
		bulk("mode") + bulk("standalone") + bulk("role") + bulk("master") + bulk("modules") + "*0\r\n"
}

func (s *Server) atLeast(major, minor int) bool {
	var a, b int
	_, _ = fmt.Sscanf(s.version, "%d.%d", &a, &b)
	return a > major || a == major && b >= minor
}

func (c *client) config(args []string) string {
	switch strings.ToLower(args[1]) {
	case "get":
		var found []string
		for _, s := range [...][2]string{{"dir", c.Dir}, {"dbfilename", c.dumpName()}, {"cluster-node-timeout", "15000"},
			{"min-slaves-max-lag", c.rule.maxLag}, {"min-slaves-to-write", c.rule.replicas}} {
			if is, _ := path.Match(args[2], s[0]); is {
				found = append(found, s[:]...)
			}
		}
		return array(found...)
	case "set":
		switch args[2] {
		case "min-slaves-to-write":
			c.rule.replicas = args[3]
		case "min-slaves-max-lag":
			c.rule.maxLag = args[3]
		case "slave-serve-stale-data":
			c.noStale = args[3] == "no"
		}
		return okay
	}
	if c.readOnly {
		return failed("ERR Rewriting config file: Permission denied")
	}
	c.conf = settings{master: c.master, rule: c.rule}
	c.writeConf()
	return okay
}

func (c *client) client(args []string) string {
	switch strings.ToLower(args[1]) {
	case "pause":
		ms, _ := strconv.Atoi(args[2])
		c.pausedUntil = c.w.now + time.Duration(ms)*time.Millisecond
	case "unpause":
		if !c.atLeast(6, 2) {
			return failed("ERR Syntax error, try CLIENT (LIST | KILL | GETNAME | SETNAME | PAUSE | REPLY)")
		}
		c.pausedUntil = 0
	case "kill":
		c.killed++
		return integer(0)
	}
	return okay
}

func (c *client) follow(args []string) string {
	if c.node != nil {
		return failed("ERR REPLICAOF not allowed in cluster mode.")
	}
	if strings.EqualFold(args[0], "no") {
		c.run.promoted = append(c.run.promoted, model.At(c.Addr))
		c.master, c.linked, c.told = netip.AddrPort{}, false, false
		return okay
	}
	a, err := netip.ParseAddrPort(args[0] + ":" + args[1])
	if err != nil {
		return failed("ERR Invalid master port")
	}
	if c.master != a {
		c.told = c.told || c.isMaster()
		c.master, c.wasLinked = a, false
	}
	return okay
}

// key reads and writes the only key by its name, that of the term.
func (c *client) key(name string, args []string) string {
	before := none
	if args[1] == model.TermKey && c.term != "" {
		before = bulk(c.term)
	}
	if name == "get" {
		return before
	}
	if err := c.refuses(); err != "" {
		return failed(err)
	}
	if args[1] == model.TermKey {
		c.term = args[2]
	}
	c.wrote()
	if name == "set" {
		return okay
	}
	return before
}
