# Reads what each line of its input holds (JSON: id, bytes in base64) as requests, by h11, and prints what it made of them.
import base64, hashlib, json, sys
import h11

def read(data):
    requests, refused = [], False
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    connection.receive_data(data)
    connection.receive_data(b"")
    current, body = None, b""
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                current, body = event, b""
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                fields = {}
                for name, value in current.headers:
                    fields.setdefault(name.decode(), value.decode("latin-1"))
                requests.append({
                    "method": current.method.decode(),
                    "target": current.target.decode("latin-1"),
                    "id": fields.get("x-correlation-id", ""),
                    "body": hashlib.sha256(body).hexdigest(),
                })
                connection.send(h11.Response(status_code=204, headers=[]))
                connection.send(h11.EndOfMessage())
                if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
                    break
                connection.start_next_cycle()
            else:
                break
    except h11.RemoteProtocolError as error:
        # An end in the middle is no refusal.
        refused = not str(error).startswith("peer ")
    return {"requests": requests, "refused": refused}

for line in sys.stdin:
    given = json.loads(line)
    print(json.dumps({"of": given["id"], **read(base64.b64decode(given["bytes"]))}), flush=True)
