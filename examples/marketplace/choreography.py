"""Rebuilds the paths of checkouts from CloudEvents, one JSON document a line, and prints them as JSON. Knows nothing of Dure."""
import json, sys

STEPS = ["stock.reserve", "stock.confirmed", "stock.failed", "invoice.issued", "payment.confirmed", "payment.failed", "shipment.notification"]
first = {}
for line in sys.stdin:
    event = json.loads(line)
    data = event["data"]
    if event["type"] not in STEPS or (event["type"] == "shipment.notification" and data["status"] != "approved"):
        continue
    steps = first.setdefault(data["instanceId"], {})
    seen = (event["time"], event["id"])
    if event["type"] not in steps or seen < steps[event["type"]]:
        steps[event["type"]] = seen
paths = {key: [name for name, _ in sorted(steps.items(), key=lambda item: (*item[1], item[0]))] for key, steps in first.items()}
json.dump(paths, sys.stdout, sort_keys=True)
