#!/bin/sh
# Before the files come. Debian: install, upgrade; rpm: how many versions will be there.
# In some packages before the first release chk-redis executed notify-redis for most of its work, under the name chk-redis. A check that
# had begun before an upgrade would have met the new notify-redis, which is no check. So their notify-redis takes the name right away, and
# the last check that began otherwise is over before the new files come.
set -e

dir=/usr/libexec/keepalived

if grep -qs keepalived-redis/check $dir/notify-redis; then
    ln -f $dir/notify-redis $dir/chk-redis.next
    mv -f $dir/chk-redis.next $dir/chk-redis
    sleep 1
fi
exit 0
