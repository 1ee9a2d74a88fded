"""A program with nats-py, which knows nothing of Dure: does one thing and prints what came of it as JSON."""
import asyncio
import json
import sys
from urllib.parse import quote, unquote

import nats

_, url, prefix, step = sys.argv


def attributes(message):
    return {name[3:]: unquote(value) for name, value in message.headers.items() if name.lower().startswith("ce-")}


def event(type, key, **more):
    named = {"specversion": "1.0", "id": "py-" + key, "source": "legacy", "type": type, "partitionkey": key, **more}
    return {"ce-" + name: quote(value, safe="/:") for name, value in named.items()}


async def read(js):
    """Reads a topic from its beginning."""
    messages = []
    consumer = await js.subscribe(f"{prefix}.topic.order_x2e_placed.*", ordered_consumer=True)
    for _ in range(4):
        message = await consumer.next_msg(timeout=5)
        messages.append({**attributes(message), "data": json.loads(message.data)})
    return messages


async def send(js):
    """An event on a topic and work on a queue, each acknowledged."""
    acks = []
    for subject, type, data in (("topic.payment_x2e_settled.0", "payment.settled", {"order": "ö-1"}), ("queue.refund.0", "refund", {"order": "ö-1"})):
        ack = await js.publish(f"{prefix}.{subject}", json.dumps(data).encode(), headers=event(type, "ö-1"))
        acks.append(ack.stream)
    return acks


async def answer(js):
    """Works on a queue of requests, and answers where the request says."""
    worker = await js.pull_subscribe_bind("work", f"{prefix}-queue-reserve-stock")
    [request] = await worker.fetch(1, timeout=10)
    asked = attributes(request)
    headers = event(asked["durereplyto"], asked["partitionkey"], causationid=asked["id"], correlationid=asked["correlationid"])
    data = {"output": {"left": 10 - json.loads(request.data)["quantity"]}}
    subject = "".join(c if c.isalnum() or c in "_-" else f"_x{ord(c):x}_" for c in asked["durereplyto"])
    await js.publish(f"{prefix}.queue.{subject}.0", json.dumps(data).encode(), headers=headers)
    await request.ack_sync()
    return asked["durereplyto"]


async def lag(js):
    """What each group has still to read of each partition, as the server says of its consumers."""
    found = {}
    for consumer in await js._jsm.consumers_info(f"{prefix}-topic-order_x2e_placed"):
        told = consumer.config.metadata or {}
        if "dure-group" not in told:
            continue
        place = f"{told['dure-group']}/{told['dure-partition']}"
        turn = (int(told["dure-epoch"]), int(told["dure-turn"]))
        if place not in found or turn > found[place][0]:
            found[place] = (turn, consumer.num_pending + consumer.num_ack_pending)
    return {place: unread for place, (_, unread) in sorted(found.items())}


async def main():
    connection = await nats.connect(url)
    js = connection.jetstream()
    print(json.dumps(await {"read": read, "send": send, "answer": answer, "lag": lag}[step](js)))
    await connection.close()


asyncio.run(main())
