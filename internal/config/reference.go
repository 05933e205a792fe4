package config

import "strings"

// Reference is a complete configuration file in which every key is commented out: the key, its default (or an example
// where there is none) and what it does. It means the same as no file.
func Reference() string {
	var b strings.Builder
	b.WriteString(`# keepalived-redis.toml: for chk-redis, notify-redis and redis-initd.
# Every key is optional. What stands behind a # is the default, or an example where it says "Without it".
# Test the file with: chk-redis --check-config
#
# Each key can be overridden in the environment: policy as KEEPALIVED_REDIS_POLICY=stay, deadline below [times] as
# KEEPALIVED_REDIS_TIMES_DEADLINE=900ms; lists are separated by commas. KEEPALIVED_REDIS_CONFIG names another file.
`)
	table := ""
	for i := range keys {
		k := &keys[i]
		if k.table != table {
			table = k.table
			b.WriteString("\n[" + table + "]\n")
		}
		b.WriteString("\n# " + k.doc + "\n#" + k.sample() + "\n")
	}
	return b.String()
}
