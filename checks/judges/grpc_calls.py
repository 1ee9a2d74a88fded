"""Calls the orders of the test's shop with grpcio, from what protoc makes of the drawn document. One line a check."""
import subprocess
import sys
import threading

import grpc
from google.protobuf import timestamp_pb2
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

address, folder = sys.argv[1:3]
subprocess.run(
    [sys.executable, "-m", "grpc_tools.protoc", "-I", folder, f"--python_out={folder}", f"--grpc_python_out={folder}",
     f"{folder}/orders/v1/orders.proto"],
    check=True,
)
sys.path.insert(0, folder)
from orders.v1 import orders_pb2 as pb  # noqa: E402
from orders.v1 import orders_pb2_grpc  # noqa: E402

channel = grpc.insecure_channel(address)
orders = orders_pb2_grpc.OrdersServiceStub(channel)
failed = False


def check(name, ok, found=""):
    global failed
    failed = failed or not ok
    print(f"{'✔' if ok else '✖'} grpcio: {name}{'' if ok else f': {found}'}")


def failure(call):
    try:
        call()
    except grpc.RpcError as error:
        return error
    return None


sent = pb.OrdersEchoInput(
    price=pb.Money(amount="123456789012345678901", currency=pb.MONEY_CURRENCY_KRW),
    whole=-9007199254740991,
    ratio=-0.5,
    bytes=b"\x00\xff",
    tags=["a", "한"],
    place=pb.OrdersEchoInputPlace(item1=1.5, item2="x"),
)
sent.payment.cash.kind = pb.ORDERS_ECHO_INPUT_PAYMENT_CASH_KIND_CASH
sent.payment.cash.at.CopyFrom(timestamp_pb2.Timestamp(seconds=-1, nanos=5_000_000))
sent.by_name["k"].amount = "2"
sent.by_name["k"].currency = pb.MONEY_CURRENCY_USD
sent.counts["a b"].items.extend([1, -1])
sent.note.SetInParent()
sent.lines.SetInParent()
sent.any.struct_value["deep"] = [1, None, "t"]
back = orders.Echo(sent)
check("values of every kind come back as the same bytes", back.SerializeToString(deterministic=True) == sent.SerializeToString(deterministic=True), back)

_, call = orders.Place.with_call(pb.OrdersPlaceInput(id="py", pieces=1))
check("metadata has a correlation id", any(key == "x-correlation-id" for key, _ in call.initial_metadata()), call.initial_metadata())

error = failure(lambda: orders.Fail(pb.OrdersFailInput(how=pb.ORDERS_FAIL_INPUT_HOW_SOLD_OUT)))
details = {}
for one in rpc_status.from_call(error).details:
    details[one.type_url] = one
info, data = error_details_pb2.ErrorInfo(), pb.SoldOutData()
details["type.googleapis.com/google.rpc.ErrorInfo"].Unpack(info)
details["type.googleapis.com/orders.v1.SoldOutData"].Unpack(data)
check("a declared error has its code and its data", (error.code(), info.reason, data.left) == (grpc.StatusCode.FAILED_PRECONDITION, "SOLD_OUT", 2), error)

error = failure(lambda: orders.Fail(pb.OrdersFailInput(how=pb.ORDERS_FAIL_INPUT_HOW_BROKEN)))
check("an inner error keeps its secrets", error.code() == grpc.StatusCode.INTERNAL and "1234" not in error.details(), error)
error = failure(lambda: orders.Fail(pb.OrdersFailInput(how=pb.ORDERS_FAIL_INPUT_HOW_SLOW), timeout=0.05))
check("a deadline of 50 ms is one", error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error)
error = failure(lambda: orders.Place(pb.OrdersPlaceInput(id="py", pieces=0)))
violations = error_details_pb2.BadRequest()
rpc_status.from_call(error).details[0].Unpack(violations)
check("a wrong input says where", (error.code(), violations.field_violations[0].field) == (grpc.StatusCode.INVALID_ARGUMENT, "pieces"), error)

check("a stream comes whole", [one.n for one in orders.Watch(pb.OrdersWatchInput(count=2))] == [0, 1])
many = sum(1 for _ in orders.Watch(pb.OrdersWatchInput(count=20000)))
check("a stream of 20,000 comes whole", many == 20000, many)
endless = orders.Watch(pb.OrdersWatchInput(count=3))
next(endless)
endless.cancel()
error = failure(lambda: list(endless))
check("a stream is cancelled", error is not None and error.code() == grpc.StatusCode.CANCELLED, error)

more = threading.Semaphore(0)


def words():
    yield pb.OrdersTalkRequest(input=pb.OrdersTalkInput(room="r"))
    for word in ["hello", "sold out"]:
        yield pb.OrdersTalkRequest(value=pb.OrdersTalkSent(value=word))
        more.acquire(timeout=60)


heard = []


def listen():
    for said in orders.Talk(words()):
        heard.append(said.value)
        more.release()


error = failure(listen)
more.release()
check("a channel speaks both ways, and fails as declared", (heard, error.code()) == (["r: hello"], grpc.StatusCode.FAILED_PRECONDITION), (heard, error))
total = next(orders.Sum(pb.OrdersSumSent(n=n) for n in range(1001)))
check("1,000 messages of a client are one answer", total.sum == 500500, total)

zipped = orders.Blob(pb.OrdersBlobInput(size=100_000, body="y" * 100_000), compression=grpc.Compression.Gzip)
check("gzip both ways", len(zipped.body) == 100_000)
health = health_pb2_grpc.HealthStub(channel)
check("health is serving", health.Check(health_pb2.HealthCheckRequest(service="orders.v1.OrdersService")).status == health_pb2.HealthCheckResponse.SERVING)
database = ProtoReflectionDescriptorDatabase(channel)
check("reflection lists the services", "orders.v1.OrdersService" in database.get_services(), database.get_services())
names = {one.name for one in database.FindFileContainingSymbol("orders.v1.OrdersService").message_type}
check("reflection gives the file that protoc makes", names == set(pb.DESCRIPTOR.message_types_by_name), names)
channel.close()
sys.exit(1 if failed else 0)
