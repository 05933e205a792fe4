package scripttest

import (
	"bytes"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// snapshot FILE: writes down all that a run could change: the files of the script's directory with their modes, times and
// contents, and what the instances and their processes say of themselves.
func snapshot(ts *testscript.TestScript, neg bool, args []string) {
	use(ts, neg, args, 1, "snapshot FILE")
	work := ts.Getenv("WORK")
	var b strings.Builder
	ts.Check(filepath.WalkDir(work, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(work, path)
		if err != nil || name == "." || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "snapshot-") {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s %s %s\n", fi.Mode(), fi.ModTime().Format("15:04:05.000000000"), name)
		if fi.Mode().IsRegular() {
			text, err := os.ReadFile(path)
			fmt.Fprintf(&b, "%q\n", text)
			return err
		}
		return nil
	}))
	for _, variable := range []string{"PORT1", "PORT2"} {
		port := ts.Getenv(variable)
		fmt.Fprintf(&b, "%s is process %d\n", variable, running(ts, number(ts, port)).PID)
		for _, question := range []string{"config get *", "role", "config get min-slaves-to-write", "cluster nodes"} {
			out, err := exec.Command("redis-cli", append([]string{"-t", "1", "-p", port}, strings.Fields(question)...)...).CombinedOutput()
			fmt.Fprintf(&b, "%s %s: %v\n%s", variable, question, err != nil, steady(question, string(out)))
		}
	}
	if !strings.HasPrefix(args[0], "snapshot-") {
		ts.Fatalf("name it snapshot-…, or the next one holds it")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(b.String()), 0o644))
}

// steady leaves out what changes by itself: offsets, and the times of cluster nodes' pings.
func steady(question, out string) string {
	lines := strings.Split(out, "\n")
	switch question {
	case "role":
		return strings.Join(lines[:min(1, len(lines))], "\n") + "\n"
	case "cluster nodes":
		for i, line := range lines {
			if f := strings.Fields(line); len(f) > 7 {
				lines[i] = strings.Join(append(f[:4:4], f[6:]...), " ")
			}
		}
	}
	return strings.Join(lines, "\n")
}

// answer [ADDRESS:]PORT [TEXT]: something that is not Redis listens there, and answers every command with the text, or closes every
// connection.
func answer(ts *testscript.TestScript, neg bool, args []string) {
	use(ts, neg, args, 1, "answer [ADDRESS:]PORT [TEXT]")
	address := args[0]
	if !strings.Contains(address, ":") {
		address = "127.0.0.1:" + address
	}
	l, err := net.Listen("tcp", address)
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if len(args) < 2 {
				c.Close()
				continue
			}
			go func() {
				defer c.Close()
				buf := make([]byte, 4096)
				for {
					n, err := c.Read(buf)
					if err != nil {
						return
					}
					commands := max(1, bytes.Count(buf[:n], []byte("*"))) // one answer to each
					if _, err := c.Write(bytes.Repeat([]byte(args[1]+"\r\n"), commands)); err != nil {
						return
					}
				}
			}()
		}
	}()
}
