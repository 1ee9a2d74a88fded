"""A program with Qpid Proton, which knows nothing of Dure: does one thing and prints what came of it as JSON."""
import json
import sys

from proton import Message, symbol
from proton.reactor import ReceiverOption, SenderOption
from proton.utils import BlockingConnection

_, url, kind, step = sys.argv
connection = BlockingConnection(url, timeout=30, user="guest", password="guest", allowed_mechs="ANONYMOUS PLAIN")


class From(ReceiverOption):
    """A queue or a topic, as both servers tell them apart."""

    def __init__(self, what):
        self.what = what

    def apply(self, receiver):
        receiver.source.capabilities.put_symbol(symbol(self.what))


class To(SenderOption):
    def __init__(self, what):
        self.what = what

    def apply(self, sender):
        sender.target.capabilities.put_symbol(symbol(self.what))


def group_queue(group, topic, partition):
    """Where a group has what was published to a partition."""
    address = f"VirtualTopic.shop.{topic}.{partition}"
    queue = f"Consumer.{group}.{address}"
    return (queue, "queue") if kind == "activemq" else (f"{address}::{queue}", "topic")


def send_to(address, what, message):
    message.durable = True
    sender = connection.create_sender(address, options=To(what))
    sender.send(message)
    sender.close()


def attributes(message):
    return {name[len("cloudEvents_"):]: value for name, value in message.properties.items() if name.startswith("cloudEvents_")}


def event(type, key, data, **more):
    named = {"specversion": "1.0", "id": "py-" + key, "source": "legacy", "type": type, "partitionkey": key, **more}
    properties = {"cloudEvents_" + name: value for name, value in named.items()}
    return Message(body=json.dumps(data).encode(), inferred=True, content_type="application/json", properties=properties)


def data_of(message):
    return json.loads(bytes(message.body))


def read():
    """Takes what a group has of a topic."""
    messages = []
    for partition in range(4):
        address, what = group_queue("python", "order.placed", partition)
        receiver = connection.create_receiver(address, credit=10, options=From(what))
        while True:
            try:
                message = receiver.receive(timeout=1)
            except Exception:
                break
            receiver.accept()
            messages.append({**attributes(message), "data": data_of(message)})
        receiver.close()
    return messages


def send():
    """An event on a topic and work on a queue."""
    order = {"order": "ö-3"}
    prefix = "topic://" if kind == "activemq" else ""
    send_to(f"{prefix}VirtualTopic.shop.payment.settled.0", "topic", event("payment.settled", "ö-3", order))
    send_to("shop.queue.refund", "queue", event("refund", "ö-3", order))
    return 2


def answer():
    """Works on a queue of requests, and answers where the request says."""
    receiver = connection.create_receiver("shop.queue.reserve-stock", credit=1, options=From("queue"))
    message = receiver.receive(timeout=30)
    asked = attributes(message)
    data = {"output": {"left": 10 - data_of(message)["quantity"]}}
    to = asked["durereplyto"]
    reply = event(to, asked["partitionkey"], data, causationid=asked["id"], correlationid=asked["correlationid"])
    send_to(f"shop.queue.{to}", "queue", reply)
    receiver.accept()
    receiver.close()
    return to


def ask(address, message):
    """What the server itself answers."""
    inbox = connection.create_receiver(None, dynamic=True, credit=1)
    message.reply_to = inbox.link.remote_source.address
    send_to(address, "queue", message)
    answer = inbox.receive(timeout=30)
    inbox.accept()
    inbox.close()
    return answer.body


def lag():
    """How many messages each queue of a group has, as the server says when it is asked for that queue."""
    found = {}
    for partition in range(4):
        queue = f"Consumer.reports.VirtualTopic.shop.order.placed.{partition}"
        if kind == "activemq":
            found[f"reports/{partition}"] = ask(f"ActiveMQ.Statistics.Destination.{queue}", Message(body=""))["size"]
        else:
            wanted = {"_AMQ_ResourceName": f"queue.{queue}", "_AMQ_Attribute": "messageCount"}
            found[f"reports/{partition}"] = json.loads(ask("activemq.management", Message(body="", properties=wanted)))[0]
    return found


print(json.dumps({"read": read, "send": send, "answer": answer, "lag": lag}[step]()))
connection.close()
