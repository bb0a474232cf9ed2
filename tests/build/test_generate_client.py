"""A generated client: what it is made of, that it says what the contracts say, and that checkers accept it."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from client_samples import Card, Color, Conflict, Import, Item, NotThere, Zoo
from hypothesis import given, settings
from hypothesis import strategies as st

from homeport.build.generator.client.package import client_package
from homeport.build.generator.client.spelling import attribute_name, class_name, member_name
from homeport.build.generator.client.text import docstring
from homeport.contracts.api import Contract, MethodContract
from homeport.contracts.compatibility import compare
from homeport.contracts.failures import decode_service_error, encode_service_error
from homeport.contracts.signature import signature_of
from homeport.contracts.wire import encode_msgpack, msgpack_decoder
from homeport.errors import ProtocolError, ServiceError

ROOT = Path(__file__).parents[2]
ZOO = signature_of(Zoo, "zoo").contract
IMPORT = signature_of(Import, "import").contract


def made(*contracts: Contract) -> dict[str, str]:
    return client_package(contracts, name="zoo_client", application="zoo", version="0.1.0")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("zoo-client")
    for name, text in made(ZOO, IMPORT).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def client(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """Imports modules of the package, with no trace of them or of their errors left afterwards."""
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(ServiceError, "_by_key", dict(ServiceError._by_key))
    yield lambda name: importlib.import_module(f"zoo_client.{name}")
    for name in [name for name in sys.modules if name.startswith("zoo_client")]:
        del sys.modules[name]


def test_the_same_contracts_give_the_same_files_in_whatever_order() -> None:
    assert made(ZOO, IMPORT) == made(IMPORT, ZOO)


def test_the_version_tells_contracts_apart() -> None:
    def version(*contracts: Contract) -> str:
        return str(tomllib.loads(made(*contracts)["pyproject.toml"])["project"]["version"])

    other = msgspec.structs.replace(IMPORT, fingerprint="0000000000000000")
    assert version(ZOO, IMPORT).startswith("0.1.0+")
    assert version(ZOO, IMPORT) != version(ZOO, other)


@pytest.mark.tools
def test_type_checkers_find_nothing(folder: Path) -> None:
    environ = os.environ | {"MYPYPATH": f"{ROOT / 'src'}"}
    words = ["--strict", "--follow-imports=silent", "--cache-dir", str(folder / "cache"), "-p", "zoo_client"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *words], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "zoo_client"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.tools
def test_the_text_is_as_formatters_have_it(folder: Path) -> None:
    words = ["format", "--no-cache", "--isolated", "--line-length", "120", "--diff", "zoo_client"]
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *words], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_its_classes_have_the_contracts_they_were_made_of(client: Callable[[str], Any]) -> None:
    services = client("services")
    again = signature_of(services.Zoo, "zoo").contract
    assert [method.parameter_names for method in again.methods] == [m.parameter_names for m in ZOO.methods]
    for attribute in ("name", "timeout", "idempotent", "route_by", "streams"):
        assert [getattr(m, attribute) for m in again.methods] == [getattr(m, attribute) for m in ZOO.methods]
    # Tagged members of a union must bear their tags, which those that always had a default need not.
    breaking = {change.method for change in compare(ZOO, again) if change.breaking}
    assert breaking <= {"users", "order"}


def test_values_travel_between_the_service_and_the_client(client: Callable[[str], Any]) -> None:
    models = client("models")
    sent = Item(
        name="kettle", price=msgspec.convert("1.50", type=Item.__annotations__ and __import__("decimal").Decimal)
    )
    received = msgpack_decoder(models.Item)(encode_msgpack(sent))
    assert (received.name, str(received.price), received.color) == ("kettle", "1.50", models.Color.RED)
    assert msgpack_decoder(Item)(encode_msgpack(received)) == sent
    card = msgpack_decoder(models.Card)(encode_msgpack(Card(number="4")))
    assert card == models.Card(number="4")


def test_an_error_of_the_service_arrives_as_the_clients_own_class(client: Callable[[str], Any]) -> None:
    errors = client("errors")
    for theirs in (NotThere, Conflict):  # as in a program that has never imported the service
        ServiceError._by_key.pop(f"{theirs.__module__}:{theirs.__qualname__}")
    errors = importlib.reload(errors)
    body = encode_service_error(NotThere(what=Item(name="a", price=Decimal(1)), after=1.5))
    error = decode_service_error(body)
    assert type(error) is errors.NotThere
    assert (error.status, error.what.name, error.after) == (404, "a", 1.5)  # type: ignore[attr-defined]


def test_where_the_services_own_error_class_is_at_hand_it_comes_first(client: Callable[[str], Any]) -> None:
    client("errors")
    assert type(decode_service_error(encode_service_error(Conflict()))) is Conflict


def test_keywords_and_odd_names_are_escaped_and_travel_as_they_were(client: Callable[[str], Any]) -> None:
    models = client("models")
    odd = models.Odd(class_=1, from_date="x", x=2, Item_2="i")
    assert msgspec.to_builtins(odd) == {"class": 1, "from-date": "x", "_x": 2, "Item": "i"}
    assert client("client").ZooClient.__init__.__code__.co_names.count("import_") == 1


def test_what_two_services_call_alike_and_mean_differently_gets_two_names(client: Callable[[str], Any]) -> None:
    models = client("models")
    assert models.DeepItem.__struct_fields__ == ("other",)
    assert [member.value for member in models.Color] == sorted(color.value for color in Color)


def test_a_service_that_answers_only_http_is_left_out() -> None:
    app = Contract(service="website", asgi=True)
    assert "website" not in made(app, IMPORT)["zoo_client/client.py"]


@pytest.mark.parametrize("service", ["ok", 'x"); import os; ("'])
def test_a_contract_whose_names_would_become_code_is_refused(service: str) -> None:
    method = MethodContract(name="get(self): ...\n\nimport os\n#")
    with pytest.raises(ProtocolError, match="a name that cannot be"):
        made(Contract(service=service, fingerprint="f", methods=(method,)))


@settings(deadline=None)
@given(st.text(max_size=20))
def test_any_name_becomes_one_that_python_can_have(name: str) -> None:
    assert class_name(name).isidentifier()
    assert attribute_name(name).isidentifier()
    assert member_name(name).isidentifier()


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_becomes_a_docstring(text: str) -> None:
    lines = list(docstring(text, ""))
    source = "\n".join(lines)
    assert not lines or isinstance(eval(source), str)


@settings(deadline=None)
@given(st.text(max_size=30), st.text(max_size=30))
def test_no_doc_or_application_name_breaks_the_package(doc: str, application: str) -> None:
    contract = Contract(
        service="a", doc=doc, fingerprint="f", methods=(MethodContract(name="b", doc=doc, result={"type": "null"}),)
    )
    files = client_package([contract], name="c", application=application, version="1")
    tomllib.loads(files["pyproject.toml"])
    for name, text in files.items():
        if name.endswith(".py"):
            compile(text, name, "exec")


def test_whatever_contracts_say_the_classes_can_be_read_written_and_called() -> None:
    """In a process of its own: see there."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.build.made_clients"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
