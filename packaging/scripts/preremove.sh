#!/bin/sh
# Before the files go. Debian: remove or upgrade; rpm: how many versions remain.
set -e

# A keepalived that cannot run its check takes that for a success: it would hold the VIP whatever became of Redis.
warn_of_running_keepalived() {
    if ! pidof keepalived >/dev/null 2>&1 || ! grep -rqsE '^[^#!]*(chk-redis|notify-redis)' /etc/keepalived --include='*.conf'; then
        return 0
    fi
    cat >&2 <<'TEXT'

!!! WARNING: keepalived runs, and its configuration names the programs that are removed now.
!!! A check that cannot be run counts as a SUCCESS: this host will keep or take the VIP whatever becomes of Redis.
!!! Take chk-redis and notify-redis out of /etc/keepalived, and reload keepalived: now.

TEXT
}

# What redis-initd install has written is no file of this package, and stays.
tell_of_scripts() {
    left=$(grep -lsE '^#!.*redis-initd' /etc/init.d/redis* 2>/dev/null | tr '\n' ' ' || :)
    if [ -n "$left" ]; then
        echo "keepalived-redis: these run redis-initd, and do nothing without it: $left; hint: remove them" >&2
    fi
}

case "$1" in
remove | 0)
    warn_of_running_keepalived
    tell_of_scripts
    ;;
esac
exit 0
