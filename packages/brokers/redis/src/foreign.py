"""A program with redis-py, which knows nothing of Dure: does one thing and prints what came of it as JSON."""
import json
import sys

import redis

_, url, prefix, step = sys.argv
server = redis.Redis.from_url(url, decode_responses=True)


def attributes(fields):
    return {name[3:]: value for name, value in fields.items() if name.startswith("ce_")}


def event(type, key, data, **more):
    named = {"specversion": "1.0", "id": "py-" + key, "source": "legacy", "type": type, "partitionkey": key, **more}
    return {**{"ce_" + name: value for name, value in named.items()}, "data": json.dumps(data)}


def read():
    """Reads a topic from its beginning."""
    messages = []
    for partition in range(4):
        for _, fields in server.xrange(f"{prefix}:topic:{{order.placed}}:{partition}"):
            messages.append({**attributes(fields), "data": json.loads(fields["data"])})
    return messages


def send():
    """An event on a topic and work on a queue."""
    order = {"order": "ö-1"}
    return [
        server.xadd(f"{prefix}:topic:{{payment.settled}}:0", event("payment.settled", "ö-1", order)),
        server.xadd(f"{prefix}:queue:{{refund}}", event("refund", "ö-1", order)),
    ]


def answer():
    """Works on a queue of requests, and answers where the request says."""
    queue = f"{prefix}:queue:{{reserve-stock}}"
    try:
        server.xgroup_create(queue, "receivers", "0", mkstream=True)
    except redis.ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise
    [[_, [[id, fields]]]] = list(dict(server.xreadgroup("receivers", "python", {queue: ">"}, count=1, block=10_000)).items())
    asked = attributes(fields)
    data = {"output": {"left": 10 - json.loads(fields["data"])["quantity"]}}
    to = asked["durereplyto"]
    reply = event(to, asked["partitionkey"], data, causationid=asked["id"], correlationid=asked["correlationid"])
    server.xadd(f"{prefix}:queue:{{{to}}}", reply)
    server.xack(queue, "receivers", id)
    server.xdel(queue, id)
    return to


def lag():
    """What each group has still to read of each partition, as XINFO GROUPS says."""
    found = {}
    for partition in range(4):
        for group in server.xinfo_groups(f"{prefix}:topic:{{order.placed}}:{partition}"):
            found[f"{group['name']}/{partition}"] = group["lag"]
    return dict(sorted(found.items()))


print(json.dumps({"read": read, "send": send, "answer": answer, "lag": lag}[step]()))
