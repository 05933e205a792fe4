package service

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"keepalived-redis/internal/procfs"
)

// child is a redis-server that this process has started. With `daemonize yes` it ends as soon as the server itself has
// gone into the background.
type child struct {
	procfs.Process
	// ended is closed when it has ended; state is set then.
	ended chan struct{}
	state *os.ProcessState
	words *words
}

// launch starts the server and returns once it listens. When the context ends before that, a server that lives counts
// as started: with a slow disk it may take long.
func launch(ctx context.Context, t target, program, base string, as *syscall.Credential) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	log := openLogTail(t.settings.file("logfile", base))
	c, err := spawn(program, t.settings, base, as)
	if err != nil {
		return err
	}
	defer c.words.close()
	// Its title may show another address than ours, and it may take its title before it listens: of what was started from
	// now on, the port tells.
	started := t
	started.Addr = netip.AddrPortFrom(netip.IPv4Unspecified(), t.Addr.Port())
	started.since = c.Start
	missed := 0
	await(ctx, func() bool {
		ended := c.hasEnded()
		p, lives := started.find()
		if !lives && !ended {
			lives, p = true, c.Process
		}
		if lives {
			missed = 0
			return listensAnywhere(p.PID)
		}
		// Once the child has ended, the server that it left behind is in the process table or there is none. A process
		// table is not read in one instant, so one look is not enough.
		missed++
		return missed > 2
	})
	if missed == 0 {
		return nil
	}
	err = c.refusal(t, program, log)
	if as != nil && strings.Contains(err.Error(), "ermission denied") {
		files := strings.TrimSpace(t.settings.dataDir(base) + " " + t.settings.path + " " + t.settings.file("logfile", base))
		return fmt.Errorf("%w; hint: it runs as user %d, who must own its files and reach them: chown -R %d %s", err, as.Uid, as.Uid, files)
	}
	return err
}

// refusal is why the server is not there, in its own words.
func (c *child) refusal(t target, program string, log *logTail) error {
	said := summary(c.words.all())
	if said == "" {
		said = summary(log.added())
	}
	if said != "" {
		return fmt.Errorf("%s ended: %s", filepath.Base(program), said)
	}
	how := "without a word"
	if c.hasEnded() && c.state != nil && !c.state.Success() {
		how += " (" + c.state.String() + ")"
	}
	return fmt.Errorf("%s ended %s; hint: run it by hand to see why: %s %s --daemonize no", filepath.Base(program), how, program, t.settings.path)
}

// spawning keeps the process-wide settings that a child inherits as they must be while one is made.
var spawning sync.Mutex

// spawn starts redis-server so that it survives us.
//
// A session of its own takes it out of the process group that keepalived kills with the check. The configuration is used
// as it is: `--daemonize` on the command line would be written into the file by the next CONFIG REWRITE and break the
// init script or unit that the file was made for. So the server is our child (daemonize no) until we end and init
// adopts it, or the child of a child (daemonize yes). Its output goes to us for as long as we look; later lines are lost,
// as they would be in /dev/null: Redis ignores the broken pipe, and from its first instruction on, because we do.
func spawn(program string, conf settings, base string, as *syscall.Credential) (*child, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("start redis-server: %w", err)
	}
	defer null.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start redis-server: %w", err)
	}
	defer w.Close()
	attr := &os.ProcAttr{Dir: base, Env: environment(), Files: []*os.File{null, w, w}, Sys: &syscall.SysProcAttr{Setsid: true, Credential: as}}
	proc, err := fork(program, []string{program, conf.path}, attr, conf)
	if err != nil {
		r.Close()
		return nil, fmt.Errorf("start %s: %w; hint: set service.server to the redis-server program", program, err)
	}
	c := &child{Process: procfs.Process{PID: proc.Pid}, ended: make(chan struct{}), words: hear(r)}
	// Until it is waited for it stays in the process table, also when it has ended.
	if p, err := procfs.Read(proc.Pid); err == nil {
		c.Process = p
	}
	go func() {
		// An error leaves the state empty, and that is what is looked at.
		c.state, _ = proc.Wait()
		close(c.ended)
	}()
	return c, nil
}

func fork(program string, argv []string, attr *os.ProcAttr, conf settings) (*os.Process, error) {
	spawning.Lock()
	defer spawning.Unlock()
	// keepalived runs its scripts under umask 0177: the server could not enter a directory that it makes.
	defer syscall.Umask(syscall.Umask(0o022))
	defer conf.raise()()
	if !signal.Ignored(syscall.SIGPIPE) {
		signal.Ignore(syscall.SIGPIPE)
		defer signal.Reset(syscall.SIGPIPE)
	}
	return os.StartProcess(program, argv, attr)
}

func (c *child) hasEnded() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

// searched are the directories where redis-server is looked for when PATH does not have it: keepalived and init give
// their scripts a short one.
var searched = []string{"/usr/local/bin", "/usr/local/sbin", "/usr/bin", "/usr/sbin", "/bin", "/sbin"}

// lookUp finds the server program. Where redis-server is asked for and only Valkey is installed, that is it.
func lookUp(name string) (string, error) {
	if strings.Contains(name, "/") {
		if _, err := exec.LookPath(name); err != nil {
			return "", fmt.Errorf("%s is %w (%w); hint: set service.server to the redis-server program", name, ErrNotInstalled, errors.Unwrap(err))
		}
		return filepath.Abs(name)
	}
	names := []string{name}
	if name == "redis-server" {
		names = append(names, "valkey-server")
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil && filepath.IsAbs(path) {
			return path, nil
		}
		for _, dir := range searched {
			if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
				return path, nil
			}
		}
	}
	return "", fmt.Errorf("%s is %w; hint: install it, or set service.server", name, ErrNotInstalled)
}

// environment is what the server gets of ours: keepalived's, a person's or a test's variables are none of its business.
func environment() []string {
	env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if name == "LANG" || name == "TZ" || strings.HasPrefix(name, "LC_") {
			env = append(env, entry)
		}
	}
	return env
}
