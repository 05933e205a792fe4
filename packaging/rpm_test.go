package packaging_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// rpmScript installs, upgrades, downgrades and erases a package in a root of its own, over this machine's: rpm with its database, its
// scriptlets and nothing of systemd's. keepalived is there and not as an RPM, hence --nodeps. A package whose check is two programs comes in
// between. Meanwhile the check runs again and again, as keepalived runs it, on three instances that are there and on what is configured.
const rpmScript = `set -e
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs -o mode=0755 none "$1"
mkdir "$1/up" "$1/work" "$1/root"
mount -t overlay -o lowerdir=/,upperdir="$1/up",workdir="$1/work" overlay "$1/root"
root="$1/root" old="$2" new="$3" two="$4"
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
step instances
ip link set lo up
mount -t tmpfs -o mode=0755 none "$root/run"
for port in 7000 7001 7002; do
	chroot "$root" redis-server --port $port --bind 127.0.0.1 --save '' --dir /run --logfile /dev/null --daemonize yes
done
sed -i '1i instances = ["127.0.0.1:7000-7002"]' "$conf"
check() { code=0; said=$(chroot "$root" /usr/libexec/keepalived/chk-redis 2>&1) || code=$?; }
tries=0
until check; [ $code = 0 ]; do
	tries=$((tries + 1))
	[ $tries -lt 100 ] || { echo "the check ends with $code: $said"; exit 1; }
	sleep 0.1
done
while [ ! -e "$1/enough" ]; do
	echo >> "$1/looks"
	for file in /usr/libexec/keepalived/chk-redis /usr/libexec/keepalived/notify-redis; do
		[ -x "$root$file" ] || echo "$file is missing"
	done
	[ -L "$root/usr/sbin/chk-redis" ] || echo "/usr/sbin/chk-redis is missing"
	check
	[ $code = 0 ] || echo "the check ends with $code: $said"
	sleep 0.02
done > "$1/holes" &
watch=$!
looks() {
	seen=$(cat "$1/looks" 2>/dev/null | wc -l)
	tries=0
	until [ "$(cat "$1/looks" 2>/dev/null | wc -l)" -ge $((seen + 3)) ]; do
		tries=$((tries + 1))
		[ $tries -lt 300 ] || { echo "nothing looks"; exit 1; }
		sleep 0.1
	done
}
looks "$1"
step two programs
$rpm --upgrade --oldpackage --nodeps "$two"
chroot "$root" chk-redis --version
looks "$1"
step upgrade
$rpm --upgrade --nodeps "$new"
chroot "$root" chk-redis --version
head -n 1 "$conf"
step watch
looks "$1"
touch "$1/enough"
wait $watch
cat "$1/holes"
step edit
sed -i '1c policy = "often"' "$conf"
echo kept > "$root/var/lib/keepalived-redis/state"
step downgrade
$rpm --upgrade --oldpackage --nodeps "$old"
chroot "$root" chk-redis --version
head -n 1 "$conf"
step verify again
$rpm --verify --nodeps keepalived-redis || :
step erase
$rpm --erase --nodeps keepalived-redis
step left
rpm -qpl --nosignature "$old" | while read -r file; do
	if [ -e "$root$file" ]; then echo "$file"; fi
done
ls "$root/etc/keepalived"
cat "$root/var/lib/keepalived-redis/state"
`

func TestRPM(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("rpm --root needs root; hint: run the tests as root")
	}
	for _, kind := range []string{"el6", "el7", "el8"} {
		t.Run(kind, func(t *testing.T) {
			out := output(t, "unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", rpmScript, "sh", t.TempDir(), packages(t, "0.1.0", kind), packages(t, "0.2.0", kind), packages(t, "0.0.9", kind))
			parts := map[string]string{}
			for _, part := range strings.Split(out, "== ")[1:] {
				name, text, _ := strings.Cut(part, "\n")
				parts[name] = text
			}
			for name, patterns := range map[string][]string{
				"install":      {`Nothing was started, stopped or enabled`, `1\. Copy /usr/share/doc/keepalived-redis/redis1\.conf`, `\n  3\. service keepalived restart`},
				"verify":       {`^v0\.1\.0\n1\n`},
				"two programs": {`\nv0\.0\.9\n$`},
				"upgrade":      {`chk-redis --check-config says:\n`, `\nv0\.2\.0\ninstances = .*\n$`},
				// No run of the check met a hole, and each ended as before.
				"watch":     {`^$`},
				"downgrade": {`chk-redis --check-config says:\n.*keepalived-redis\.toml:1: key "policy": "often" is not known`, `\nv0\.1\.0\npolicy = "often"\n$`},
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
