package redis

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"keepalived-redis/internal/model"
)

// says sends the text to whoever connects and then does as told: stays, or hangs up.
func says(t *testing.T, text string, stays bool) Target {
	t.Helper()
	return listen(t, func(c net.Conn) {
		io.WriteString(c, text)
		if stays {
			io.Copy(io.Discard, c)
		}
	})
}

// pours sends the text again and again for as long as somebody reads.
func pours(t *testing.T, text string) Target {
	t.Helper()
	return listen(t, func(c net.Conn) {
		for block := []byte(strings.Repeat(text, 64<<10/len(text))); ; {
			if _, err := c.Write(block); err != nil {
				return
			}
		}
	})
}

// TestLookAtWhatIsNoRedis: whatever listens there, a look ends within its limits, with a state that fits.
func TestLookAtWhatIsNoRedis(t *testing.T) {
	const pong, info = "+PONG\r\n", "$13\r\nrole:master\r\n\r\n"
	for name, c := range map[string]struct {
		target Target
		want   model.State
	}{
		"closes at once":                 {says(t, "", false), model.Dropped},
		"accepts and never answers":      {says(t, "", true), model.Stalled},
		"half a reply, then silence":     {says(t, "+PO", true), model.Stalled},
		"half a reply, then the end":     {says(t, "+PO", false), model.Dropped},
		"http":                           {says(t, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", false), model.NotRedis},
		"ssh":                            {says(t, "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", true), model.NotRedis},
		"smtp":                           {says(t, "220 mail.example ESMTP\r\n", true), model.NotRedis},
		"telnet":                         {says(t, "\xff\xfd\x18\xff\xfd\x20\r\n", true), model.NotRedis},
		"a reply without its carriage":   {says(t, "+PONG\n", true), model.NotRedis},
		"an alert of TLS":                {says(t, "\x15\x03\x03\x00\x02\x02\x0a", true), model.WantsTLS},
		"an empty line":                  {says(t, "\r\n", true), model.NotRedis},
		"a wrong word":                   {says(t, "+PANG\r\n"+info+info, false), model.NotRedis},
		"endless, without a line":        {pours(t, "garbage "), model.NotRedis},
		"endless, a simple string":       {pours(t, "+"), model.NotRedis},
		"endless errors":                 {pours(t, "-ERR unknown command\r\n"), model.OtherError},
		"endless pongs":                  {pours(t, "+PONG\r\n"), model.NotRedis},
		"zeros":                          {pours(t, "\x00"), model.NotRedis},
		"promises a terabyte":            {says(t, pong+"$1099511627776\r\n", true), model.NotRedis},
		"promises more than a number":    {says(t, pong+"$99999999999999999999\r\n", true), model.NotRedis},
		"promises to be endless":         {says(t, pong+"$4000000\r\n"+strings.Repeat("x", 9000), true), model.Stalled},
		"a list as long as the world":    {says(t, "*2147483647\r\n", true), model.NotRedis},
		"a map as long as the world":     {says(t, "%2147483647\r\n", true), model.NotRedis},
		"a push as long as the world":    {says(t, ">2147483647\r\n", true), model.NotRedis},
		"lists in lists":                 {pours(t, "*1\r\n"), model.NotRedis},
		"a length below nothing":         {says(t, pong+"$-7\r\n", true), model.NotRedis},
		"a bulk of another length":       {says(t, pong+"$3\r\nabcdef\r\n", true), model.NotRedis},
		"INFO is a simple string":        {says(t, pong+pong+info, true), model.NotRedis},
		"PING is INFO":                   {says(t, info+info+info, true), model.NotRedis},
		"half the answers, then the end": {says(t, pong+info, false), model.Dropped},
		"full, and hangs up":             {says(t, "-ERR max number of clients reached\r\n", false), model.TooManyClients},
		"full of cluster links as well":  {says(t, "-ERR max number of clients + cluster connections reached\r\n", false), model.TooManyClients},
		"protected, and hangs up":        {says(t, "-DENIED Redis is running in protected mode because protected mode is enabled\r\n", false), model.Denied},
		// It asked for a password and then died: that is no sign of life.
		"asks for a password and dies": {says(t, "-NOAUTH HELLO must be called with the client already authenticated\r\n", false), model.Dropped},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			got := LookAt(ctx, c.target, quick)
			if got.State != c.want {
				t.Errorf("state is %q, want %q (%.200v)", got.State, c.want, got.Err)
			}
			// HELLO, its AUTH and the pipeline may each take one limit; a busy machine the rest.
			if got.Took > 3*time.Second {
				t.Errorf("it took %s", got.Took)
			}
		})
	}
}

