"""Stalled loops: named with the user's code that holds them up, once over the threshold, until well below it."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from homeport.health.stalls import Flowing, Stalled, StallJudge, StallWatch, blocked_in, place_of

PAYMENT = """
import json

class PaymentService:
    def process(self, look):
        return look()

    def parse(self, look):
        return json.loads('[1]', object_hook=None, parse_int=lambda _: look())
"""


def payment_service(root: Path) -> type:
    path = root / "app" / "payment.py"
    path.parent.mkdir(parents=True)
    path.write_text(PAYMENT)
    scope: dict[str, type] = {"__name__": "app.payment"}
    exec(compile(PAYMENT, str(path), "exec"), scope)
    return scope["PaymentService"]


def test_the_place_is_the_innermost_frame_of_the_users_code(tmp_path: Path) -> None:
    service = payment_service(tmp_path)()
    seen: list[str] = []
    code = compile("def look(): seen.append(place(frame()))", str(tmp_path / "site-packages" / "lib.py"), "exec")
    scope = {
        "__name__": "lib",
        "seen": seen,
        "frame": lambda: sys._getframe(2),
        "place": lambda found: place_of(found, str(tmp_path)),
    }
    exec(code, scope)
    service.process(scope["look"])
    assert seen == ["PaymentService.process (app/payment.py:6)"]


def test_the_library_it_is_in_is_named_too(tmp_path: Path) -> None:
    service = payment_service(tmp_path)()
    (seen,) = service.parse(lambda: place_of(sys._getframe(2), str(tmp_path)))
    assert seen.startswith("PaymentService.parse (app/payment.py:9), in json.")


def test_without_the_users_code_there_is_no_place(tmp_path: Path) -> None:
    assert place_of(sys._getframe(), str(tmp_path)) == ""
    assert blocked_in(0, str(tmp_path)) == ""


def test_another_thread_can_be_looked_at(tmp_path: Path) -> None:
    service, go = payment_service(tmp_path)(), threading.Event()
    thread = threading.Thread(target=service.process, args=(lambda: go.wait(10),))
    thread.start()
    try:
        deadline = time.monotonic() + 10
        while not (place := blocked_in(thread.ident or 0, str(tmp_path))) and time.monotonic() < deadline:
            time.sleep(0.001)
        assert place.startswith("PaymentService.process (app/payment.py:6)")
    finally:
        go.set()
        thread.join()


def test_a_stall_begins_at_the_threshold_and_ends_below_half_of_it() -> None:
    judge = StallJudge(threshold=1.0)
    assert not judge.suspicious(0.9)
    assert judge.look(0.9, "") is None
    assert judge.look(1.4, "P.p (p.py:1)") == Stalled(1.4, "P.p (p.py:1)")
    assert judge.look(2.4, "P.p (p.py:2)") == Stalled(2.4, "P.p (p.py:2)")
    assert judge.look(0.7, "") == Stalled(0.7, "")
    assert judge.stalled
    assert judge.look(0.2, "") == Flowing(longest=2.4)
    assert judge.look(0.7, "") is None


@given(st.lists(st.floats(0, 5), max_size=40))
def test_whatever_the_lags_ends_and_beginnings_alternate(lags: list[float]) -> None:
    judge, stalled = StallJudge(threshold=1.0), False
    for lag in lags:
        match judge.look(lag, ""):
            case Stalled():
                assert lag >= 1.0 or (stalled and lag >= 0.5)
                stalled = True
            case Flowing(longest=longest):
                assert stalled
                assert longest >= 1.0
                assert lag < 0.5
                stalled = False
            case None:
                assert not stalled
                assert lag < 1.0
        assert judge.stalled is stalled


def test_a_watch_tells_the_seconds_and_the_place_and_nothing_while_the_loop_flows(tmp_path: Path) -> None:
    service, go, lag = payment_service(tmp_path)(), threading.Event(), [0.0]
    thread = threading.Thread(target=service.process, args=(lambda: go.wait(10),))
    thread.start()
    try:
        watch = StallWatch(lambda: lag[0], thread.ident or 0, str(tmp_path))
        assert watch.look() == (0.0, "")
        lag[0] = 1.4
        seconds, place = watch.look()
        assert seconds == 1.4
        assert place.startswith("PaymentService.process (app/payment.py:6)")
        lag[0] = 0.1
        assert watch.look() == (0.0, "")
    finally:
        go.set()
        thread.join()
