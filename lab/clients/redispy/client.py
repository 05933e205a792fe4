"""Writes with redis-py: client.py SETTING SECONDS SEEDS KEYS. Prints "KEY NANOSECONDS" for each write that went well."""
import logging
import os
import sys
import threading
import time

from redis.cluster import ClusterNode, RedisCluster
from redis.exceptions import RedisClusterException, RedisError

# The second is not one of the first.
ERRORS = (RedisError, RedisClusterException)

logging.disable(logging.CRITICAL)
setting, seconds, seeds, keys = sys.argv[1:]
nodes = [ClusterNode(a, int(p)) for a, p in (s.split(":") for s in seeds.split(","))]
options = {}
if setting == "recommended":
    options = dict(socket_timeout=0.1, socket_connect_timeout=0.1)
    # redis-py 4 tries a node that does not answer five times before it asks another one; this is once.
    RedisCluster.RedisClusterRequestTTL = 1


def write(key):
    n, cluster = 0, None
    while True:
        try:
            cluster = cluster or RedisCluster(startup_nodes=nodes, **options)
            cluster.set(key, n)
            sys.stdout.write("%s %d\n" % (key, time.monotonic_ns()))
            sys.stdout.flush()
        except ERRORS:
            # Tried again, as a program would that must get its write through. redis-py 4 cannot always learn the cluster anew;
            # a new client can, and asks the VIP first.
            if setting == "recommended":
                cluster = None
        n += 1
        time.sleep(0.02)


for k in keys.split(","):
    threading.Thread(target=write, args=(k,), daemon=True).start()
time.sleep(float(seconds))
os._exit(0)
