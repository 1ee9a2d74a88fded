"""zeep_client.py WSDL: what zeep makes of our WSDL, and what it is answered; a line for each check."""
import datetime
import sys
from decimal import Decimal

from lxml import etree
from zeep import Client, xsd
from zeep.exceptions import Fault
from zeep.wsse.username import UsernameToken

wsdl = sys.argv[1]
NS = "{urn:dure:orders:1}"
well = True


def check(what, work):
    global well
    try:
        work()
        print(f"✔ zeep: {what}")
    except Exception as error:  # what went wrong is told, whatever it is
        well = False
        print(f"✖ zeep: {what}: {type(error).__name__}: {error}")


def equal(got, wanted):
    assert got == wanted, f"{got!r}, and not {wanted!r}"


def fault(work):
    try:
        work()
    except Fault as found:
        return found
    raise AssertionError("there was no fault")


client = Client(wsdl)
for port in ("OrdersSoap", "OrdersSoap12"):
    service = client.bind("OrdersService", port)
    of = lambda what: f"{what} ({port})"

    def calls():
        equal([order.id for order in service.all()], ["a", "b"])
        equal(service.place(id="x", pieces=3), "x × 3")
        equal(service.forget(input="x"), None)

    def everything():
        money = {"amount": 123456789012345678901, "currency": "KRW"}
        at = datetime.datetime(2026, 11, 30, 8, 15, 0, 678000, tzinfo=datetime.timezone.utc)
        answer = service.echo(
            price=money,
            payment={"cash": {"kind": "cash", "at": at}},
            either={"money": money},
            whole=9007199254740991,
            small=-7,
            ratio=1.5,
            **{"is": True},
            at=at,
            bytes=b"\x00\x01\xff",
            tags={"item": ["a", " b ", "<&>"]},
            list={"item": ["x", xsd.Nil, "가"]},
            byName={"entry": [{"key": "k", "value": money}]},
            counts={"entry": [{"key": "a", "value": {"item": [{"entry": [{"key": "n", "value": 1}]}]}}]},
            place={"item1": 1.5, "item2": "two\nlines"},
            any='{"deep":[1,null]}',
        )
        equal(answer.price.amount, 123456789012345678901)
        equal(answer.payment.cash.at, at)
        equal(answer.either.money.currency, "KRW")
        equal((answer.whole, answer.small, answer.ratio, answer["is"], answer.at), (9007199254740991, -7, 1.5, True, at))
        equal(answer.bytes, b"\x00\x01\xff")
        equal(answer.tags.item, ["a", " b ", "<&>"])
        equal(answer["list"].item, ["x", None, "가"])
        equal(answer.byName.entry[0].value.amount, 123456789012345678901)
        equal(answer.counts.entry[0].value.item[0].entry[0].value, 1)
        equal((answer.place.item1, answer.place.item2), (1.5, "two\nlines"))
        equal((answer.note, answer.any), (None, '{"deep":[1,null]}'))

    def nothings():
        """Nil, absent and empty in the XML that is sent and answered."""
        for text, sent in (("nil", xsd.Nil), ("absent", xsd.SkipValue), ("empty", "")):
            node = client.create_message(service, "echo", **least(), note=sent)
            found = node.find(f".//{NS}note")
            equal(found is not None, text != "absent")
            answer = raw(service, node)
            back = answer.find(f".//{NS}note")
            nil = "{http://www.w3.org/2001/XMLSchema-instance}nil"
            equal(None if back is None else back.get(nil), {"nil": "true"}.get(text))
            equal(back is None, text == "absent")

    def declared():
        found = fault(lambda: service.fail(how="sold out"))
        equal(found.message, "2 are left")
        detail = found.detail.find(f"{NS}SoldOutFault")
        typed = client.get_element(f"{NS}SoldOutFault").parse(detail, client.wsdl.types)
        equal((typed.data.left, typed.data.until.isoformat()), (2, "2026-12-01T00:00:00+00:00"))
        assert found.code.endswith(("Client", "Sender")), found.code

    def hidden():
        found = fault(lambda: service.fail(how="broken"))
        assert found.code.endswith(("Server", "Receiver")), found.code
        assert b"1234" not in etree.tostring(found.detail)

    def refused():
        found = fault(lambda: service.place(id="x", pieces=0))
        equal(found.detail.find(".//{urn:dure:fault}issue").get("path"), "pieces")

    def token():
        known = Client(wsdl, wsse=UsernameToken("sori", "orders.write"))
        equal(known.bind("OrdersService", port).place(id="y", pieces=1), "y × 1")

    def least():
        money = {"amount": 1, "currency": "KRW"}
        at = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
        return dict(
            price=money,
            payment={"card": {"kind": "card", "number": "1"}},
            either={"string": "x"},
            whole=1,
            small=1,
            ratio=Decimal("1"),
            **{"is": False},
            at=at,
            bytes=b"",
            tags={"item": []},
            byName={"entry": []},
            counts={"entry": []},
            place={"item1": 1, "item2": ""},
            list={"item": []},
            any="null",
        )

    def raw(service, node):
        binding = service._binding
        kind = "text/xml" if port == "OrdersSoap" else "application/soap+xml"
        address = service._binding_options["address"]
        sent = client.transport.post(address, etree.tostring(node), {"content-type": f"{kind}; charset=utf-8"})
        equal(sent.status_code, 200)
        return etree.fromstring(sent.content)

    check(of("calls"), calls)
    check(of("values of every kind"), everything)
    check(of("nil, absent and empty are three"), nothings)
    check(of("a declared error is a typed fault"), declared)
    check(of("what failed inside says no secret"), hidden)
    check(of("a refused input says where"), refused)
    check(of("a UsernameToken"), token)

if len(sys.argv) > 2:

    def valid():
        """Documents that chance has made, by the XML Schema that is drawn for them."""
        import json

        pairs = json.load(open(sys.argv[2]))
        for one in pairs:
            definitions = etree.fromstring(one["wsdl"].encode())
            drawn = definitions.find(".//{http://www.w3.org/2001/XMLSchema}schema")
            schema = etree.XMLSchema(etree.fromstring(etree.tostring(drawn)))
            for document in one["documents"]:
                schema.assertValid(etree.fromstring(document.encode()))
        assert len(pairs) > 50, f"{len(pairs)} contracts"

    check("libxml2 finds what is written valid by the schema that is drawn, for contracts by chance", valid)

sys.exit(0 if well else 1)
