package storm

import (
	"bufio"
	"io"
	"net"
	"testing"
	"time"
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
