"""A stock in Python, of the standard library alone. It knows the shop by what the shop publishes: its OpenAPI document says where
tasks are fetched and completed, its AsyncAPI document what the request and its reply are made of."""

import json
import sys
import time
import urllib.error
import urllib.request

url = sys.argv[1]


def call(method, path, body=None, token="worker"):
    headers = {"content-type": "application/json", **({"authorization": f"Bearer {token}"} if token else {})}
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url + path, data, headers, method=method)) as answer:
            text = answer.read()
            return answer.status, json.loads(text) if text else None
    except urllib.error.HTTPError as refusal:
        return refusal.code, json.loads(refusal.read())


_, openapi = call("GET", "/openapi.json")
_, asyncapi = call("GET", "/asyncapi.json")

operations = {
    how["operationId"]: (method.upper(), path) for path, methods in openapi["paths"].items() for method, how in methods.items()
}
fetch = next(where for name, where in operations.items() if name.lower().endswith("fetch"))
complete = next(where for name, where in operations.items() if name.lower().endswith("complete"))

answers = asyncapi["operations"]["stock-tasks.reserve-stock"]
assert answers["action"] == "receive" and answers["reply"]["channel"]["$ref"] == "#/channels/reserve-stock.reply", answers


def resolved(schema):
    return asyncapi["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema


def data_of(message):
    return asyncapi["components"]["messages"][message]["payload"]["properties"]["data"]


asked = set(resolved(data_of("reserve-stock"))["properties"])
output, refusal = data_of("reserve-stock.reply")["oneOf"]
said = set(resolved(output["properties"]["output"])["required"])
code = refusal["properties"]["error"]["properties"]["code"]["const"]
assert asked == {"order", "quantity"} and said == {"left", "at"} and code == "OUT_OF_STOCK", (asked, said, code)

# Nobody works here who has not said who it is.
status, problem = call(*fetch, {}, token=None)
assert status == 401 and problem["code"] == "UNAUTHENTICATED", (status, problem)

left, done, attempts = 10, {}, {}
wanted = {f"order-{n}": 3 for n in range(5)}
for order, quantity in wanted.items():
    assert call("POST", "/orders", {"order": order, "quantity": quantity})[0] == 200


def answer(task):
    """What was done once is not done again: a task may come twice, by its id."""
    global left
    if task["id"] not in done:
        quantity = task["data"]["quantity"]
        if quantity > left:
            done[task["id"]] = {"error": {"code": code, "data": {"left": left}}}
        else:
            left -= quantity
            done[task["id"]] = {"output": {"left": left, "at": "2026-01-01T00:00:00.000Z"}}
    return done[task["id"]]


# The first worker takes one and dies with its work done and its answer not sent.
until = time.monotonic() + 60
tasks = []
while not tasks and time.monotonic() < until:
    tasks = call(*fetch, {"max": 1, "seconds": 1})[1]["tasks"]
lost = tasks[0]
answer(lost)

# One that answers nonsense is told so, and what it had is still to be done.
while len(done) < len(wanted) and time.monotonic() < until:
    for task in call(*fetch, {"max": 2, "seconds": 30})[1]["tasks"]:
        attempts[task["id"]] = task["attempt"]
        status, problem = call(*complete, {"id": task["id"], "lease": task["lease"], "output": {"left": "many"}})
        assert status == 400 and problem["code"] == "INVALID_ARGUMENT", (status, problem)
        status, _ = call(*complete, {"id": task["id"], "lease": task["lease"], **answer(task)})
        assert status in (200, 204), status
    time.sleep(0.05)
while lost["id"] not in attempts and time.monotonic() < until:
    for task in call(*fetch, {"request": "reserve-stock"})[1]["tasks"]:
        attempts[task["id"]] = task["attempt"]
        call(*complete, {"id": task["id"], "lease": task["lease"], **answer(task)})
    time.sleep(0.05)
assert attempts[lost["id"]] == 2, attempts
status, problem = call(*complete, {"id": lost["id"], "lease": lost["lease"], **answer(lost)})
assert status == 409 and problem["code"] == "ABORTED", (status, problem)

outcomes = {}
while sum(map(len, outcomes.values())) < len(wanted) and time.monotonic() < until:
    _, outcomes = call("GET", "/orders")
assert sorted(outcomes) == sorted(wanted) and all(len(of) == 1 for of in outcomes.values()), outcomes
counted = sorted(of[0] for of in outcomes.values())
assert counted == ["OUT_OF_STOCK"] * 2 + ["reserved, 1 left", "reserved, 4 left", "reserved, 7 left"], counted
print(f"{len(wanted)} requests answered once each by a worker in Python, one of them after the first worker had died")
