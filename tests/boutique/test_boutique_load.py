from __future__ import annotations

import httpx
from boutique.load import MIX, Shopper, Tally, percentiles, show


def answer(status: int, **body: object) -> httpx.Response:
    return httpx.Response(status, json=body)


def test_percentiles_are_nearest_ranks_in_milliseconds() -> None:
    assert percentiles([n / 1000 for n in range(1, 101)]) == {"p50": 50.0, "p90": 90.0, "p99": 99.0}
    assert percentiles([0.002]) == {"p50": 2.0, "p90": 2.0, "p99": 2.0}
    assert percentiles([]) == {"p50": None, "p90": None, "p99": None}


def test_business_as_usual_is_not_a_failure() -> None:
    tally = Tally()
    tally.note("index", 0.01, answer(200))
    tally.note("checkout", 0.01, answer(409, code="out_of_stock"))
    tally.note("browse", 0.01, answer(503, code="no_endpoint"))
    tally.note("browse", 0.01, None, "ConnectError")
    report = tally.report(elapsed=2.0, users=1)
    assert (report["requests"], report["failed"], report["requests_per_second"]) == (4, 2, 2.0)
    assert report["by_kind"]["browse"]["failed"] == 2
    assert report["business_errors"] == {"out_of_stock": 1}
    assert report["failures"] == {"503 no_endpoint": 1, "ConnectError": 1}


def test_a_report_reads_well_before_anything_happened() -> None:
    show(Tally().report(elapsed=0.0, users=1))


async def test_a_shopper_does_every_kind_of_thing_through_the_front() -> None:
    seen: list[str] = []

    def front(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.path.removeprefix("/api/v1/call/frontend/"))
        return answer(200)

    tally = Tally()
    async with httpx.AsyncClient(base_url="http://shop", transport=httpx.MockTransport(front)) as client:
        shopper = Shopper(1, client, ["enamel-mug"], tally)
        for kind in MIX:
            await shopper._acts[kind]()
    assert seen == ["product", "cart", "add_to_cart", "set_currency", "index", "add_to_cart", "checkout"]
    assert tally.failed == 0


async def test_a_closed_shop_is_counted_not_raised() -> None:
    def front(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    tally = Tally()
    async with httpx.AsyncClient(base_url="http://shop", transport=httpx.MockTransport(front)) as client:
        await Shopper(1, client, ["enamel-mug"], tally)._acts["index"]()
    assert tally.reasons == {"ConnectError": 1}
