package packaging_test

import (
	"regexp"
	"strings"
	"testing"

	"keepalived-redis/internal/testing/systemdtest"
)

// dependsScript installs the package in a Debian that has neither keepalived nor Redis, nor a network: dpkg alone must refuse it, and
// apt find by the package's own words what is to be installed with it. The packages of both are where apt keeps what it has loaded.
const dependsScript = `set -e
mount --make-rprivate /
mount -t tmpfs -o mode=0755 none "$1"
mkdir "$1/up" "$1/work" "$1/root"
mount -t overlay -o lowerdir="$2",upperdir="$1/up",workdir="$1/work" overlay "$1/root"
mount -t proc proc "$1/root/proc"
mount --bind /dev "$1/root/dev"
cp "$3" "$1/root/root/"
printf '#!/bin/sh\nexit 101\n' > "$1/root/usr/sbin/policy-rc.d" # nothing is started where no systemd is
chmod 755 "$1/root/usr/sbin/policy-rc.d"
exec chroot "$1/root" sh -ec '
export DEBIAN_FRONTEND=noninteractive
cd /root
dpkg --purge keepalived redis-server redis-tools > /dev/null 2>&1
echo "== alone"
dpkg --install ./keepalived-redis_*.deb || echo refused
dpkg --purge keepalived-redis > /dev/null 2>&1
echo "== apt"
apt-get install --yes ./keepalived-redis_*.deb
echo "== left"
dpkg-query --show --showformat="\${Package} \${db:Status-Status}\n" keepalived keepalived-redis redis-server
dpkg --audit
dpkg --verify keepalived-redis
chk-redis --version'`

func TestDepends(t *testing.T) {
	root := systemdtest.Debian(t, "../build")
	out := output(t, "unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", dependsScript, "sh", t.TempDir(), root, packages(t, "0.1.0", "deb"))
	parts := map[string]string{}
	for _, part := range strings.Split(out, "== ")[1:] {
		name, text, _ := strings.Cut(part, "\n")
		parts[name] = text
	}
	for name, pattern := range map[string]string{
		"alone": `(?s)depends on keepalived.*not installed.*refused\n$`,
		"apt":   `(?s)NEW packages will be installed:\n.* keepalived keepalived-redis.* redis-server.*Nothing was started, stopped or enabled`,
		"left":  `^keepalived installed\nkeepalived-redis installed\nredis-server installed\nv0\.1\.0\n$`,
	} {
		if !regexp.MustCompile(pattern).MatchString(parts[name]) {
			t.Errorf("%s: %q does not match %s", name, parts[name], pattern)
		}
	}
}
