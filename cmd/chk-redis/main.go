// chk-redis is keepalived's vrrp_script, see package check. It is shipped as the quiet check, built with the tag quiet; without the
// tag it is the whole one.
package main

import (
	"os"

	"keepalived-redis/internal/check"
	_ "keepalived-redis/internal/early" // it says why
)

func main() { os.Exit(check.Main(os.Args[1:])) }
