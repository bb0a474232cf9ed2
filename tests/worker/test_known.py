"""A worker starts from the registry: it trusts what that says, and refuses classes that say otherwise."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from homeport.build.application import scan
from homeport.build.comparison import RegistryMismatch
from homeport.build.generator.registry import built_registry
from homeport.build.generator.registry_file import RegistryUnreadable
from homeport.build.reflection import reflect
from homeport.contracts import signature
from homeport.errors import UsageError
from homeport.worker.api import HostedService, WorkerSpec
from homeport.worker.assembly import load
from homeport.worker.known import KnownServices

SHOP = """
from homeport import dependency, service

@service(version="1")
class Stock:
    async def count(self, item: str) -> int:
        return 3
"""


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    root = tmp_path / "app"
    root.mkdir()
    monkeypatch.syspath_prepend(str(root))
    before = set(sys.modules)
    yield root
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "") or "").startswith(str(root)):
            del sys.modules[name]


def known(root: Path, text: str = SHOP, target: str = ".", *, reflected: bool = False) -> KnownServices:
    """The registry of this text, in a worker that hosts its ``stock``."""
    (root / "shop.py").write_text(text)
    plan = scan(target, root)
    registry = root.parent / "app.registry"
    registry.write_bytes(built_registry(plan, reflect(plan) if reflected else None).to_bytes())
    return KnownServices(
        WorkerSpec(
            name="stock-1",
            node="",
            runtime="",
            root=str(root),
            registry=str(registry),
            services=(HostedService(name="stock"),),
        )
    )


def imported(services: KnownServices, root: Path, name: str = "stock") -> type:
    row = services.hosted(HostedService(name=name))
    with services.unlisted_refused():
        cls: type = load(row.service.location, str(root))
    services.signature(row, cls)
    return cls


def test_a_stored_contract_is_not_made_again(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    services = known(app, reflected=True)
    monkeypatch.setattr(signature, "Schemas", None)  # which describe types
    row = services.hosted(HostedService(name="stock"))
    signed = services.signature(row, load(row.service.location, str(app)))
    assert signed.contract is row.contract
    assert signed.methods["count"].decode_arguments(b'{"item": "tea"}', json=True) == ((), {"item": "tea"})
    assert signed.methods["count"].encode_result(3, json=True) == b"3"


def test_a_service_that_is_not_in_the_registry_is_said_to_be_missing(app: Path) -> None:
    with pytest.raises(UsageError, match=r"app\.registry has no service 'cart'"):
        known(app).hosted(HostedService(name="cart"))


def test_a_damaged_registry_stops_the_worker(app: Path) -> None:
    services = known(app)
    path = app.parent / "app.registry"
    path.write_bytes(path.read_bytes()[:-3])
    spec = WorkerSpec(name="w", node="", runtime="", root=str(app), registry=str(path))
    with pytest.raises(RegistryUnreadable, match="it is damaged"):
        KnownServices(spec)
    assert len(services.digest) == 16


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('"1"', '"2"'), "version is '2' once imported and '1' in the registry"),
        (
            ("count", "counted"),
            "only the registry has the method count; only the imported class has the method counted",
        ),
        (("item: str", "item: str, at: str"), r"count takes \(item, at\) once imported and \(item\) in the registry"),
        (("class Stock:", "class Stock:\n    cart = dependency()"), r"only the imported class has self\.cart"),
    ],
)
def test_a_class_that_differs_from_its_row_is_refused(app: Path, change: tuple[str, str], said: str) -> None:
    services = known(app, reflected=True)
    (app / "shop.py").write_text(SHOP.replace(*change))
    with pytest.raises(RegistryMismatch, match=f"HP702: the class Stock of shop.py .*{said}.*build again"):
        imported(services, app)


MADE = (
    SHOP
    + """
def make(name):
    class Made:
        async def count(self): ...
    return service(name=name)(Made)

north = make("north")
"""
)


def test_a_service_that_appears_while_importing_is_refused(app: Path) -> None:
    services = known(app, MADE)
    with pytest.raises(RegistryMismatch, match=r"HP701: the class make\.<locals>\.Made of shop\.py is .*'north'"):
        imported(services, app)


def test_it_may_appear_when_one_class_alone_was_asked_for(app: Path) -> None:
    imported(known(app, MADE, "shop:Stock"), app)


def test_services_in_files_that_were_not_read_may_appear(app: Path) -> None:
    (app / "test_double.py").write_text(SHOP.replace("Stock", "Double"))
    imported(known(app, SHOP + "import test_double\n"), app)


def test_without_a_registry_nothing_is_compared(app: Path) -> None:
    (app / "shop.py").write_text(MADE)
    planned = scan("shop:Stock", app).services[0]
    hosted = HostedService(name="stock", plan=planned)
    services = KnownServices(WorkerSpec(name="w", node="", runtime="", root=str(app), services=(hosted,)))
    row = services.hosted(hosted)
    with services.unlisted_refused():
        assert services.signature(row, load(row.service.location, str(app))).contract.service == "stock"
    assert services.digest == ""
