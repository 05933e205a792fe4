package scripttest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"keepalived-redis/internal/service"
	"keepalived-redis/internal/testing/disktest"
)

// patience is how long a script waits for anything.
const patience = 20 * time.Second

// pollPause is the pause between two looks at what a script waits for.
const pollPause = 5 * time.Millisecond

// commands are what scripts may use beside testscript's own.
var commands = map[string]func(*testscript.TestScript, bool, []string){
	"exits":      exits,
	"within":     within,
	"eventually": eventually,
	"nobody":     nobody,
	"terminate":  terminate,
	"exited":     exited,
	"connected":  connected,
	"serve":      serve,
	"killserver": killServer,
	"freeze":     freeze,
	"thaw":       thaw,
	"await":      await,
	"awaitfile":  awaitFile,
	"pid":        pid,
	"snapshot":   snapshot,
	"append":     appendLine,
	"stat":       stat,
	"disk":       disk,
	"vip":        vip,
	"answer":     answer,
	"issue":      issue,
}

// use ends the script with how a command is used, unless the arguments are at least so many.
func use(ts *testscript.TestScript, neg bool, args []string, least int, usage string) {
	if neg || len(args) < least {
		ts.Fatalf("usage: %s", usage)
	}
}

func number(ts *testscript.TestScript, text string) int {
	n, err := strconv.Atoi(text)
	ts.Check(err)
	return n
}

