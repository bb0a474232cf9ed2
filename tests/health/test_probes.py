"""Looking: each kind of check against real servers and programs, also those that mean no good."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from homeport.health import addresses as resolving
from homeport.health.allowed import Allowed
from homeport.health.checks import Failed, Passed, Result
from homeport.health.probes import Probes
from homeport.health.targets import target_of
from homeport.model import Check

Answer = Callable[[str, dict[str, str]], str | bytes | Awaitable[str]]


@asynccontextmanager
async def server(answer: Answer, host: str = "127.0.0.1") -> AsyncIterator[int]:
    """An HTTP server that answers every request line as ``answer`` says; its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
            said = answer(head[0], headers)
            said = await said if isinstance(said, Awaitable) else said
            writer.write(said if isinstance(said, bytes) else said.encode())
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    running = await asyncio.start_server(serve, host, 0)
    async with running:
        yield running.sockets[0].getsockname()[1]


def http(code: int = 200, body: str = "", **headers: str) -> str:
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = "\r\n".join([f"HTTP/1.1 {code} X", f"content-length: {len(body)}", *lines])
    return f"{head}\r\n\r\n{body}"


async def look(check: Check, *endpoints: str, allow: tuple[str, ...] = (), programs: tuple[str, ...] = ()) -> Result:
    async with Probes.open(Allowed(allow), programs) as probes:
        return await probes.look(target_of(check, endpoints), check.timeout)


def closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


# -- http --------------------------------------------------------------------------------------------------------------


async def test_http_passes_when_status_and_body_are_as_wanted() -> None:
    async with server(lambda line, _: http(200, '{"status": "ok"}')) as port:
        check = Check(kind="http", target="/health", body='"status"*"ok"')
        assert await look(check, f"http://127.0.0.1:{port}") == Passed(
            f"GET http://127.0.0.1:{port}/health answered 200"
        )


async def test_http_sends_the_method_and_headers_declared_and_the_host_asked() -> None:
    seen: list[tuple[str, dict[str, str]]] = []

    def answer(line: str, headers: dict[str, str]) -> str:
        seen.append((line, headers))
        return http(204)

    async with server(answer) as port:
        check = Check(kind="http", target=f"http://localhost:{port}/up?x=1", method="HEAD", headers={"X-Token": "T"})
        assert isinstance(await look(check), Passed)
    ((line, headers),) = seen
    assert line == "HEAD /up?x=1 HTTP/1.1"
    assert headers["host"] == f"localhost:{port}"
    assert headers["x-token"] == "T".lower()
    assert "cookie" not in headers


@pytest.mark.parametrize(
    ("check", "answer", "reason"),
    [
        (Check(kind="http"), http(503), "answered 503; 200-299 is wanted"),
        (Check(kind="http", status="204,301-302"), http(200), "answered 200; 204, 301-302 is wanted"),
        (Check(kind="http", body="ok"), http(200, "sad\x00\x1b[1m"), "its body lacks 'ok'; it begins 'sad  [1m'"),
        (Check(kind="http"), "nonsense\r\n\r\n", "GET http://127.0.0.1"),
        (Check(kind="http"), b"", "GET http://127.0.0.1"),
    ],
)
async def test_http_fails_with_what_it_saw(check: Check, answer: str | bytes, reason: str) -> None:
    async with server(lambda *_: answer) as port:
        result = await look(check, f"http://127.0.0.1:{port}")
    assert isinstance(result, Failed)
    assert reason in result.reason
    assert not result.refused
    assert result.reason.isprintable()


async def test_http_looks_at_the_beginning_of_an_endless_answer_only() -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(b"HTTP/1.1 200 X\r\n\r\n")
            while True:
                writer.write(b"no" * 4096)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    running = await asyncio.start_server(endless, "127.0.0.1", 0)
    async with running:
        port = running.sockets[0].getsockname()[1]
        result = await look(Check(kind="http", body="yes"), f"http://127.0.0.1:{port}")
    assert isinstance(result, Failed)
    assert "lacks 'yes'" in result.reason


