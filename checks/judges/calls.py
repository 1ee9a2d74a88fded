"""Calls a door with the clients that openapi-python-client made of its document: answers and declared errors are typed."""

import sys

client_folder, kind, url = sys.argv[1:]
sys.path.insert(0, client_folder)

if kind == "nasty":
    from nasty_client import Client
    from nasty_client.api.nasty import nasty_find, nasty_maybe, nasty_seat
    from nasty_client.models import ClosedProblem, NastySeatOutput, NoSuchSeatProblem, Problem, SeatTakenProblem

    client = Client(base_url=url)
    seat = lambda row: nasty_seat.sync(row, 7, client=client)
    assert isinstance(seat("a b/한"), NastySeatOutput)
    taken = seat("taken")
    assert isinstance(taken, SeatTakenProblem), taken
    assert taken.code == "SEAT_TAKEN" and taken.data.seat == 7 and taken.data.since.year == 1970, taken
    assert isinstance(seat("closed"), ClosedProblem)
    assert isinstance(seat("missing"), NoSuchSeatProblem)
    assert nasty_find.sync("a", client=client, ids=[1, 2], exact=True).ids == [1, 2]
    refused = nasty_find.sync("a", client=client, page=0)
    assert isinstance(refused, Problem) and refused.code == "INVALID_ARGUMENT", refused
    assert nasty_maybe.sync(client=client).given is False
else:
    from marketplace_client import Client
    from marketplace_client.api.seller import seller_get, seller_list
    from marketplace_client.models import SellerNotFoundProblem

    client = Client(base_url=url)
    nobody = seller_get.sync(999999, client=client)
    assert isinstance(nobody, SellerNotFoundProblem) and nobody.code == "SELLER_NOT_FOUND", nobody
    assert len(seller_list.sync(client=client).items) > 0
