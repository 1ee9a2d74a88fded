"""A program with redis-py and pymemcache, which knows nothing of Dure: does one thing and prints what came of it as JSON."""
import json
import sys

import redis
from pymemcache.client.base import Client

_, kind, port, step, *keys = sys.argv


def redis_store():
    server = redis.Redis(port=int(port), decode_responses=True)
    if step == "look":
        found = sorted(server.keys("*"))
        kinds = {key: server.type(key) for key in found}
        return [{"key": key, "kind": kinds[key], "left": server.pttl(key)} for key in found]
    return server.delete(*keys)


def memcached_store():
    server = Client(("127.0.0.1", int(port)))
    if step == "look":
        return [json.loads(server.get(key)) for key in keys]
    return sum(server.delete(key, noreply=False) for key in keys)


print(json.dumps(redis_store() if kind == "redis" else memcached_store()))
