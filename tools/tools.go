//go:build tools

// Package tools pins the build tools, so that they stay out of the programs' own module.
package tools

import _ "honnef.co/go/tools/cmd/staticcheck"
