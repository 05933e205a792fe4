// Command lab runs scenarios on two boxes in namespaces of this machine: see package lab.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"keepalived-redis/lab"
	"keepalived-redis/lab/host"
)

func main() {
	os.Exit(host.Main("build/lab/work", run))
}

func run(work string) int {
	ctx := context.Background()
	t0 := time.Now()
	say := func(f string, a ...any) { fmt.Printf("%7.3f "+f+"\n", append([]any{time.Since(t0).Seconds()}, a...)...) }
	setup := lab.OldScripts
	l, err := lab.New(ctx, lab.Options{Root: ".", Build: "build", Work: work, Setup: setup, Say: say, Layout: lab.Layout(os.Args[1])})
	if err == nil {
		say("up: %s", l.Timeline.View())
		err = func() error {
			if err := l.Redis1.StartKeepalived(ctx); err != nil {
				return err
			}
			if err := l.AwaitVIP(ctx, l.Redis1, 10*time.Second); err != nil {
				return err
			}
			out, _, err := l.Redis1.Run(ctx, "sh", "-c", "ip a; ls -la / /etc /dev /usr/libexec/keepalived /usr/sbin/chk-redis; ps -ef; cat /proc/sys/kernel/random/boot_id; ls -l /run/systemd; mount | head -50; ping -c 1 192.168.9.1")
			fmt.Println(out)
			if err != nil {
				return err
			}
			l.Redis1.PowerCut()
			time.Sleep(100 * time.Millisecond)
			say("%s", l.Timeline.View())
			return fmt.Errorf("end")
		}()
	}
	say("closing: %v", err)
	kept, err := l.Close(err)
	say("%s %v", kept, err)
	return 0
}
