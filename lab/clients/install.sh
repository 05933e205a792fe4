#!/bin/sh
# What bench-clients runs beside the lab's own programs, into DIR: Node.js and redis-py from the distribution, ioredis as
# lab/clients/ioredis/package-lock.json pins it.
set -e
dir=$1
here=$(dirname "$0")
missing=
command -v node >/dev/null || missing="$missing nodejs"
command -v npm >/dev/null || missing="$missing npm"
/usr/bin/python3 -c 'import redis.cluster' 2>/dev/null || missing="$missing python3-redis"
if [ -n "$missing" ]; then
	if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
		echo "bench-clients: missing:$missing; hint: sudo apt-get install$missing" >&2
		exit 1
	fi
	echo "installing$missing"
	apt-get install --yes --quiet --no-install-recommends $missing >/dev/null ||
		{ apt-get update --quiet >/dev/null && apt-get install --yes --quiet --no-install-recommends $missing >/dev/null; }
fi
mkdir -p "$dir"
cp "$here/ioredis/package.json" "$here/ioredis/package-lock.json" "$dir/"
npm ci --prefix "$dir" --no-audit --no-fund --silent