async def test_http_follows_redirects_on_the_host_that_was_asked() -> None:
    def answer(line: str, _: dict[str, str]) -> str:
        return http(302, location="/there") if "/here" in line else http(200, line)

    async with server(answer) as port:
        check = Check(kind="http", target="/here", body="GET /there")
        assert isinstance(await look(check, f"http://127.0.0.1:{port}"), Passed)


async def test_http_never_follows_a_redirect_to_another_host_or_port() -> None:
    asked: list[str] = []
    async with server(lambda line, _: asked.append(line) or http(200)) as other:
        for place in (
            f"http://127.0.0.1:{other}/secret",
            f"http://localhost:{other}/secret",
            f"//127.0.0.1:{other}/secret",
            "http://169.254.169.254/latest/meta-data",
            "file:///etc/passwd",
            "http://[::1",
        ):
            async with server(lambda *_, place=place: http(302, location=place)) as port:
                result = await look(Check(kind="http"), f"http://127.0.0.1:{port}")
            assert isinstance(result, Failed)
            assert "a check stays with its host" in result.reason or "Invalid URL in location" in result.reason
    assert asked == []


async def test_http_ends_a_circle_of_redirects() -> None:
    async with server(lambda *_: http(302, location="/")) as port:
        result = await look(Check(kind="http"), f"http://127.0.0.1:{port}")
    assert isinstance(result, Failed)
    assert "more than 3 times" in result.reason


async def test_a_redirect_may_be_what_is_wanted() -> None:
    async with server(lambda *_: http(302, location="http://169.254.169.254/")) as port:
        assert isinstance(await look(Check(kind="http", status="302"), f"http://127.0.0.1:{port}"), Passed)


async def test_what_does_not_answer_in_time_has_failed() -> None:
    async def never() -> str:
        await asyncio.sleep(60)
        return ""

    async with server(lambda *_: never()) as port:
        result = await look(Check(kind="http", timeout=0.1), f"http://127.0.0.1:{port}")
    assert result == Failed(f"GET http://127.0.0.1:{port}/ did not answer within 0.1 s")


async def test_nobody_there_is_told_apart_from_somebody_who_fails() -> None:
    port = closed_port()
    for check in (
        Check(kind="http", target=f"http://localhost:{port}/"),
        Check(kind="tcp", target=f"127.0.0.1:{port}"),
    ):
        result = await look(check)
        assert isinstance(result, Failed)
        assert result.refused
        assert "connection refused" in result.reason


async def test_no_check_goes_where_the_list_does_not_allow_and_nothing_is_connected_to() -> None:
    asked: list[str] = []
    async with server(lambda line, _: asked.append(line) or http(200)) as port:
        for check in (
            Check(kind="http", target=f"http://127.0.0.1:{port}/"),
            Check(kind="http", target=f"http://localhost:{port}/"),
            Check(kind="tcp", target=f"127.0.0.1:{port}"),
            Check(kind="grpc", target=f"127.0.0.1:{port}"),
        ):
            result = await look(check, allow=("10.0.0.0/8", "*.internal"))
            assert isinstance(result, Failed)
            assert "not on the list of health.allow" in result.reason
        assert isinstance(
            await look(Check(kind="http", target=f"http://localhost:{port}/"), allow=("localhost",)), Passed
        )
    assert len(asked) == 1


