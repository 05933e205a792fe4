package host

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"
	"syscall"
	"time"

	"keepalived-redis/lab/resp"
)

// logLine takes a syslog datagram apart: <priority>, an optional time stamp and host name, the program with its pid, the text.
var logLine = regexp.MustCompile(`(?s)^<\d+>(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d )?(?:\S+ )??([^\s:\[]+)(?:\[\d+\])?: (.*)$`)

// watchLog takes what programs write to the socket, reports each line, and appends it to a file.
func (a *agent) watchLog(socket, file string) error {
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("listen on %s: %w", socket, err)
	}
	if err := os.Chmod(socket, 0o666); err != nil {
		return fmt.Errorf("open %s for everybody: %w", socket, err)
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("open %s: %w", file, err)
	}
	go func() {
		buf := make([]byte, 64<<10)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			at := Now()
			e := Event{Kind: EventLog, At: at, Text: strings.TrimRight(string(buf[:n]), "\n\x00")}
			if m := logLine.FindStringSubmatch(e.Text); m != nil {
				e.Program, e.Text = m[1], m[2]
			}
			if len(e.Text) > 16<<10 {
				e.Text = e.Text[:16<<10] + "…"
			}
			fmt.Fprintf(f, "%.6f %s: %s\n", time.Duration(at).Seconds(), e.Program, e.Text)
			a.report(e)
		}
	}()
	return nil
}

// Watching roles: how often an instance is asked, and how long it may take to answer.
const (
	rolePeriod  = 25 * time.Millisecond
	roleTimeout = 500 * time.Millisecond
)

// watchRole asks a local instance for its role over one connection and reports each change. It looks from inside the host,
// so it sees what a host that is cut off believes.
func (a *agent) watchRole(addr string) {
	last := ""
	var conn *roleConn
	for ; ; time.Sleep(rolePeriod) {
		role, c := askRole(conn, addr)
		conn = c
		if role != last {
			last = role
			a.report(Event{Kind: EventRole, Addr: addr, Text: role})
		}
	}
}

// askRole sends ROLE and reads the answer; it dials when conn is nil, and returns nil when the connection is of no more use. A connection
// that was closed says nothing of its server, which may have killed its clients: a new one tells.
func askRole(conn *roleConn, addr string) (string, *roleConn) {
	old := conn != nil
	if !old {
		c, err := net.DialTimeout("tcp", addr, roleTimeout)
		if errors.Is(err, syscall.ECONNREFUSED) {
			return "down", nil
		}
		if err != nil {
			return "hung", nil
		}
		conn = &roleConn{c, bufio.NewReader(c)}
	}
	role, err := conn.role()
	if err == nil {
		return role, conn
	}
	conn.Close()
	var ne net.Error
	switch {
	case errors.As(err, &ne) && ne.Timeout():
		return "hung", nil
	case old:
		return askRole(nil, addr)
	}
	return "down", nil
}

// roleConn is a connection that is asked again and again.
type roleConn struct {
	net.Conn
	in *bufio.Reader
}

func (c *roleConn) role() (string, error) {
	if err := c.SetDeadline(time.Now().Add(roleTimeout)); err != nil {
		return "", err
	}
	if _, err := c.Write([]byte("*1\r\n$4\r\nROLE\r\n")); err != nil {
		return "", err
	}
	reply, err := resp.Read(c.in)
	if err != nil {
		return "", err
	}
	switch {
	case len(reply) > 0 && strings.HasPrefix(reply[0], "-"):
		word, _, _ := strings.Cut(reply[0][1:], " ")
		return strings.ToLower(word), nil
	case len(reply) > 0 && reply[0] == "master":
		return "master", nil
	case len(reply) > 3 && reply[0] == "slave" && reply[3] == "connected":
		return "replica", nil
	case len(reply) > 3 && reply[0] == "slave":
		return "replica-link-down", nil
	default:
		return "unknown", nil
	}
}
