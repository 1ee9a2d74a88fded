"""Callers and a receiver of another make, of Python's standard library alone.

`peers.py load KEYFILE CALLS URL...`: two callers of each URL, each with so many calls (0: until standard input ends), with the key that is
in the file now; at the end a line of JSON: [milliseconds, URL, status] of each call, 0 where nobody answered.
`peers.py receive PORT SECRET`: takes webhooks that are signed as Standard Webhooks says, a line of JSON for each; the second one it is sent
it refuses once. `peers.py sign SECRET BODY`: the headers of one.
"""
import base64, hashlib, hmac, json, sys, threading, time, urllib.error, urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer


def load(key_file, calls, urls):
    done, over = [], threading.Event()

    def caller(url):
        count = 0
        while not over.is_set() and (calls == 0 or count < calls):
            count += 1
            with open(key_file) as file:
                key = file.read()
            try:
                request = urllib.request.Request(url, headers={"x-api-key": key})
                with urllib.request.urlopen(request, timeout=20) as answer:
                    answer.read()
                    status = answer.status
            except urllib.error.HTTPError as error:
                status = error.code
            except OSError:
                status = 0
                time.sleep(0.01)
            done.append([time.time() * 1000, url, status])

    threads = [threading.Thread(target=caller, args=(url,)) for url in urls for _ in range(2)]
    for thread in threads:
        thread.start()
    if calls == 0:
        sys.stdin.read()
        over.set()
    for thread in threads:
        thread.join()
    print(json.dumps(done), flush=True)


def signature(secret, id, timestamp, body):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = hmac.new(key, f"{id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(signed).decode()


def receive(port, secret):
    seen = 0

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            nonlocal seen
            body = self.rfile.read(int(self.headers["content-length"]))
            id, timestamp = self.headers["webhook-id"], self.headers["webhook-timestamp"]
            wanted = signature(secret, id, timestamp, body)
            good = hmac.compare_digest(wanted, self.headers["webhook-signature"])
            fresh = abs(time.time() - int(timestamp)) < 300
            seen += 1
            status = 500 if seen == 2 else 204 if good and fresh else 401
            self.send_response(status)
            self.end_headers()
            headers = {name.lower(): value for name, value in self.headers.items()}
            print(json.dumps({"status": status, "headers": headers, "body": body.decode()}), flush=True)

        def log_message(self, *_):
            pass

    HTTPServer(("127.0.0.1", port), Receiver).serve_forever()


def sign(secret, body):
    timestamp = str(int(time.time()))
    print(
        json.dumps(
            {
                "webhook-id": "msg_1",
                "webhook-timestamp": timestamp,
                "webhook-signature": signature(secret, "msg_1", timestamp, body.encode()),
            }
        )
    )


what, *words = sys.argv[1:]
if what == "load":
    load(words[0], int(words[1]), words[2:])
elif what == "receive":
    receive(int(words[0]), words[1])
else:
    sign(*words)