// session answers AUTH, where it comes, and the three questions as a recorded server did, in pieces of at most so many bytes.
func session(t *testing.T, piece int, replies ...[]byte) Target {
	t.Helper()
	return listen(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		for _, reply := range replies {
			if !skipCommand(r) {
				return
			}
			for len(reply) > 0 {
				n := min(piece, len(reply))
				if _, err := c.Write(reply[:n]); err != nil {
					return
				}
				reply = reply[n:]
			}
		}
		io.Copy(io.Discard, r)
	})
}

// TestLookAtEachVersion replays whole conversations with each recorded server, in one piece and byte by byte.
func TestLookAtEachVersion(t *testing.T) {
	patient := Limits{Dial: time.Second, Reply: 5 * time.Second}
	for _, server := range servers(t, "cluster-replica.cluster-nodes") {
		for _, piece := range []int{1 << 20, 1} {
			t.Run(fmt.Sprint(server, " in pieces of ", piece), func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
				defer cancel()
				got := LookAt(ctx, session(t, piece, recorded(t, server, "replica-up.ping"),
					recorded(t, server, "cluster-replica.info"), recorded(t, server, "cluster-replica.cluster-nodes")), patient)
				self, ok := got.Self()
				if got.State != model.Up || got.Err != nil || got.Role() != model.Replica || !got.Info.Cluster || len(got.Nodes) != 6 || !ok || self.Role != model.Replica {
					t.Fatalf("%+v", got)
				}
				master, ok := got.Nodes.ByID(self.MasterID)
				if !ok || master.Addr != got.Info.Master || len(master.Slots) != 1 || got.Nodes.HighestEpoch() < 3 {
					t.Errorf("its master is %+v, INFO says %s", master, got.Info.Master)
				}
			})
		}
	}
}

func TestLookAtWithAPassword(t *testing.T) {
	for _, server := range servers(t, "auth.auth-wrong") {
		noAuth := recorded(t, server, "auth.ping-noauth")
		rest := [][]byte{recorded(t, server, "master.info"), []byte("-ERR This instance has cluster support disabled\r\n")}
		for name, c := range map[string]struct {
			user    string
			replies [][]byte
			want    model.State
			info    bool
		}{
			"right":              {"", append([][]byte{recorded(t, server, "auth.auth-ok"), recorded(t, server, "auth.ping")}, rest...), model.Up, true},
			"wrong":              {"", [][]byte{recorded(t, server, "auth.auth-wrong"), noAuth, noAuth, noAuth}, model.WrongPassword, false},
			"wrong, with a user": {"watch", [][]byte{recorded(t, server, "auth.auth2-wrong"), noAuth, noAuth, noAuth}, model.WrongPassword, false},
			// It says so, and answers all the same: before 6.0, and since.
			"not needed":     {"", append([][]byte{[]byte("-ERR Client sent AUTH, but no password is set\r\n"), recorded(t, server, "master.ping")}, rest...), model.Up, true},
			"not needed now": {"", append([][]byte{[]byte("-ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?\r\n"), recorded(t, server, "master.ping")}, rest...), model.Up, true},
		} {
			t.Run(server+" "+name, func(t *testing.T) {
				target := session(t, 1<<20, c.replies...)
				target.Username, target.Password = c.user, "swordfish"
				ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
				defer cancel()
				got := LookAt(ctx, target, quick)
				if got.State != c.want || (got.Info != nil) != c.info {
					t.Errorf("state is %q, want %q (%v), INFO %v", got.State, c.want, got.Err, got.Info)
				}
				if got.Err != nil && strings.Contains(got.Err.Error(), "swordfish") {
					t.Errorf("the password is in %q", got.Err)
				}
			})
		}
	}
}

// A user who may PING and not ask INFO is one of whom an operator must hear.
func TestLookAtWithoutPermission(t *testing.T) {
	const noPerm = "-NOPERM User watch has no permissions to run the 'info' command\r\n"
	info, nodes := recorded(t, "redis-7.4.1", "cluster-master.info"), recorded(t, "redis-7.4.1", "cluster-master.cluster-nodes")
	for name, c := range map[string]struct {
		info, nodes []byte
		want        model.State
		told        bool
	}{
		"everything":            {info, nodes, model.Up, false},
		"no INFO":               {[]byte(noPerm), nodes, model.NoPerm, true},
		"no CLUSTER":            {info, []byte(noPerm), model.NoPerm, true},
		"no CLUSTER, no need":   {recorded(t, "redis-7.4.1", "master.info"), []byte(noPerm), model.Up, false},
		"INFO has another name": {[]byte("-ERR unknown command 'info'\r\n"), nodes, model.Up, true},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			got := LookAt(ctx, replay(t, []byte("+PONG\r\n"), c.info, c.nodes), quick)
			if got.State != c.want || (got.Err != nil) != c.told {
				t.Errorf("state is %q, want %q (%v)", got.State, c.want, got.Err)
			}
		})
	}
}

