package storm

import (
	"bufio"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"keepalived-redis/lab/resp"
)

// TestLateAnswer: an answer that comes too late must not be taken for that of the next question.
func TestLateAnswer(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	defer ours.Close()
	go func() {
		// What is asked does not matter, and the other side may have gone.
		go func() { _, _ = io.Copy(io.Discard, theirs) }()
		time.Sleep(clientLimit + clientLimit/4)
		_, _ = theirs.Write([]byte(":21\r\n"))
	}()
	s := &session{conn: ours, in: bufio.NewReader(ours)}
	if reply, err := s.ask("INFO", "server"); err == nil {
		t.Fatalf("an answer that has not come is %q", reply)
	}
	if reply, err := s.ask("RPUSH", "k", "v"); err == nil {
		t.Errorf("the late answer %q is taken for that of the next question", reply)
	}
}

// TestWays: whichever way a client writes, a refusal is told as one, also one that comes with EXEC.
func TestWays(t *testing.T) {
	const no = "-MOVED 3300 192.168.9.71:7003\r\n"
	for _, c := range []struct {
		name    string
		way     way
		answers []string
		refused bool
	}{
		{"plain", plain, []string{":1\r\n"}, false},
		{"plain, refused", plain, []string{no}, true},
		{"script", script, []string{":1\r\n"}, false},
		{"script, refused", script, []string{no}, true},
		{"transaction", transaction, []string{"+OK\r\n", "+QUEUED\r\n", "*1\r\n:1\r\n"}, false},
		{"transaction, not queued", transaction, []string{"+OK\r\n", no}, true},
		{"transaction, aborted", transaction, []string{"+OK\r\n", "+QUEUED\r\n", "-EXECABORT Transaction discarded\r\n"}, true},
		{"transaction, refused at EXEC", transaction, []string{"+OK\r\n", "+QUEUED\r\n", "*1\r\n" + no}, true},
	} {
		ours, theirs := net.Pipe()
		go func() {
			in := bufio.NewReader(theirs)
			for _, a := range c.answers {
				if _, err := resp.Read(in); err != nil {
					return
				}
				if _, err := theirs.Write([]byte(a)); err != nil {
					return
				}
			}
			// A command too many is not answered.
			_, _ = resp.Read(in)
			theirs.Close()
		}()
		w := &client{way: c.way, s: &session{conn: ours, in: bufio.NewReader(ours)}}
		err := w.push("k", "v")
		var answer resp.Error
		if c.refused != errors.As(err, &answer) || !c.refused && err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		ours.Close()
	}
}
