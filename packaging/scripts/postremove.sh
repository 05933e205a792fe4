#!/bin/sh
# After the files are gone. Debian: remove, purge, upgrade …; rpm: how many versions remain.
set -e

state=/var/lib/keepalived-redis

# A hook that still runs would write its state once more. It ends by itself within 30 s.
await_hooks() {
    waited=0
    while [ "$waited" -lt 35 ] && pidof chk-redis notify-redis >/dev/null 2>&1; do
        sleep 1
        waited=$((waited + 1))
    done
}

case "$1" in
remove | 0)
    if [ -d /run/systemd/system ]; then
        systemctl --system daemon-reload || :
    fi
    ;;
purge)
    await_hooks
    # State goes. Data sets that a demotion has kept aside are data, and data is nobody's to remove but its owner's.
    rm -rf /run/keepalived-redis
    if [ -d "$state" ]; then
        find "$state" -mindepth 1 -maxdepth 1 ! -name divergent -exec rm -rf {} +
        if [ -d "$state/divergent" ]; then
            rmdir "$state/divergent" 2>/dev/null ||
                echo "keepalived-redis: $state/divergent has data sets that were kept aside, and stays"
        fi
        rmdir "$state" 2>/dev/null || :
    fi
    ;;
esac
exit 0