async def test_the_address_that_was_checked_is_the_one_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that has a good address when it is checked and a bad one when it is used gains nothing by it."""
    resolved: list[str] = []

    async def rebinding(host: str, port: int) -> list[str]:
        resolved.append(host)
        return ["127.0.0.1"] if len(resolved) == 1 else ["169.254.169.254"]

    monkeypatch.setattr(resolving, "_resolve", rebinding)
    async with server(lambda *_: http(200)) as port:
        assert isinstance(await look(Check(kind="http", target=f"http://rebinding.example:{port}/")), Passed)
        refused = await look(Check(kind="http", target=f"http://rebinding.example:{port}/"))
    assert isinstance(refused, Failed)
    assert "no check may connect to it" in refused.reason
    assert resolved == ["rebinding.example"] * 2


async def test_a_name_that_nobody_knows_is_a_failure_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    result = await look(Check(kind="http", target="http://nobody.example/"))
    assert isinstance(result, Failed)
    assert "cannot resolve nobody.example: Name or service not known" in result.reason


# -- tcp ---------------------------------------------------------------------------------------------------------------


async def test_tcp_passes_when_a_connection_is_accepted_at_any_address_of_the_name() -> None:
    async with server(lambda *_: http(200)) as port:
        for host in ("127.0.0.1", "localhost"):
            result = await look(Check(kind="tcp"), f"tcp://{host}:{port}")
            assert result == Passed(f"{host}:{port} accepts connections")


# -- command -----------------------------------------------------------------------------------------------------------

PYTHON = os.path.realpath(sys.executable)


def command(script: str, timeout: float = 10.0) -> Check:
    return Check(kind="command", arguments=(PYTHON, "-I", "-S", "-c", script), timeout=timeout)


async def test_a_command_passes_by_its_exit_status_and_shows_the_end_of_what_it_said() -> None:
    result = await look(command("print('all\\x1b well')"), programs=(PYTHON,))
    assert result == Passed(f"{PYTHON} ended with 0: all well")
    result = await look(command("import sys; print('x' * 100000); print('disk full'); sys.exit(2)"), programs=(PYTHON,))
    assert isinstance(result, Failed)
    assert result.reason.startswith(f"{PYTHON} ended with 2: x")
    assert result.reason.endswith("disk full")
    assert len(result.reason) < 500


async def test_no_command_runs_unless_the_node_lists_its_program() -> None:
    for programs in ((), ("/bin/true",), (os.path.basename(PYTHON),)):
        result = await look(command("open('/tmp/never', 'w')"), programs=programs)
        assert isinstance(result, Failed)
        assert "add its path to health.commands" in result.reason
    assert not os.path.exists("/tmp/never")


async def test_a_command_gets_no_environment_of_the_node_and_no_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOMEPORT_NODE__TOKEN", "secret")
    script = "import os, sys; print(sorted(os.environ), repr(sys.stdin.read()), os.getcwd())"
    result = await look(command(script), programs=(PYTHON,))
    assert isinstance(result, Passed)
    assert "TOKEN" not in result.evidence
    assert "'PATH'] '' /" in result.evidence


async def test_a_command_that_takes_too_long_is_killed_with_all_it_has_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = (
        "import os, subprocess, sys, time;"
        f"child = subprocess.Popen([{PYTHON!r}, '-I', '-S', '-c', 'import time; time.sleep(60)']);"
        f"open({str(pids)!r} + '.part', 'w').write(f'{{os.getpid()}} {{child.pid}}');"
        f"os.rename({str(pids)!r} + '.part', {str(pids)!r}); time.sleep(60)"
    )
    async with Probes.open(programs=(PYTHON,)) as probes:
        looking = asyncio.create_task(probes.look(target_of(command(script, 60.0), ()), 60.0))
        deadline = time.monotonic() + 20
        while not pids.exists() and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        started = [int(pid) for pid in pids.read_text().split()]
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
    while any(runs(pid) for pid in started) and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    assert not [pid for pid in started if runs(pid)]


async def test_a_command_that_leaves_a_child_behind_ends_all_the_same() -> None:
    child = [PYTHON, "-I", "-S", "-c", "import time; time.sleep(60)"]
    script = f"import subprocess; subprocess.Popen({child!r}); print('ok')"
    assert await look(command(script), programs=(PYTHON,)) == Passed(f"{PYTHON} ended with 0: ok")


async def test_a_program_that_is_not_there_is_a_failure_that_says_so() -> None:
    result = await look(Check(kind="command", arguments=("/no/such",)), programs=("/no/such",))
    assert isinstance(result, Failed)
    assert result.reason.startswith("cannot run /no/such:")


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat")
        return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
