#!/bin/bash
for port in @PORTS@
do
    count=`ps -ef | grep ":$port" | grep -v grep | wc -l`
    if [ $count -eq 0 ]; then
        /etc/init.d/redis$port start
    fi
done