// until polls until ok, or ends the script.
func until(ts *testscript.TestScript, what string, ok func() bool) {
	for end := time.Now().Add(patience); !ok(); time.Sleep(pollPause) {
		if time.Now().After(end) {
			ts.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// code runs a program and gives its exit code.
func code(ts *testscript.TestScript, args []string) int {
	err := ts.Exec(args[0], args[1:]...)
	if err == nil {
		return 0
	}
	exit, ok := err.(*exec.ExitError)
	if !ok {
		ts.Fatalf("%v: %v", args, err)
	}
	return exit.ExitCode()
}

// Look is the path of a program that a script runs by this name.
func Look(ts *testscript.TestScript, name string) string {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if path := filepath.Join(dir, name); unix.Access(path, unix.X_OK) == nil {
			return path
		}
	}
	ts.Fatalf("%s is not in PATH", name)
	return ""
}

// exits CODE PROGRAM ARGS…: the program ends with just this code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	use(ts, neg, args, 2, "exits CODE PROGRAM ARGS…")
	if got, want := code(ts, args[1:]), number(ts, args[0]); got != want {
		ts.Fatalf("%v exits %d, want %d\n%s%s", args[1:], got, want, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

// within TIME CODE PROGRAM ARGS…: the program ends with this code before the time is over. Other tests run beside it, so it is allowed
// what makes a sleep of that time late, four times, and a quarter of a second: far less than a program takes that waits for what hangs.
// The exact promise of the check is kept by make storm-check.
func within(ts *testscript.TestScript, neg bool, args []string) {
	use(ts, neg, args, 3, "within TIME CODE PROGRAM ARGS…")
	limit, err := time.ParseDuration(args[0])
	ts.Check(err)
	begun := time.Now()
	late := make(chan time.Duration, 1)
	control := exec.Command("sleep", fmt.Sprint(limit.Seconds()))
	ts.Check(control.Start())
	go func() {
		_ = control.Wait() // it can only sleep
		late <- time.Since(begun) - limit
	}()
	exits(ts, false, args[1:])
	took := time.Since(begun)
	if took < limit {
		_ = control.Process.Kill() // nobody waits for it any more
		return
	}
	if allowed := limit + 4*<-late + 250*time.Millisecond; took >= allowed {
		ts.Fatalf("%v took %s, more than %s", args[2:], took, allowed)
	}
}

// eventually CODE PROGRAM ARGS…: the program, run again and again, ends with this code at last.
func eventually(ts *testscript.TestScript, neg bool, args []string) {
	use(ts, neg, args, 2, "eventually CODE PROGRAM ARGS…")
	want := number(ts, args[0])
	until(ts, strings.Join(args, " "), func() bool { return code(ts, args[1:]) == want })
}

// nobody CODE PROGRAM ARGS…: the program, run by the user nobody without any privilege, ends with just this code.
func nobody(ts *testscript.TestScript, neg bool, args []string) {
	use(ts, neg, args, 2, "nobody CODE PROGRAM ARGS…")
	// The directories of the test are its user's own; nobody may pass through, and no more.
	for _, dir := range []string{filepath.Dir(Look(ts, args[1])), ts.Getenv("WORK")} {
		for ; dir != "/"; dir = filepath.Dir(dir) {
			if fi, err := os.Stat(dir); err == nil && fi.Mode().Perm()&0o011 != 0o011 {
				ts.Check(os.Chmod(dir, fi.Mode().Perm()|0o011))
			}
		}
	}
	setpriv := []string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", "--no-new-privs"}
	exits(ts, false, append([]string{args[0]}, append(setpriv, args[1:]...)...))
}

// ended is under what a script keeps the programs that terminate has ended, for exited.
type ended struct{}

// terminate: every program in the background gets SIGTERM.
func terminate(ts *testscript.TestScript, neg bool, args []string) {
	cmds := ts.BackgroundCmds()
	if neg || len(args) > 0 || len(cmds) == 0 {
		ts.Fatalf("usage: terminate, with programs in the background")
	}
	for _, c := range cmds {
		ts.Check(c.Process.Signal(syscall.SIGTERM))
	}
	*ts.Value(ended{}).(*[]*exec.Cmd) = cmds
}

// exited CODE: what terminate has ended, and wait has waited for, ended with just this code.
func exited(ts *testscript.TestScript, neg bool, args []string) {
	use(ts, neg, args, 1, "exited CODE")
	for _, c := range *ts.Value(ended{}).(*[]*exec.Cmd) {
		if got, want := c.ProcessState.ExitCode(), number(ts, args[0]); got != want {
			ts.Fatalf("%v: %v, want exit code %d", c.Args, c.ProcessState, want)
		}
	}
}

// connected PORT: waits until somebody holds a connection to the port.
func connected(ts *testscript.TestScript, neg bool, args []string) {
	use(ts, neg, args, 1, "connected PORT")
	const established = "01"
	port := strconv.FormatInt(int64(number(ts, args[0])), 16)
	until(ts, "a connection to port "+args[0], func() bool {
		text, err := os.ReadFile("/proc/net/tcp")
		ts.Check(err)
		for _, line := range strings.Split(string(text), "\n") {
			if f := strings.Fields(line); len(f) > 3 && strings.HasSuffix(f[2], ":"+strings.ToUpper(port)) && f[3] == established {
				return true
			}
		}
		return false
	})
}

// serve PORT…: starts instances and waits until they answer.
func serve(ts *testscript.TestScript, neg bool, args []string) {
	use(ts, neg, args, 1, "serve PORT…")
	m, err := manager(ts.Getenv("WORK"))
	ts.Check(err)
	for _, arg := range args {
		port := number(ts, arg)
		ts.Check(m.Start(context.Background(), instance(ts.Getenv("WORK"), port)))
		until(ts, arg+" answers", func() bool { return look(port).State.Alive() })
	}
}

// killserver PORT: the server dies.
func killServer(ts *testscript.TestScript, neg bool, args []string) {
	use(ts, neg, args, 1, "killserver PORT")
	ts.Check(kill(ts.Getenv("WORK"), number(ts, args[0])))
}

// running is the process of an instance.
func running(ts *testscript.TestScript, port int) service.State {
	m, err := manager(ts.Getenv("WORK"))
	ts.Check(err)
	return m.Status(context.Background(), instance(ts.Getenv("WORK"), port))
}

// freeze PORT: the server hangs. It returns when the server does, not when the signal is sent.
func freeze(ts *testscript.TestScript, neg bool, args []string) {
	use(ts, neg, args, 1, "freeze PORT")
	s := running(ts, number(ts, args[0]))
	if s.PID == 0 {
		ts.Fatalf("freeze %s: %s", args[0], s.Reason)
	}
	ts.Check(syscall.Kill(s.PID, syscall.SIGSTOP))
	until(ts, args[0]+" stands still", func() bool {
		text, err := os.ReadFile("/proc/" + strconv.Itoa(s.PID) + "/stat")
		ts.Check(err)
		return strings.Contains(string(text), ") T ")
	})
}

// thaw PORT: the server goes on.
func thaw(ts *testscript.TestScript, neg bool, args []string) {
	use(ts, neg, args, 1, "thaw PORT")
	s := running(ts, number(ts, args[0]))
	if s.PID == 0 {
		ts.Fatalf("thaw %s: %s", args[0], s.Reason)
	}
	ts.Check(syscall.Kill(s.PID, syscall.SIGCONT))
}

// await PORT 'STATE': waits until a look finds the instance so, in the words of redis.State.
func await(ts *testscript.TestScript, neg bool, args []string) {
	use(ts, neg, args, 2, "await PORT STATE")
	port := number(ts, args[0])
	until(ts, strings.Join(args, " "), func() bool { return look(port).State.String() == args[1] })
}

// awaitfile FILE TEXT: waits until the file holds the text.
func awaitFile(ts *testscript.TestScript, neg bool, args []string) {
	use(ts, neg, args, 2, "awaitfile FILE TEXT")
	until(ts, args[0]+" holds "+args[1], func() bool {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		return err == nil && strings.Contains(string(text), args[1])
	})
}

// pid VARIABLE PORT: the server's process number, 0 if it does not run.
func pid(ts *testscript.TestScript, neg bool, args []string) {
	use(ts, neg, args, 2, "pid VARIABLE PORT")
	ts.Setenv(args[0], strconv.Itoa(running(ts, number(ts, args[1])).PID))
}

// append FILE LINE: adds a line to a file.
func appendLine(ts *testscript.TestScript, neg bool, args []string) {
	use(ts, neg, args, 2, "append FILE LINE")
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	ts.Check(err)
	_, err = f.WriteString(args[1] + "\n")
	ts.Check(err)
	ts.Check(f.Close())
}

// stat FILE MODE: the file has these permissions, in octal.
func stat(ts *testscript.TestScript, neg bool, args []string) {
	use(ts, neg, args, 2, "stat FILE MODE")
	fi, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := strconv.FormatUint(uint64(fi.Mode().Perm()), 8); got != args[1] {
		ts.Fatalf("%s has mode %s, want %s", args[0], got, args[1])
	}
}

// disk DIR full|read-only|hung|small: puts a disk there on which nothing can be written, or nothing ever comes to an end, or
// that a script can fill.
func disk(ts *testscript.TestScript, neg bool, args []string) {
	use(ts, neg, args, 2, "disk DIR full|read-only|hung|small")
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	if args[1] == "hung" {
		release, err := disktest.Hang(dir)
		ts.Check(err)
		ts.Defer(func() { ts.Check(release()) })
		return
	}
	options := map[string]string{"full": "mode=755,size=4k,nr_inodes=16", "read-only": "mode=755,size=1m", "small": "mode=755,size=4m"}[args[1]]
	ts.Check(unix.Mount("none", dir, "tmpfs", 0, options))
	ts.Defer(func() { ts.Check(unix.Unmount(dir, unix.MNT_DETACH)) })
	switch args[1] {
	case "small":
		return
	case "read-only":
		ts.Check(unix.Mount("none", dir, "tmpfs", unix.MS_REMOUNT|unix.MS_RDONLY, options))
		return
	}
	for err := error(nil); err == nil; {
		err = os.WriteFile(dir+"/filler", make([]byte, 64<<10), 0o644)
	}
}

// vip: the host holds $VIP from now on.
func vip(ts *testscript.TestScript, neg bool, args []string) {
	ip := ts.Getenv("VIP") + "/32"
	ts.Check(ts.Exec("ip", "address", "add", ip, "dev", "lo"))
	ts.Defer(func() { ts.Check(exec.Command("ip", "address", "del", ip, "dev", "lo").Run()) })
}
