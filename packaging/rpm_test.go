package packaging_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// rpmScript installs, upgrades and erases a package in a root of its own, over this machine's: rpm with its database, its
// scriptlets and nothing of systemd's. keepalived is there and not as an RPM, hence --nodeps.
const rpmScript = `set -e
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs -o mode=0755 none "$1"
mkdir "$1/up" "$1/work" "$1/root"
mount -t overlay -o lowerdir=/,upperdir="$1/up",workdir="$1/work" overlay "$1/root"
root="$1/root" old="$2" new="$3"
for dir in /etc/keepalived /var/lib/rpm /var/lib/keepalived-redis; do
	mkdir -p "$root$dir"
	mount -t tmpfs -o mode=0755 none "$root$dir"
done
# What this machine may have of an installation by hand.
rpm -qpl --nosignature "$old" | while read -r file; do rm -rf "${root:?}$file"; done
sed -i /^keepalived_script:/d "$root/etc/passwd" "$root/etc/group"
conf="$root/etc/keepalived/keepalived-redis.toml"
rpm="rpm --root $root --nosignature"
step() { echo "== $*"; }

step install
$rpm --install --nodeps "$old"
step verify
$rpm --verify --nodeps keepalived-redis
chroot "$root" chk-redis --version
grep -c ^keepalived_script: "$root/etc/passwd"
[ ! -e "$root/etc/sudoers.d/keepalived-redis" ] || chroot "$root" visudo --check --file=/etc/sudoers.d/keepalived-redis
step edit
sed -i '1i policy = "often"' "$conf"
echo kept > "$root/var/lib/keepalived-redis/state"
step upgrade
$rpm --upgrade --nodeps "$new"
chroot "$root" chk-redis --version
head -n 1 "$conf"
step verify again
$rpm --verify --nodeps keepalived-redis || :
step erase
$rpm --erase --nodeps keepalived-redis
step left
rpm -qpl --nosignature "$new" | while read -r file; do
	if [ -e "$root$file" ]; then echo "$file"; fi
done
ls "$root/etc/keepalived"
cat "$root/var/lib/keepalived-redis/state"
`

func TestRPM(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("rpm --root needs root")
	}
	for _, kind := range []string{"el6", "el7", "el8"} {
		t.Run(kind, func(t *testing.T) {
			out := output(t, "unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", rpmScript, "sh", t.TempDir(), packages(t, "0.1.0", kind), packages(t, "0.2.0", kind))
			parts := map[string]string{}
			for _, part := range strings.Split(out, "== ")[1:] {
				name, text, _ := strings.Cut(part, "\n")
				parts[name] = text
			}
			for name, patterns := range map[string][]string{
				"install": {`Nothing was started, stopped or enabled`, `1\. Copy /usr/share/doc/keepalived-redis/redis1\.conf`, `\n  3\. service keepalived restart`},
				"verify":  {`^v0\.1\.0\n1\n`},
				"upgrade": {`chk-redis --check-config says:\n.*keepalived-redis\.toml:1: key "policy": "often" is not known`, `\nv0\.2\.0\npolicy = "often"\n$`},
				// Nothing but the edited file has changed.
				"verify again": {`^S\.5\S*\s+c /etc/keepalived/keepalived-redis\.toml\n$`},
				"erase":        {`/etc/keepalived/keepalived-redis\.toml saved as /etc/keepalived/keepalived-redis\.toml\.rpmsave\n$`},
				"left":         {`^keepalived-redis\.toml\.rpmsave\nkept\n$`},
			} {
				for _, p := range patterns {
					if !regexp.MustCompile(p).MatchString(parts[name]) {
						t.Errorf("%s: %q does not match %s", name, parts[name], p)
					}
				}
			}
			if kind == "el6" || kind == "el7" {
				if !strings.Contains(parts["verify"], "parsed OK") {
					t.Errorf("sudo: %s", parts["verify"])
				}
			}
		})
	}
}
