// Package packaging has the files of the packages that programs write themselves.
package packaging

import _ "embed" // for the directive below

// RedisTemplate is redis@.service. No package of ours installs it, because packages of Redis may own one; redis-initd install writes
// it to /etc/systemd/system where there is none that serves.
//
//go:embed systemd/redis@.service
var RedisTemplate string
