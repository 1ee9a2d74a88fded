"""clients.py PROTOCOL ADDRESS [FOLDER]: a client of this protocol asks the marketplace the same as all others do; one line a case."""
import asyncio
import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request

protocol, address, *rest = sys.argv[1:]
folder = rest[0] if rest else ""
CUSTOMER = {"rest": 1, "graphql": 2, "grpc": 3, "soap": 4, "thrift": 5, "thrift-compact": 6, "websocket": 7, "tcp": 8, "udp": 9}[protocol]
LONG = 120


class Refused(Exception):
    """What every protocol says in its own form: a code, and the data of a declared error."""

    def __init__(self, code, **data):
        super().__init__(f"{code} {data}")
        self.code, self.data = code, data


def line(quantity):
    return dict(sellerId=1, productId=1, productName="Rice", unitPrice=12.5, freightValue=1.0, quantity=quantity, version="1", customerId=CUSTOMER)


def over_rest():
    def ask(method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{address}{path}", data, {"content-type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=LONG) as answer:
                text = answer.read()
                return json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            problem = json.loads(error.read())
            raise Refused(problem["code"], **problem.get("data", {})) from None

    def add(quantity):
        body = line(quantity)
        customer = body.pop("customerId")
        ask("PATCH", f"/cart/{customer}/add", body)

    product = lambda id: ask("GET", f"/product/1/{id}")
    return dict(product=lambda id: (product(id)["name"], product(id)["price"]), add=add,
                cart=lambda: [item["quantity"] for item in ask("GET", f"/cart/{CUSTOMER}")["items"]])


