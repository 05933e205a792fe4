package storm

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"keepalived-redis/lab"
	"keepalived-redis/lab/host"
	"keepalived-redis/lab/resp"
)

const (
	// clientPeriod is the time between two writes of a client, clientLimit how long one may take.
	clientPeriod = 25 * time.Millisecond
	clientLimit  = 400 * time.Millisecond
	// waitEvery is which writes ask with WAIT 1, readEvery which are followed by a read.
	waitEvery = 4
	readEvery = 5
)

// way is by which commands a client writes.
type way int

const (
	plain way = iota
	script
	transaction
	ways
)

const (
	pushScript = "return redis.call('RPUSH', KEYS[1], ARGV[1])"
	// queuedFor is how long a transaction waits for its EXEC.
	queuedFor = 15 * time.Millisecond
)

// tags are the hash tags of the clients' keys: two in each third of the slots (3300, 3168; 7365, 7233; 15495, 11298).
var tags = []string{"b", "f", "c", "g", "a", "d"}

// client appends to one key a round, one write after another.
type client struct {
	name, tag string
	way       way
	history   *History
	// entrances are where it may connect; it changes to the next one when one is of no use.
	entrances []string
	next      int
	round     *atomic.Int64
	// self names the instance behind a connection.
	self func(context.Context, *session) string
	n    int
	s    *session
}

// key is the list of a tag in a round.
func key(tag string, round int64) string { return fmt.Sprintf("storm:{%s}:%d", tag, round) }

// session is a connection to one instance.
type session struct {
	conn net.Conn
	in   *bufio.Reader
	// addr is where it was dialled, node the instance's own address.
	addr, node string
	// broken is the first error that was no answer; nothing is asked after it, or a late answer would be taken for the next one.
	broken error
}

func dial(ctx context.Context, addr string) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, clientLimit)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return &session{conn: conn, in: bufio.NewReader(conn), addr: addr}, nil
}

// ask sends one command. An error reply comes as resp.Error; after any other error the session is of no more use, and says so again.
func (s *session) ask(args ...string) ([]string, error) {
	if s.broken != nil {
		return nil, s.broken
	}
	var reply []string
	if reply, s.broken = s.exchange(args); s.broken != nil {
		return nil, s.broken
	}
	if len(reply) == 1 && strings.HasPrefix(reply[0], "-") {
		return nil, resp.Error(reply[0][1:])
	}
	return reply, nil
}

// exchange sends one command and reads what comes back.
func (s *session) exchange(args []string) ([]string, error) {
	if err := s.conn.SetDeadline(time.Now().Add(clientLimit)); err != nil {
		return nil, err
	}
	if _, err := s.conn.Write(resp.Command(args...)); err != nil {
		return nil, err
	}
	return resp.Read(s.in)
}

// run writes until the context ends.
func (c *client) run(ctx context.Context) {
	tick := time.NewTicker(clientPeriod)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			c.hangUp("")
			return
		case <-tick.C:
			c.write(ctx)
		}
	}
}

// hangUp ends the session; the next one goes to an address, or to the next entrance.
func (c *client) hangUp(to string) {
	if c.s != nil {
		c.s.conn.Close()
		c.s = nil
	}
	c.next++
	for i, e := range c.entrances {
		if e == to {
			c.next = i
		}
	}
}

// push appends a value, in the way of the client. An error reply means that it was not appended.
func (c *client) push(key, value string) error {
	push := []string{"RPUSH", key, value}
	switch c.way {
	case script:
		push = []string{"EVAL", pushScript, "1", key, value}
	case transaction:
		if _, err := c.s.ask("MULTI"); err != nil {
			return err
		}
		if _, err := c.s.ask(push...); err != nil {
			return err
		}
		time.Sleep(queuedFor)
		push = []string{"EXEC"}
	}
	_, err := c.s.ask(push...)
	return err
}

// write appends one value, and now and then waits for a replica or reads.
func (c *client) write(ctx context.Context) {
	if c.s == nil {
		s, err := dial(ctx, c.entrances[c.next%len(c.entrances)])
		if err != nil {
			c.hangUp("")
			return
		}
		c.s, s.node = s, c.self(ctx, s)
	}
	c.n++
	w := Write{Key: key(c.tag, c.round.Load()), Value: c.name + "-" + strconv.Itoa(c.n), Sent: host.Now(), Node: c.s.node, Outcome: Acknowledged}
	err := c.push(w.Key, w.Value)
	w.Done = host.Now()
	var no resp.Error
	switch {
	case errors.As(err, &no):
		w.Outcome = Refused
	case err != nil:
		w.Outcome = Unknown
	case c.n%waitEvery == 0:
		reply, err := c.s.ask("WAIT", "1", "200")
		w.Waited = err == nil && len(reply) == 1 && reply[0] != "0"
		if err != nil && !errors.As(err, &no) {
			defer c.hangUp("")
		}
	case c.n%readEvery == 0:
		if reply, err := c.s.ask("LINDEX", w.Key, "-1"); err == nil && len(reply) == 1 && reply[0] != "" {
			c.history.saw(w.Key, reply[0])
		} else if err != nil && !errors.As(err, &no) {
			defer c.hangUp("")
		}
	}
	c.history.add(c.name, w)
	switch {
	case w.Outcome == Unknown:
		c.hangUp("")
	case w.Outcome == Refused:
		to := ""
		// MOVED 3300 192.168.9.70:7000
		if f := strings.Fields(string(no)); len(f) == 3 && f[0] == "MOVED" {
			to = f[2]
		}
		c.hangUp(to)
	}
}

// startClients starts them; they end with the context, and stopped is closed when all have.
func (s *Storm) startClients(ctx context.Context) (stopped chan struct{}) {
	var entrances []string
	self := func(_ context.Context, x *session) string { return x.addr }
	if s.variant.Mode == lab.Replication {
		entrances, self = []string{fmt.Sprintf("%s:%d", lab.VIP, s.lab.Redis1.Ports[0])}, s.whoIs
	} else {
		for _, b := range s.lab.Hosts() {
			entrances = append(entrances, b.Instances()...)
		}
	}
	stopped = make(chan struct{}, len(tags))
	for i, tag := range tags {
		c := &client{name: fmt.Sprintf("c%d", i), tag: tag, way: way(i) % ways, history: s.history, entrances: entrances, next: i,
			round: &s.round, self: self}
		s.clients = append(s.clients, c.name)
		go func() {
			c.run(ctx)
			stopped <- struct{}{}
		}()
	}
	return stopped
}

// whoIs names the instance that a session through the VIP has reached, by the id of its process: both hosts have the same port.
func (s *Storm) whoIs(ctx context.Context, x *session) string {
	reply, err := x.ask("INFO", "server")
	if err != nil || len(reply) != 1 {
		return ""
	}
	id := runID(reply[0])
	s.mu.Lock()
	addr := s.runIDs[id]
	s.mu.Unlock()
	if addr != "" || id == "" {
		return addr
	}
	for _, b := range s.lab.Hosts() {
		for _, a := range b.Instances() {
			if reply, err := resp.Ask(ctx, clientLimit, a, "INFO", "server"); err == nil && len(reply) == 1 {
				s.mu.Lock()
				s.runIDs[runID(reply[0])] = a
				s.mu.Unlock()
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.runIDs[id]
}

func runID(info string) string {
	_, after, _ := strings.Cut(info, "run_id:")
	id, _, _ := strings.Cut(after, "\r")
	return id
}
