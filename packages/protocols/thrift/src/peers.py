"""A client that Thrift's compiler made, and Thrift's own library for Python: what it finds right of our door, one line each."""

import sys

# Of Debian's python3-thrift, whichever Python this is.
sys.path.append("/usr/lib/python3/dist-packages")
port, made = int(sys.argv[1]), sys.argv[2]
sys.path.insert(0, made)

from shop import Customers, Orders, ttypes  # noqa: E402
from thrift.Thrift import TApplicationException  # noqa: E402
from thrift.protocol.TBinaryProtocol import TBinaryProtocol  # noqa: E402
from thrift.protocol.TCompactProtocol import TCompactProtocol  # noqa: E402
from thrift.protocol.TMultiplexedProtocol import TMultiplexedProtocol  # noqa: E402
from thrift.transport import TSocket, TTransport  # noqa: E402


def check(right, words):
    if not right:
        raise SystemExit(f"not so: {words}")
    print(words)


def refused(call, kind):
    try:
        call()
    except kind as failure:
        return failure
    raise SystemExit("it was not refused")


for protocol in (TBinaryProtocol, TCompactProtocol):
    name = protocol.__name__
    transport = TTransport.TFramedTransport(TSocket.TSocket("127.0.0.1", port))
    transport.open()
    orders = Orders.Client(protocol(transport))
    multiplexed = Orders.Client(TMultiplexedProtocol(protocol(transport), "Orders"))
    customers = Customers.Client(TMultiplexedProtocol(protocol(transport), "Customers"))

    money = ttypes.Money(amount="123456789012345678901", currency=ttypes.MoneyCurrency.KRW)
    given = ttypes.OrdersEchoInput(
        price=money,
        payment=ttypes.OrdersEchoInputPayment(
            cash=ttypes.OrdersEchoInputPaymentCash(kind=ttypes.OrdersEchoInputPaymentCashKind.cash, at=1764490500123)
        ),
        either=ttypes.OrdersEchoInputEither(number=1.5),
        whole=-(2**53) + 1,
        small=-7,
        share=0.1,
        yes=True,
        at=-1,
        bytes=b"\x00\xff",
        tags={"a", "두레"},
        sizes=[ttypes.OrdersEchoInputSizesItem(size=3)],
        byName={"k": money},
        byMoney=[ttypes.MoneyToBooleanEntry(key=money, value=False)],
        counts={"a b": [{"n": 1.0}]},
        place=ttypes.OrdersEchoInputPlace(item1=1.5, item2="x"),
        note=ttypes.NullableString(),
        holes=[ttypes.NullableString(value="a"), ttypes.NullableString()],
        any='{"deep":[1,null]}',
    )
    answer = orders.echo(given, None)
    same = [key for key in vars(given) if repr(getattr(given, key)).replace("Input", "Output") != repr(getattr(answer, key)) and key != "tags"]
    check(same == [] and answer.tags == given.tags, f"{name}: values of every kind come back as they were {same or ''}".rstrip())
    check(orders.find(ttypes.OrdersFindInput(id="none"), None).value is None, f"{name}: null is told from a value")
    failure = refused(lambda: orders.fail(ttypes.OrdersFailInput(how=ttypes.OrdersFailInputHow.sold_out), None), ttypes.SoldOut)
    check((failure.data.left, failure.data.since) == (2, 0), f"{name}: a declared error is an exception of its own type, with its data")
    failure = refused(lambda: orders.fail(ttypes.OrdersFailInput(how=ttypes.OrdersFailInputHow.broken), None), TApplicationException)
    check(failure.type == TApplicationException.INTERNAL_ERROR and "1234" not in failure.message, f"{name}: an inner failure keeps its secrets")
    slow = lambda: orders.fail(ttypes.OrdersFailInput(how=ttypes.OrdersFailInputHow.slow), {"request-timeout": "0.05"})
    check(refused(slow, TApplicationException).message.startswith("DEADLINE_EXCEEDED"), f"{name}: a deadline is said in the headers and kept")
    wrong = refused(lambda: orders.place(ttypes.OrdersPlaceInput(id="1", pieces=0), None), TApplicationException)
    check(wrong.message.startswith("INVALID_ARGUMENT"), f"{name}: what the contract refuses is refused")
    check((multiplexed.ping(None), customers.ping(None)) == (True, False), f"{name}: methods of one name are told apart by their service")
    check(customers.budget(ttypes.CustomersBudgetInput(id="1"), None).amount == "5", f"{name}: multiplexed calls are answered")
    multiplexed.delete_(ttypes.OrdersDeleteInput(id="7"), None)
    check(multiplexed.ping(None), f"{name}: a oneway call has no answer, and the next one its own")
    failure = refused(lambda: Orders.Client(TMultiplexedProtocol(protocol(transport), "Nobody")).ping(None), TApplicationException)
    check(failure.type == TApplicationException.UNKNOWN_METHOD, f"{name}: an unknown service is UNKNOWN_METHOD")
    transport.close()
