// control DURATION ends after that time and does nothing else. How late it is, is what the machine makes of a deadline.
// It starts as chk-redis does, with the same packages, because the machine takes its time for that as well.
package main

import (
	"fmt"
	"os"
	"time"

	_ "github.com/alecthomas/kong"

	_ "keepalived-redis/internal/loop"
	"keepalived-redis/internal/program"
)

func main() {
	program.Init()
	begun := time.Now()
	d, err := time.ParseDuration(os.Args[1])
	if err != nil {
		panic(err)
	}
	time.Sleep(time.Until(begun.Add(d)))
	fmt.Println("time is up")
}
