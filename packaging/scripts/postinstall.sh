#!/bin/sh
# After the files are there. Debian: configure [OLD VERSION]; rpm: how many versions are installed now.
# It starts, stops and enables nothing, and never fails: a package must not be half there because of a hint.
set -e

conf=/etc/keepalived/keepalived.conf
doc=/usr/share/doc/keepalived-redis
account=keepalived_script

# keepalived 2 runs the scripts of a file that names no script_user as this account, as soon as it exists, and they would
# lose their rights at its next reload. So it is made only where no file relies on its absence.
make_account() {
    if getent passwd $account >/dev/null 2>&1; then
        return 0
    fi
    if [ -e $conf ] && ! grep -rqsE '^[[:space:]]*script_user[[:space:]]' /etc/keepalived &&
        grep -rqsE '^[[:space:]]*(vrrp_script|notify)' /etc/keepalived --include='*.conf'; then
        echo "keepalived-redis: the account $account is not made: $conf names no script_user, and its scripts would"
        echo "  run as that account from then on; hint: add \"script_user root\" to global_defs"
        return 0
    fi
    shell=/sbin/nologin
    [ -x $shell ] || shell=/usr/sbin/nologin
    useradd --system --user-group --no-create-home --home-dir / --shell $shell $account ||
        echo "keepalived-redis: the account $account could not be made; only checks that do not run as root need it"
}

reload() {
    if [ -d /run/systemd/system ]; then
        systemctl --system daemon-reload || echo "keepalived-redis: systemctl daemon-reload failed; hint: run it by hand"
    fi
}

first_install() {
    examples=$doc
    [ ! -d $doc/examples ] || examples=$doc/examples
    restart="service keepalived restart"
    [ ! -d /run/systemd/system ] || restart="systemctl restart keepalived"
    echo "keepalived-redis is installed. Nothing was started, stopped or enabled. What is next:"
    if [ -e $conf ]; then
        echo "  1. Take over from $examples/redis1.conf what $conf lacks: vrrp_script,"
        echo "     track_script and the notify lines."
    else
        echo "  1. Copy $examples/redis1.conf (on the other host redis2.conf) to"
        echo "     $conf, and change the lines that end in # CHANGE."
    fi
    echo "  2. Name the instances of this host in /etc/keepalived/keepalived-redis.toml; test: chk-redis --check-config"
    echo "  3. $restart (the manual pages: chk-redis(8), redis-initd(8))"
}

# A configuration that the new version reads differently is said now, not when a host dies.
upgrade() {
    echo "keepalived-redis: chk-redis --check-config says:"
    /usr/libexec/keepalived/chk-redis --check-config 2>&1 || :
}

case "$1" in
configure)
    make_account
    reload
    if [ -z "$2" ]; then first_install; else upgrade; fi
    ;;
1)
    make_account
    reload
    if [ -d /run/systemd/system ]; then
        systemctl preset keepalived-redis.target >/dev/null 2>&1 || :
    fi
    first_install
    ;;
[2-9] | [1-9][0-9]*)
    reload
    upgrade
    ;;
esac
exit 0
