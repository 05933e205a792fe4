// A stand-in for notify-redis as it was when a check was two programs: called chk-redis it is a check, which finds everything well, and else
// a hook, which does nothing here.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// mark tells that this file is a check as well.
const mark = "keepalived-redis/check"

func main() {
	switch {
	case slices.Contains(os.Args, "--version"):
		fmt.Println("v0.0.9")
	case filepath.Base(os.Args[0]) == "chk-redis":
		fmt.Println("healthy: " + mark)
	}
}
