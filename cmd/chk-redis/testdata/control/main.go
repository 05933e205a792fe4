// control DURATION ends after that time and does nothing else. How late it is, is what the machine makes of a deadline.
package main

import (
	"fmt"
	"os"
	"time"
)

func main() {
	begun := time.Now()
	d, err := time.ParseDuration(os.Args[1])
	if err != nil {
		panic(err)
	}
	time.Sleep(time.Until(begun.Add(d)))
	fmt.Println("time is up")
}
