package machines_test

import (
	"os"
	"strings"
	"testing"

	"keepalived-redis/internal/testing/systemdtest"
	"keepalived-redis/lab/host"
)

// restartedBySudo kills an instance, and has a check that runs as keepalived_script restart it: first with its own rights, which are not
// enough, as refused says, then with root's through sudo.
func (b *machine) restartedBySudo(port, refused string) {
	b.Helper()
	const own = "/tmp/of-the-check"
	b.sh("mkdir -p %s && chown %s %s", own, systemdtest.ScriptUser, own)
	check := func(rights string) (string, error) {
		return b.try("cd / && KEEPALIVED_REDIS_INSTANCES=127.0.0.1:%s KEEPALIVED_REDIS_RUN_DIR=%s KEEPALIVED_REDIS_STATE_DIR=%s KEEPALIVED_REDIS_SERVICE_RIGHTS=%s "+
			"KEEPALIVED_REDIS_TIMES_DEADLINE=30s setpriv --reuid=%s --regid=%s --clear-groups /usr/libexec/keepalived/chk-redis --act; "+
			"code=$?; journalctl --quiet --sync 2>/dev/null; journalctl --quiet --output=cat -t chk-redis 2>/dev/null; exit $code",
			port, own, own, rights, systemdtest.ScriptUser, systemdtest.ScriptUser)
	}
	b.sh("kill -KILL $(redis-cli -p %s info server | sed -n 's/^process_id:\\([0-9]*\\).*/\\1/p')", port)
	b.await("it is dead", "! redis-initd "+port+" status")
	out, err := check("own")
	if err == nil || !strings.Contains(out, refused) {
		b.Errorf("with its own rights: %v: %s", err, out)
	}
	if out, err = check("sudo"); err != nil || !strings.Contains(out, "was dead and has been started") {
		b.Errorf("with sudo: %v: %s", err, out)
	}
	b.sh("redis-initd %s status", port)
	// sudo allows these words and no others.
	if out, err := b.try("setpriv --reuid=%s --regid=%s --clear-groups sudo -n /usr/sbin/redis-initd '%s x' start", systemdtest.ScriptUser, systemdtest.ScriptUser, port); err == nil {
		b.Errorf("sudo allows other words: %s", out)
	}
}

// TestSudo is a machine with systemd where polkit allows nobody anything, as where it cannot tell one unit from another.
func TestSudo(t *testing.T) {
	if os.Geteuid() != 0 || host.Rootless() {
		t.Fatal("a container with systemd needs root; hint: run the tests as root")
	}
	files, programs := shipped(t, "redis1")
	delete(files, "/etc/polkit-1/rules.d/50-keepalived-redis.rules")
	// This machine may have the rule as well, from a package.
	files["/etc/polkit-1/rules.d/00-nobody.rules"] = "polkit.addRule(function (action) { if (action.id === \"org.freedesktop.systemd1.manage-units\") return polkit.Result.NO; });\n"
	delete(files, "/etc/keepalived/keepalived.conf")
	files["/etc/keepalived/keepalived-redis.toml"] = "instances = [\"127.0.0.1:7000-7001\"]\nwitness = \"none\"\n"
	files["/etc/sudoers.d/keepalived-redis"] = systemdtest.Shipped(t, root, "sudoers/keepalived-redis")
	files["/etc/systemd/system/redis@.service.d/test.conf"] = "[Service]\nRestart=no\n" // what died stays dead
	b := &machine{T: t, name: "sudo", ports: []string{"7000"}}
	b.m = systemdtest.Spec{Files: files, Programs: programs, Name: b.name}.Boot(t)
	b.sh("redis-initd create 7000 --bind 10.9.9.1 --vip 10.9.9.9 --no-password && redis-initd install 7000 && redis-initd 7000 start")
	b.restartedBySudo("7000", "may not start redis@7000.service")
	if group := b.sh("cat /proc/%s/cgroup", b.property("redis@7000", "MainPID")); !strings.Contains(group, "redis@7000.service") {
		t.Errorf("the server is in %s", group)
	}
}