def over_graphql():
    def ask(query):
        request = urllib.request.Request(address, json.dumps({"query": query}).encode(), {"content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=LONG) as answer:
                said = json.load(answer)
        except urllib.error.HTTPError as error:
            said = json.loads(error.read())
        if "errors" in said:
            extensions = said["errors"][0]["extensions"]
            raise Refused(extensions["code"], **extensions.get("data", {}))
        return said["data"]

    def product(id):
        found = ask(f"{{ productGet(sellerId: 1, productId: {id}) {{ name price }} }}")["productGet"]
        return found["name"], found["price"]

    def add(quantity):
        words = ", ".join(f"{key}: {json.dumps(value)}" for key, value in line(quantity).items())
        ask(f"mutation {{ cartAdd({words}) }}")

    cart = lambda: [item["quantity"] for item in ask(f"{{ cartGet(customerId: {CUSTOMER}) {{ items {{ quantity }} }} }}")["cartGet"]["items"]]
    return dict(product=product, add=add, cart=cart)


def over_grpc():
    import grpc
    from google.rpc import error_details_pb2
    from grpc_status import rpc_status

    files = [f"{folder}/{name}/v1/{name}.proto" for name in ("product", "cart")]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", "-I", folder, f"--python_out={folder}", f"--grpc_python_out={folder}", *files], check=True)
    sys.path.insert(0, folder)
    from cart.v1 import cart_pb2, cart_pb2_grpc
    from product.v1 import product_pb2, product_pb2_grpc

    channel = grpc.insecure_channel(address)
    products, carts = product_pb2_grpc.ProductServiceStub(channel), cart_pb2_grpc.CartServiceStub(channel)
    snake = {"sellerId": "seller_id", "productId": "product_id", "productName": "product_name", "unitPrice": "unit_price",
             "freightValue": "freight_value", "customerId": "customer_id"}
    data = {"PRODUCT_NOT_FOUND": (product_pb2.ProductNotFoundData, "sellerId", "productId"), "INVALID_QUANTITY": (cart_pb2.InvalidQuantityData, "quantity")}

    def call(method, message):
        try:
            return method(message, timeout=LONG)
        except grpc.RpcError as error:
            status = rpc_status.from_call(error)
            info = error_details_pb2.ErrorInfo()
            for detail in status.details if status else []:
                detail.Unpack(info)
            if info.reason not in data:
                raise Refused(error.code().name) from None
            kind, *fields = data[info.reason]
            found = kind()
            for detail in status.details:
                detail.Unpack(found)
            raise Refused(info.reason, **{field: getattr(found, snake.get(field, field)) for field in fields}) from None

    def product(id):
        found = call(products.Get, product_pb2.ProductGetInput(seller_id=1, product_id=id))
        return found.name, found.price

    add = lambda quantity: call(carts.Add, cart_pb2.CartAddInput(**{snake.get(key, key): value for key, value in line(quantity).items()}))
    cart = lambda: [item.quantity for item in call(carts.Get, cart_pb2.CartGetInput(customer_id=CUSTOMER)).items]
    return dict(product=product, add=add, cart=cart)


def over_soap():
    from zeep import Client
    from zeep.exceptions import Fault

    products, carts = Client(f"{address}/product?wsdl"), Client(f"{address}/cart?wsdl")
    codes = {"ProductNotFoundFault": "PRODUCT_NOT_FOUND", "InvalidQuantityFault": "INVALID_QUANTITY"}

    def call(method, **values):
        try:
            return method(**values)
        except Fault as fault:
            for element in fault.detail:
                name = element.tag.split("}")[1]
                if name in codes:
                    data = {one.tag.split("}")[1]: int(one.text) for one in element[0]}
                    raise Refused(codes[name], **data) from None
                raise Refused(element.get("code")) from None

    def product(id):
        found = call(products.service.get, sellerId=1, productId=id)
        return found.name, float(found.price)

    add = lambda quantity: call(carts.service.add, **line(quantity))
    cart = lambda: [item.quantity for item in call(carts.service.get, customerId=CUSTOMER)["items"].item]
    return dict(product=product, add=add, cart=cart)


def over_thrift(compact):
    # Of Debian's python3-thrift, whichever Python this is.
    sys.path.append("/usr/lib/python3/dist-packages")
    sys.path.insert(0, folder)
    from shop import Cart, Product, ttypes
    from thrift.protocol.TBinaryProtocol import TBinaryProtocol
    from thrift.protocol.TCompactProtocol import TCompactProtocol
    from thrift.protocol.TMultiplexedProtocol import TMultiplexedProtocol
    from thrift.Thrift import TApplicationException
    from thrift.transport import TSocket, TTransport

    host, port = address.split(":")
    transport = TTransport.TFramedTransport(TSocket.TSocket(host, int(port)))
    transport.open()
    wire = (TCompactProtocol if compact else TBinaryProtocol)(transport)
    products, carts = (one.Client(TMultiplexedProtocol(wire, name)) for one, name in ((Product, "Product"), (Cart, "Cart")))

    def call(method, message):
        try:
            return method(message, None)
        except ttypes.ProductNotFound as error:
            raise Refused("PRODUCT_NOT_FOUND", sellerId=error.data.sellerId, productId=error.data.productId) from None
        except ttypes.InvalidQuantity as error:
            raise Refused("INVALID_QUANTITY", quantity=error.data.quantity) from None
        except TApplicationException as error:
            raise Refused(error.message.split(":")[0]) from None

    def product(id):
        found = call(products.get, ttypes.ProductGetInput(sellerId=1, productId=id))
        return found.name, found.price

    add = lambda quantity: call(carts.add, ttypes.CartAddInput(**line(quantity)))
    cart = lambda: [item.quantity for item in call(carts.get, ttypes.CartGetInput(customerId=CUSTOMER)).items]
    return dict(product=product, add=add, cart=cart)


def over_messages(ask):
    """Messages of JSON, over whatever carries them."""
    last = 0

    def call(name, given):
        nonlocal last
        last += 1
        # A datagram is answered in as many bytes as came.
        came = json.loads(ask(json.dumps({"type": "call", "id": last, "call": name, "input": given, "pad": "x" * 1000})))
        if came["type"] == "error":
            raise Refused(came["error"]["code"], **came["error"].get("data", {}))
        return came.get("value")

    def product(id):
        found = call("product.get", {"sellerId": 1, "productId": id})
        return found["name"], found["price"]

    return dict(product=product, add=lambda quantity: call("cart.add", line(quantity)),
                cart=lambda: [item["quantity"] for item in call("cart.get", {"customerId": CUSTOMER})["items"]])


def over_websocket():
    import websockets

    loop = asyncio.new_event_loop()
    connection = loop.run_until_complete(websockets.connect(address, subprotocols=["dure.socket.v1"]))

    async def ask(text):
        await connection.send(text)
        return await connection.recv()

    return over_messages(lambda text: loop.run_until_complete(ask(text)))


def over_socket(kind):
    host, port = address.split(":")
    one = socket.socket(socket.AF_INET, kind)
    one.settimeout(LONG)
    one.connect((host, int(port)))
    if kind == socket.SOCK_DGRAM:
        def datagram(text):
            one.send(text.encode())
            return one.recv(65536)
        return over_messages(datagram)
    lines = one.makefile("rw", encoding="utf-8", newline="\n")

    def ask(text):
        lines.write(text + "\n")
        lines.flush()
        return lines.readline()

    return over_messages(ask)


OPEN = {
    "rest": over_rest, "graphql": over_graphql, "grpc": over_grpc, "soap": over_soap,
    "thrift": lambda: over_thrift(False), "thrift-compact": lambda: over_thrift(True), "websocket": over_websocket,
    "tcp": lambda: over_socket(socket.SOCK_STREAM), "udp": lambda: over_socket(socket.SOCK_DGRAM),
}
failed = False


def case(what, work, wanted):
    global failed
    try:
        found = work()
    except Refused as error:
        found = (error.code, error.data)
    except Exception as error:  # whatever it is, it is told
        found = f"{type(error).__name__}: {error}"
    failed = failed or found != wanted
    print(f"✔ {protocol}: {what}" if found == wanted else f"✖ {protocol}: {what}: {found!r}, and not {wanted!r}", flush=True)


client = OPEN[protocol]()
case("a product, by seller and number", lambda: client["product"](1), ("Rice", 12.5))
case("a product that is not there is a declared error, with its data", lambda: client["product"](999), ("PRODUCT_NOT_FOUND", {"sellerId": 1, "productId": 999}))
case("what the contract refuses is INVALID_ARGUMENT", lambda: client["product"](-1), ("INVALID_ARGUMENT", {}))
case("a quantity of 0 is a declared error of a command", lambda: client["add"](0), ("INVALID_QUANTITY", {"quantity": 0}))
case("a line goes into the cart, and is there", lambda: (client["add"](2), client["cart"]())[1], [2])
# Streams and threads of libraries do not keep it.
sys.stdout.flush()
os._exit(1 if failed else 0)
