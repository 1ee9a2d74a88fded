"""A program with pika, which knows nothing of Dure: does one thing and prints what came of it as JSON."""
import json
import sys
import time

import pika

_, url, prefix, step = sys.argv


def attributes(properties):
    return {name[12:]: value for name, value in properties.headers.items() if name.startswith("cloudEvents_")}


def event(type, key, **more):
    named = {"specversion": "1.0", "id": "py-" + key, "source": "legacy", "type": type, "partitionkey": key, **more}
    headers = {"cloudEvents_" + name: value for name, value in named.items()}
    return pika.BasicProperties(headers=headers, content_type="application/json", delivery_mode=2)


def read(channel):
    """Reads a topic from its beginning: to a client of AMQP 0.9.1 each partition is a queue that keeps what it has."""
    messages = []

    def came(_, method, properties, body):
        messages.append({**attributes(properties), "data": json.loads(body)})
        channel.basic_ack(method.delivery_tag)

    channel.basic_qos(prefetch_count=100)
    for partition in range(4):
        queue = f"{prefix}.topic.order.placed-{partition}"
        channel.basic_consume(queue, came, arguments={"x-stream-offset": "first"})
    end = time.monotonic() + 20
    while len(messages) < 4 and time.monotonic() < end:
        channel.connection.process_data_events(time_limit=0.2)
    return messages


def send(channel):
    """An event on a topic and work on a queue, each confirmed."""
    body = json.dumps({"order": "ö-1"}).encode()
    for place, type in (("topic.payment.settled-0", "payment.settled"), ("queue.refund", "refund")):
        channel.basic_publish("", f"{prefix}.{place}", body, event(type, "ö-1"), mandatory=True)
    return 2


def answer(channel):
    """Works on a queue of requests, and answers where the request says."""
    method = None
    end = time.monotonic() + 20
    while method is None and time.monotonic() < end:
        method, properties, body = channel.basic_get(f"{prefix}.queue.reserve-stock")
    asked = attributes(properties)
    data = {"output": {"left": 10 - json.loads(body)["quantity"]}}
    to = asked["durereplyto"]
    reply = event(to, asked["partitionkey"], causationid=asked["id"], correlationid=asked["correlationid"])
    channel.basic_publish("", f"{prefix}.queue.{to}", json.dumps(data).encode(), reply, mandatory=True)
    channel.basic_ack(method.delivery_tag)
    return to


def take(channel):
    """Takes one of the work that waits, and leaves the rest."""
    method, properties, body = channel.basic_get(f"{prefix}.queue.print")
    channel.basic_ack(method.delivery_tag)
    return [attributes(properties)["type"], json.loads(body)["order"]]


connection = pika.BlockingConnection(pika.URLParameters(url))
channel = connection.channel()
channel.confirm_delivery()
print(json.dumps({"read": read, "send": send, "answer": answer, "take": take}[step](channel)))
connection.close()
