package redis

import (
	"context"
	"net"
	"os"
	"testing"
	"time"
)

// A process that gets no CPU reads an answer too late. That must not make a living peer a dead one.
func TestSilenceOfALateProcessIsNoProof(t *testing.T) {
	for name, c := range map[string]struct {
		limit time.Duration
		calls int
	}{
		"in time": {time.Minute, 1},
		"late":    {time.Millisecond, 2},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			conn, err := attempts(context.Background(), Limits{Dial: c.limit}, func(context.Context) (net.Conn, error) {
				calls++
				if calls > 1 {
					a, b := net.Pipe()
					t.Cleanup(func() { b.Close() })
					return a, nil
				}
				time.Sleep(5 * time.Millisecond) // the attempt itself: late or in time is a question of the limit
				return nil, os.ErrDeadlineExceeded
			})
			if conn != nil {
				conn.Close()
			}
			if calls != c.calls || (err == nil) != (c.calls > 1) {
				t.Errorf("%d attempts, error %v", calls, err)
			}
		})
	}
}

func TestALateProcessGivesUp(t *testing.T) {
	calls := 0
	_, err := attempts(context.Background(), Limits{Dial: time.Millisecond}, func(context.Context) (net.Conn, error) {
		calls++
		time.Sleep(5 * time.Millisecond)
		return nil, os.ErrDeadlineExceeded
	})
	if calls != lateTries || Classify(err) != Silent {
		t.Errorf("%d attempts, error %v", calls, err)
	}
}
