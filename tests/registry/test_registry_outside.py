"""Outside programs: registered over HTTP, kept alive by their heartbeats, never in the application's place."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from homeport.errors import BadArguments, NotAllowed, UsageError
from homeport.model import Check, Durability, State
from homeport.registry.api import OutsideInstance
from homeport.registry.server import DeclaredService
from homeport.registry.store.port import StoreFailure
from tests.registry.harbour import harbour, watch

LEGACY = OutsideInstance(id="legacy-1", service="my-legacy", endpoints=("http://127.0.0.1:9000",), ttl=30.0)


def legacy(**changes: object) -> OutsideInstance:
    fields = {name: getattr(LEGACY, name) for name in LEGACY.__struct_fields__}
    return OutsideInstance(**{**fields, **changes})


async def test_it_is_reached_under_a_python_name_and_ready_at_once(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        done = await port.registry.put_instance(LEGACY)
        assert done.durability is Durability.SYNCED
        (found,) = await port.registry.instances("my_legacy")
        assert found.outside
        assert found.state is State.READY
        assert found.revision == done.revision


async def test_it_must_be_heard_within_its_time_to_live(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        await port.registry.put_instance(LEGACY)
        for _ in range(4):
            await port.live(20)
            assert await port.registry.beat_instance("legacy-1")
        await port.live(30.5)
        assert await port.registry.instances() == []
        assert not await port.registry.beat_instance("legacy-1")
        cause = (await port.registry.why("legacy-1")).entries[-1].cause
        assert (cause.what, cause.actor) == ("lease expired", "registry")
        assert "30.0 s of silence, 30 s are allowed" in cause.evidence


async def test_without_a_time_to_live_it_stays_until_it_is_deleted(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        await port.registry.put_instance(legacy(ttl=None))
        await port.live(300)
        assert await port.registry.beat_instance("legacy-1")
        done = await port.registry.delete_instance("legacy-1", "moved to another host")
        assert done.durability is Durability.SYNCED
        assert await port.registry.instances() == []
        cause = (await port.registry.why("legacy-1")).entries[-1].cause
        assert (cause.what, cause.evidence) == ("deregistered", "moved to another host")


async def test_putting_the_same_again_only_renews_it(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        first = await port.registry.put_instance(LEGACY)
        await port.live(20)
        assert (await port.registry.put_instance(LEGACY)).revision == first.revision == port.registry.revision
        await port.live(20)
        assert len(await port.registry.instances()) == 1


async def test_putting_something_else_changes_it(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        await port.registry.put_instance(LEGACY)
        reader = watch(port.registry, "my_legacy")
        await reader.news()
        await port.registry.put_instance(legacy(weight=2.0, ttl=None))
        (item,) = await reader.news()
        assert [change.instance.weight for change in item.changes if change.instance] == [2.0]
        await port.live(60)
        assert len(await port.registry.instances()) == 1


async def test_it_survives_a_restart_and_has_time_to_be_heard_again(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        await port.registry.put_instance(legacy(ttl=5.0, tags=("eu",), checks=(Check(kind="http", target="/"),)))
        before = await port.instance("legacy-1")
    async with harbour(tmp_path) as port:
        after = await port.instance("legacy-1")
        assert before is not None
        assert after is not None
        assert (after.tags, after.checks, after.since) == (before.tags, before.checks, before.since)
        await port.live(9.5)
        assert await port.instance("legacy-1") is not None
        await port.live(1)
        assert await port.instance("legacy-1") is None


async def test_it_cannot_take_a_name_that_the_application_owns(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        port.registry.declare([DeclaredService(name="payments")])
        await port.worker("a-1", "attached")
        for name in ("payments", "attached"):
            with pytest.raises(NotAllowed, match=f"{name!r} belongs to the application"):
                await port.registry.put_instance(legacy(service=name))
        with pytest.raises(NotAllowed, match="belongs to worker a-1"):
            await port.registry.put_instance(legacy(id="attached@a-1"))
        with pytest.raises(NotAllowed, match="homeport scale attached N"):
            await port.registry.delete_instance("attached@a-1")
        assert not await port.registry.beat_instance("attached@a-1")


async def test_an_instance_does_not_change_its_service(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        await port.registry.put_instance(LEGACY)
        with pytest.raises(BadArguments, match="registered for 'my_legacy'"):
            await port.registry.put_instance(legacy(service="other"))


async def test_deleting_what_is_not_there_says_so(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        with pytest.raises(UsageError, match="no instance 'nobody'"):
            await port.registry.delete_instance("nobody")


async def test_a_full_disk_refuses_it_and_says_so_and_nothing_has_changed(tmp_path: Path) -> None:
    async with harbour(tmp_path) as port:
        worker = await port.worker("a-1", "a")
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        try:
            with pytest.raises(StoreFailure, match="free disk space"):
                await port.registry.put_instance(LEGACY)
            await worker.report("a", State.UNHEALTHY, "told all the same")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert [one.id for one in await port.registry.instances()] == ["a@a-1"]
        assert await port.state("a@a-1") is State.UNHEALTHY


BAD = {
    "no service name": ({"service": "9lives"}, "service: '9lives' is no service name"),
    "an upper-case name": ({"service": "Legacy"}, "service:"),
    "a name with a newline": ({"service": "legacy\n"}, "service:"),
    "an endless name": ({"service": "a" * 65}, "service:"),
    "a reserved name": ({"service": "homeport"}, "reserved"),
    "no id": ({"id": ""}, "id:"),
    "an id with control characters": ({"id": "a\x1b[2J"}, "id:"),
    "an endless id": ({"id": "x" * 129}, "id:"),
    "no endpoint": ({"endpoints": ()}, "endpoints: none"),
    "an endpoint of no known kind": ({"endpoints": ("ftp://x",)}, r"endpoints\[0\]: 'ftp://x'"),
    "an endpoint of a scheme alone": ({"endpoints": ("http://",)}, r"endpoints\[0\]"),
    "too many endpoints": ({"endpoints": ("http://x",) * 17}, "endpoints: 17"),
    "a weight of nothing": ({"weight": 0.0}, "weight:"),
    "a weight that is no number": ({"weight": float("nan")}, "weight:"),
    "no time to live": ({"ttl": 0.0}, "ttl:"),
    "too many tags": ({"tags": ("x",) * 65}, "tags: 65"),
    "an endless tag": ({"tags": ("x" * 300,)}, r"tags\[0\]"),
    "too much metadata": ({"metadata": {"k": "x" * 5000}}, r"metadata\['k'\]"),
    "a check of no known kind": ({"checks": (Check(kind="voodoo"),)}, r"checks\[0\].kind"),
    "a check without pause": ({"checks": (Check(kind="tcp", interval=0.0),)}, r"checks\[0\].interval"),
}


@pytest.mark.parametrize("what", BAD)
async def test_what_makes_no_sense_is_refused_and_the_field_named(tmp_path: Path, what: str) -> None:
    changes, message = BAD[what]
    async with harbour(tmp_path) as port:
        with pytest.raises(BadArguments, match=message):
            await port.registry.put_instance(legacy(**changes))
        assert port.registry.revision == 0
