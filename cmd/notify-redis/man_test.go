package main

import (
	"testing"

	"github.com/alecthomas/kong"

	"keepalived-redis/internal/testing/mantest"
)

// The manual page has every flag, and no other.
func TestManualPage(t *testing.T) {
	mantest.Flags(t, "../..", name+".8", nil, kong.Must(&flags{}, kong.Name(name), kong.Vars{"version": ""}))
}
