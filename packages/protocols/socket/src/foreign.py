"""What programs in Python see of a socket door: `foreign.py ws|udp URL-or-port`; a line of JSON for each step."""
import asyncio, json, socket, sys


async def over_websocket(url):
    import websockets

    async def connect():
        return await websockets.connect(url, subprotocols=["dure.socket.v1"], compression="deflate")

    async def ask(ws, message):
        await ws.send(json.dumps(message))
        return json.loads(await ws.recv())

    ws = await connect()
    seen = {"subprotocol": ws.subprotocol}
    seen["welcome"] = welcome = await ask(ws, {"type": "hello"})
    seen["echo"] = await ask(ws, {"type": "call", "id": 1, "call": "rooms.echo", "input": {"at": "2026-11-30T00:00:00.000Z", "size": "9007199254740993"}})
    seen["full"] = await ask(ws, {"type": "call", "id": 2, "call": "rooms.enter", "input": {"room": "full"}})
    await ws.send(json.dumps({"type": "call", "id": 3, "call": "rooms.talk", "input": {"name": "Sori"}}))
    seen["talk"] = await ask(ws, {"type": "value", "id": 3, "value": {"text": "안녕"}})
    await ws.send(json.dumps({"type": "value", "id": 3, "value": {"text": "missed"}}))
    ws.transport.abort()
    ws = await connect()
    seen["back"] = await ask(ws, {"type": "hello", "session": welcome["session"], "received": 3})
    # What it had not when it was cut off may not have been sent either: then it is sent again.
    if seen["back"]["received"] == 4:
        await ws.send(json.dumps({"type": "value", "id": 3, "value": {"text": "missed"}}))
    seen["missed"] = json.loads(await ws.recv())
    await ws.send("{")
    seen["bye"] = json.loads(await ws.recv())
    try:
        await ws.recv()
    except websockets.exceptions.ConnectionClosed as closed:
        seen["code"] = closed.rcvd.code
    print(json.dumps(seen))


def over_udp(port):
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.settimeout(60)

    def ask(message):
        sent = json.dumps(message).encode()
        sender.sendto(sent, ("127.0.0.1", port))
        came = sender.recv(65536)
        return {"sent": len(sent), "came": len(came), "message": json.loads(came)}

    move = lambda id, x: {"type": "call", "id": id, "call": "rooms.move", "input": {"x": x}}
    big = lambda id, pad: {"type": "call", "id": id, "call": "rooms.big", "input": {"size": 500}, "pad": "x" * pad}
    seen = {"move": ask(move(7, 1.5))}
    sender.sendto(json.dumps(move(6, 9)).encode(), ("127.0.0.1", port))
    seen["next"] = ask(move(8, 2))
    seen["small"] = ask(big(9, 0))
    seen["padded"] = ask(big(10, 600))
    print(json.dumps(seen))


if sys.argv[1] == "ws":
    asyncio.run(over_websocket(sys.argv[2]))
else:
    over_udp(int(sys.argv[2]))