// A server that is full writes its sentence and hangs up, perhaps before we have written anything: a write to a unix
// socket fails then, and what it said must still be read.
func TestPartingWordsBeforeOurs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "full.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			io.WriteString(c, "-ERR max number of clients reached\r\n")
			c.Close()
		}
	}()
	for range 50 { // now we are first with our words, and now the server is
		if got := LookAt(context.Background(), Target{Instance: model.Instance{Socket: path}}, quick); got.State != model.TooManyClients {
			t.Fatalf("state is %q (%v)", got.State, got.Err)
		}
	}
}

// Our own lack of time, files or ports says nothing of a peer: it must not become a silent one, or it is taken over.
func TestOurOwnLackIsNoSilence(t *testing.T) {
	over, cancel := context.WithCancel(context.Background())
	cancel()
	late, cancelLate := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
	defer cancelLate()
	soon, cancelSoon := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancelSoon()
	silent := Target{Instance: model.At(deaf(t))}
	for name, c := range map[string]struct {
		ctx  context.Context
		want model.State
	}{
		"cancelled":                     {over, model.Unseen},
		"too late":                      {late, model.Unseen},
		"the time ends during the dial": {soon, model.Unseen},
		"time enough":                   {context.Background(), model.Silent},
	} {
		if got := LookAt(c.ctx, silent, quick); got.State != c.want || got.Err == nil {
			t.Errorf("%s: state is %q, want %q (%v)", name, got.State, c.want, got.Err)
		}
	}
	for errno, want := range map[syscall.Errno]model.State{
		syscall.ECONNREFUSED: model.Refused, syscall.ENOENT: model.Refused, syscall.ETIMEDOUT: model.Silent, syscall.EHOSTUNREACH: model.Silent, syscall.ENETUNREACH: model.Silent,
		syscall.EMFILE: model.Unseen, syscall.ENFILE: model.Unseen, syscall.ENOBUFS: model.Unseen, syscall.ENOMEM: model.Unseen, syscall.EADDRNOTAVAIL: model.Unseen,
	} {
		err := connError{&net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", errno)}}
		if got := Classify(fmt.Errorf("look: %w", err)); got != want {
			t.Errorf("%v: state is %q, want %q", errno, got, want)
		}
	}
}

func TestSocketStates(t *testing.T) {
	dir := t.TempDir()
	stale := filepath.Join(dir, "stale.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: stale, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	full := filepath.Join(dir, "full.sock")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		t.Cleanup(func() { unix.Close(fd) })
		err = errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: full}), unix.Listen(fd, 0))
	}
	if err != nil {
		t.Fatal(err)
	}
	first, err := net.Dial("unix", full) // the one place in the queue
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	for path, want := range map[string]model.State{stale: model.Refused, full: model.Stalled, filepath.Join(dir, "none.sock"): model.Refused} {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		if got := LookAt(ctx, Target{Instance: model.Instance{Socket: path}}, quick); got.State != want {
			t.Errorf("%s: state is %q, want %q (%v)", filepath.Base(path), got.State, want, got.Err)
		}
		cancel()
	}
	err = connError{&net.OpError{Op: "dial", Net: "unix", Err: fs.ErrPermission}}
	if got := Classify(err); got != model.Unseen {
		t.Errorf("a socket that is not ours to use: state is %q", got)
	}
}

// go-redis must not end a dial before ours does: its error would not say that nobody answered.
func TestTheLibraryWaitsForOurDial(t *testing.T) {
	c := Open(Target{}, quick)
	defer c.Close()
	if got := c.client.Options().DialTimeout; got <= quick.Dial {
		t.Errorf("the dial ends after %s, ours after %s", got, quick.Dial)
	}
}

func TestWriteRuleUnknown(t *testing.T) {
	c := Open(replay(t, []byte("-ERR unknown command 'hello'\r\n"), []byte("*0\r\n")), quick)
	defer c.Close()
	if v, err := c.WriteRule(context.Background()); !errors.Is(err, ErrNoSetting) {
		t.Errorf("got %v, %v", v, err)
	}
}
