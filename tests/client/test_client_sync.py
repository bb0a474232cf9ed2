from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

import homeport
from homeport import current
from homeport.errors import (
    ConnectionLost,
    DeadlineExceeded,
    DefinitionError,
    NoNode,
    UnknownService,
    UsageError,
)
from homeport.model import State
from homeport.rpc.context import metadata, new_trace
from tests.client.conftest import ThreadedNode
from tests.client.shop import SEEN, CardDeclined, Payments, Receipt

Interrupt = Callable[[], None]


def test_a_script_calls_without_await(node_aside: ThreadedNode) -> None:
    with homeport.connect_sync(node_aside.endpoint, name="script") as hp:
        assert hp.service("payments").process("5", currency="USD") == {"id": "USD", "amount": "5"}
        assert hp.service("payments").context()["caller"] == "script"
        assert [instance.service for instance in hp.instances()] == ["payments"]


def test_a_class_gives_its_types_and_errors(node_aside: ThreadedNode) -> None:
    with homeport.connect_sync(node_aside.endpoint) as hp:
        assert hp.get(Payments).process(Decimal(5)) == Receipt(id="EUR", amount=Decimal(5))
        with pytest.raises(CardDeclined):
            hp.get(Payments).decline("no money")
        with pytest.raises(UnknownService, match="did you mean 'payments'"):
            hp.service("paymets").process()
        with pytest.raises(AttributeError, match="did you mean 'process'"):
            hp.get(Payments).proces()
        with pytest.raises(DefinitionError, match="not marked @service"):
            hp.get(Receipt).process()


def test_several_threads_share_one_client(node_aside: ThreadedNode) -> None:
    with homeport.connect_sync(node_aside.endpoint) as hp, ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda n: hp.get(Payments).process(Decimal(n)).amount, range(50))
        assert list(answers) == [Decimal(n) for n in range(50)]


def test_it_works_inside_a_running_loop_too(node_aside: ThreadedNode) -> None:
    async def view() -> Receipt:
        with homeport.connect_sync(node_aside.endpoint) as hp:
            with homeport.timeout(5):
                return hp.get(Payments).process(Decimal(1))  # type: ignore[no-any-return]

    assert asyncio.run(view()).id == "EUR"


def test_streams_are_plain_iterators_and_leaving_one_ends_it(node_aside: ThreadedNode) -> None:
    with homeport.connect_sync(node_aside.endpoint) as hp:
        assert list(hp.service("payments").count(3)) == [0, 1, 2]
        assert SEEN.closed.wait(5)
        for item in hp.get(Payments).drip():
            assert item == 1
            break
        gc.collect()
        assert SEEN.cancelled.wait(5)


def test_a_watch_is_a_plain_iterator(node_aside: ThreadedNode) -> None:
    with homeport.connect_sync(node_aside.endpoint) as hp:
        changes = hp.watch("payments")
        first = next(changes)
        assert first.instance is not None
        assert first.instance.state is State.READY
        changes.close()  # type: ignore[attr-defined]


def test_deadline_and_metadata_travel_from_code_without_a_loop(node_aside: ThreadedNode) -> None:
    with homeport.connect_sync(node_aside.endpoint) as hp:
        with homeport.timeout(5) as context, metadata(tenant="acme"):
            assert 4 < (context.remaining() or 0) <= 5
            assert current().deadline == context.deadline
            answer = hp.service("payments").context()
        assert (answer["tenant"], 4 < answer["remaining"] <= 5) == ("acme", True)
        with pytest.raises(DeadlineExceeded):
            with homeport.timeout(0.05):
                hp.service("payments").hang()
        assert SEEN.cancelled.wait(5)
        assert current().deadline is None


