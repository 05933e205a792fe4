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
options = {}
if setting == "recommended":
    options = dict(socket_timeout=0.1, socket_connect_timeout=0.1)
    # redis-py 4 tries a node that does not answer five times before it asks another one; this is once.
    RedisCluster.RedisClusterRequestTTL = 1


class Client:
    """The client of this program. One that has failed is replaced: redis-py 4 cannot always learn the cluster again."""

    def __init__(self):
        self.lock, self.cluster = threading.Lock(), None

    def get(self, bad):
        with self.lock:
            if self.cluster is None or bad is not None and self.cluster is bad and setting == "recommended":
                self.cluster = None
                nodes = [ClusterNode(a, int(p)) for a, p in (s.split(":") for s in seeds.split(","))]
                self.cluster = RedisCluster(startup_nodes=nodes, **options)
            return self.cluster


def write(key, client):
    n, bad = 0, None
    while True:
        cluster = None
        try:
            cluster = client.get(bad)
            bad = None
            cluster.set(key, n)
            sys.stdout.write("%s %d\n" % (key, time.monotonic_ns()))
            sys.stdout.flush()
        except ERRORS:
            # Tried again, as a program would that must get its write through.
            bad = cluster
        n += 1
        time.sleep(0.02)


client = Client()
for k in keys.split(","):
    threading.Thread(target=write, args=(k, client), daemon=True).start()
time.sleep(float(seconds))
os._exit(0)
