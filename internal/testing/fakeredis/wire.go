package fakeredis

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
)

var errProtocol = errors.New("not a command")

func (s *Server) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go s.converse(c)
	}
}

// client is one connection to a server. run is nil before the client has given its password.
type client struct {
	*Server
	run *Run
	// hangUp: the connection is closed, without an answer. still: it gets no answer.
	hangUp, still bool
	// multi: a transaction is being queued.
	multi  bool
	queued [][]string
}

// converse answers what one connection asks. What came in one piece is done in one piece, as one program writes it in one system call.
func (s *Server) converse(conn net.Conn) {
	defer conn.Close()
	s.w.mu.Lock()
	s.connections[conn] = true
	s.w.mu.Unlock()
	defer func() {
		s.w.mu.Lock()
		delete(s.connections, conn)
		s.w.mu.Unlock()
	}()
	_ = conn.(*net.TCPConn).SetLinger(0) // no connection stays behind in TIME_WAIT
	c := &client{Server: s}
	in := bufio.NewReader(conn)
	for {
		var batch [][]string
		for len(batch) == 0 || in.Buffered() > 0 {
			args, err := readCommand(in)
			if err != nil {
				return
			}
			batch = append(batch, args)
		}
		answer := c.batch(batch)
		if c.still {
			_, _ = io.Copy(io.Discard, conn)
			return
		}
		if c.hangUp {
			return
		}
		if _, err := io.WriteString(conn, answer); err != nil {
			return
		}
	}
}

// readCommand reads an array of bulk strings.
func readCommand(in *bufio.Reader) ([]string, error) {
	n, err := readHeader(in, '*')
	if err != nil {
		return nil, err
	}
	args := make([]string, n)
	for i := range args {
		size, err := readHeader(in, '$')
		if err != nil {
			return nil, err
		}
		text := make([]byte, size+2)
		if _, err := io.ReadFull(in, text); err != nil {
			return nil, err
		}
		args[i] = string(text[:size])
	}
	return args, nil
}

func readHeader(in *bufio.Reader, kind byte) (int, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return 0, err
	}
	if line[0] != kind {
		return 0, errProtocol
	}
	n, err := strconv.Atoi(strings.TrimSpace(line[1:]))
	if err != nil || n < 0 || n > 1<<20 {
		return 0, errProtocol
	}
	return n, nil
}

// The replies.
const okay, none = "+OK\r\n", "$-1\r\n"

func bulk(text string) string { return "$" + strconv.Itoa(len(text)) + "\r\n" + text + "\r\n" }

func array(elements ...string) string {
	var b strings.Builder
	b.WriteString("*" + strconv.Itoa(len(elements)) + "\r\n")
	for _, e := range elements {
		b.WriteString(bulk(e))
	}
	return b.String()
}

func integer(n int) string { return ":" + strconv.Itoa(n) + "\r\n" }

func failed(text string) string { return "-" + text + "\r\n" }

func number(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

func words(list []int) string {
	text := make([]string, len(list))
	for i, n := range list {
		text[i] = strconv.Itoa(n)
	}
	return strings.Join(text, " ")
}