# -- the end -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def ctrl_c() -> Iterator[Interrupt]:
    """Interrupts the main thread once the far side has begun, as a terminal does."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    def when_begun() -> None:
        SEEN.begun.wait(10)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, interrupt)
    yield lambda: threading.Thread(target=when_begun, daemon=True).start()
    signal.signal(signal.SIGUSR1, before)


def test_ctrl_c_cancels_the_far_side(node_aside: ThreadedNode, ctrl_c: Interrupt) -> None:
    with homeport.connect_sync(node_aside.endpoint) as hp:
        ctrl_c()
        with pytest.raises(KeyboardInterrupt):
            hp.service("payments").hang()
        assert SEEN.cancelled.wait(5)
        assert hp.service("payments").process("1")["id"] == "EUR"


def test_ctrl_c_ends_a_stream_too(node_aside: ThreadedNode, ctrl_c: Interrupt) -> None:
    with homeport.connect_sync(node_aside.endpoint) as hp:
        ctrl_c()
        with pytest.raises(KeyboardInterrupt):
            for _ in hp.service("payments").drip():
                pass
        assert SEEN.cancelled.wait(5)


@pytest.mark.parametrize("method", ["hang", "drip"])
def test_ctrl_c_cancels_what_is_only_just_on_its_way(
    node_aside: ThreadedNode, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes when the loop's thread has been given the call, and before this thread has the future in hand."""
    submit = asyncio.run_coroutine_threadsafe

    def interrupted(coro: Coroutine[Any, Any, Any], loop: asyncio.AbstractEventLoop) -> Any:
        monkeypatch.undo()
        submit(coro, loop)
        assert SEEN.begun.wait(5)
        raise KeyboardInterrupt

    with homeport.connect_sync(node_aside.endpoint) as hp:
        call = getattr(hp.service("payments"), method)
        answer = None if method == "hang" else call()
        assert answer is None or next(answer) == 1
        monkeypatch.setattr(asyncio, "run_coroutine_threadsafe", interrupted)
        with pytest.raises(KeyboardInterrupt):
            call() if answer is None else list(answer)
        assert SEEN.cancelled.wait(5)


def test_a_closed_client_says_so(node_aside: ThreadedNode) -> None:
    hp = homeport.connect_sync(node_aside.endpoint)
    payments, stream = hp.service("payments"), hp.service("payments").drip()
    assert next(stream) == 1
    hp.close()
    hp.close()
    for call in (payments.process, hp.instances, lambda: hp.watch("payments"), lambda: next(stream)):
        with pytest.raises(UsageError, match="this client is closed"):
            call()
    assert "homeport-client" not in [thread.name for thread in threading.enumerate()]


def test_a_call_that_runs_while_another_thread_closes_the_client_ends(node_aside: ThreadedNode) -> None:
    hp = homeport.connect_sync(node_aside.endpoint)
    failed: list[BaseException] = []

    def call() -> None:
        try:
            hp.service("payments").hang()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    assert SEEN.begun.wait(5)
    hp.close()
    thread.join(5)
    assert isinstance(failed[0], ConnectionLost)


def test_without_a_node_it_says_so_and_leaves_no_thread() -> None:
    with pytest.raises(NoNode, match="no node is running"):
        homeport.connect_sync()
    assert "homeport-client" not in [thread.name for thread in threading.enumerate()]


# -- forks -------------------------------------------------------------------------------------------------------------


def in_a_child(work: Callable[[], object]) -> str:
    """What ``work`` gives in a forked child process, as text; an exception as its traceback."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads, which is what this is about
        pid = os.fork()
    if pid == 0:
        try:
            text = str(work())
        except BaseException:
            text = traceback.format_exc()
        os.write(writing, text.encode())
        os._exit(0)
    os.close(writing)
    deadline = time.monotonic() + 20
    with open(reading) as answer:
        text = answer.read()
    while os.waitpid(pid, os.WNOHANG) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
    return text


def test_a_forked_child_connects_anew_and_the_parent_goes_on(node_aside: ThreadedNode) -> None:
    with homeport.connect_sync(node_aside.endpoint) as hp:
        payments = hp.get(Payments)
        stream = hp.service("payments").count(3)
        assert next(stream) == 0
        assert payments.process(Decimal(1)).id == "EUR"
        assert in_a_child(lambda: payments.process(Decimal(7)).amount) == "7"
        assert in_a_child(lambda: hp.service("payments").process("8")["amount"]) == "8"
        assert "opened before the process forked; call the method again" in in_a_child(lambda: next(stream))
        assert payments.process(Decimal(2)).amount == 2
        assert list(stream) == [1, 2]


def test_a_child_that_ends_its_client_leaves_the_parents_alone(node_aside: ThreadedNode) -> None:
    hp = homeport.connect_sync(node_aside.endpoint)

    def child() -> str:
        answer = hp.service("payments").process("1")["amount"]
        hp.close()
        gc.collect()
        with contextlib.suppress(UsageError):
            hp.instances()
        return str(answer)

    assert in_a_child(child) == "1"
    assert hp.service("payments").process("2")["amount"] == "2"
    hp.close()


def test_forked_children_draw_their_own_traces() -> None:
    assert len({in_a_child(lambda: new_trace().hex()) for _ in range(2)} | {new_trace().hex()}) == 3


def test_prefork_servers_may_connect_before_they_fork(node_aside: ThreadedNode) -> None:
    with homeport.connect_sync(node_aside.endpoint) as hp:  # in the master, unused there
        payments = hp.get(Payments)
        answers = [in_a_child(lambda n=n: payments.process(Decimal(n)).amount) for n in range(3)]  # type: ignore[misc]
    assert answers == ["0", "1", "2"]
