package program

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestInitSetsUmask(t *testing.T) {
	old := syscall.Umask(0o177)
	defer syscall.Umask(old)
	Init()
	dir := filepath.Join(t.TempDir(), "d")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	fi, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if fi.Mode().Perm() != 0o755 {
		t.Errorf("a directory is made with mode %v, want 0755", fi.Mode().Perm())
	}
}

func TestContextEndsAtDeadline(t *testing.T) {
	ctx, stop := Context(20 * time.Millisecond)
	defer stop()
	if _, ok := ctx.Deadline(); !ok {
		t.Error("the context tells no deadline")
	}
	await(t, ctx)
	if cause := context.Cause(ctx); !errors.Is(cause, ErrDeadline) {
		t.Errorf("cause = %v, want ErrDeadline", cause)
	}
}

func TestContextEndsOnSignal(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		ctx, stop := Context(0)
		if _, ok := ctx.Deadline(); ok {
			t.Error("a context without a deadline tells one")
		}
		if err := syscall.Kill(os.Getpid(), sig); err != nil {
			t.Fatal(err)
		}
		await(t, ctx)
		if cause := context.Cause(ctx); !errors.Is(cause, ErrSignalled) || errors.Is(cause, ErrDeadline) {
			t.Errorf("cause = %v, want ErrSignalled", cause)
		}
		if got, want := fmt.Sprint(context.Cause(ctx)), signalName(sig); !strings.HasSuffix(got, want) {
			t.Errorf("cause = %q does not name %s", got, want)
		}
		stop()
		stop()
	}
}

func TestContextStop(t *testing.T) {
	ctx, stop := Context(time.Hour)
	stop()
	await(t, ctx)
	if cause := context.Cause(ctx); errors.Is(cause, ErrDeadline) || errors.Is(cause, ErrSignalled) {
		t.Errorf("cause = %v", cause)
	}
}

// A signal that came before stop is never lost, however soon stop is called.
func TestContextSignalBeforeStop(t *testing.T) {
	runtime.LockOSThread() // it takes the signal that it sends itself before it goes on
	defer runtime.UnlockOSThread()
	for range 200 {
		ctx, stop := Context(0)
		if err := unix.Tgkill(os.Getpid(), unix.Gettid(), unix.SIGTERM); err != nil {
			t.Fatal(err)
		}
		stop()
		if cause := context.Cause(ctx); !errors.Is(cause, ErrSignalled) {
			t.Fatalf("cause = %v, want ErrSignalled", cause)
		}
	}
}

func await(t *testing.T, ctx context.Context) {
	t.Helper()
	select {
	case <-ctx.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("the context does not end")
	}
}

func TestFail(t *testing.T) {
	bad := errors.New(`line 3: unknown key "vips"; hint: did you mean vip?`)
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{errors.New("no instance"), "chk-redis: no instance\n"},
		{errors.New("ERR \x1b[2J\u009b; hint: \x07 no"), "chk-redis: ERR  [2J \n  hint:   no\n"},
		{bad, "chk-redis: line 3: unknown key \"vips\"\n  hint: did you mean vip?\n"},
		{
			errors.Join(bad, errors.New("line 4: bad port")),
			"chk-redis: line 3: unknown key \"vips\"\n  hint: did you mean vip?\nchk-redis: line 4: bad port\n",
		},
		{
			fmt.Errorf("read: %w", errors.Join(errors.New("a; hint: b"), errors.New("c; hint: d"))),
			"chk-redis: read: a\n  hint: b\nchk-redis: c\n  hint: d\n",
		},
		{errors.New("a\n\nb; hint: c; hint: d"), "chk-redis: a\nchk-redis: b\n  hint: c\n  hint: d\n"},
	} {
		var b strings.Builder
		Fail(&b, "chk-redis", c.err)
		if b.String() != c.want {
			t.Errorf("%v:\ngot  %q\nwant %q", c.err, b.String(), c.want)
		}
	}
}
