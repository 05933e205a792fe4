// chk-redis is keepalived's vrrp_script, see package check.
package main

import (
	"os"

	"keepalived-redis/internal/check"
)

func main() { os.Exit(check.Main(os.Args[1:])) }
