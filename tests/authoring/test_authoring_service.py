"""``@service``: what it marks, what it refuses."""

from __future__ import annotations

import subprocess
import sys

import pytest

from homeport import service
from homeport.authoring.naming import service_name
from homeport.authoring.service import ServiceOptions, is_service, options_of
from homeport.errors import DefinitionError


@pytest.mark.parametrize(
    ("class_name", "expected"),
    [
        ("PaymentService", "payment"),
        ("Payments", "payments"),
        ("HTTPProxyService", "http_proxy"),
        ("S3Service", "s3"),
        ("ProductCatalog", "product_catalog"),
        ("ServiceDesk", "service_desk"),
        ("Paymentservice", "paymentservice"),
    ],
)
def test_a_class_name_becomes_a_service_name(class_name: str, expected: str) -> None:
    assert service_name(class_name) == expected


@pytest.mark.parametrize("class_name", ["Service", "_Hidden", "Überweisung", "HomeportThing"])
def test_a_class_name_that_gives_no_valid_name_is_refused_with_the_way_out(class_name: str) -> None:
    with pytest.raises(DefinitionError, match=r"@service\(name="):
        service_name(class_name)


def test_the_class_stays_what_it_is() -> None:
    class Payments:
        """Takes money."""

        async def pay(self) -> None: ...

    assert service(Payments) is Payments
    assert Payments.__doc__ == "Takes money."
    assert options_of(Payments) == ServiceOptions(name="payments")


def test_options_are_kept() -> None:
    @service(name="till", version="2", replicas=3, isolated=True, public=True)
    class Payments:
        async def pay(self) -> None: ...

    expected = ServiceOptions(name="till", version="2", replicas=3, isolated=True, public=True)
    assert options_of(Payments) == expected


def test_services_that_the_source_does_not_show_are_named_once_each_in_order() -> None:
    @service(uses=["stock", "payments", "stock"])
    class Cart:
        async def go(self) -> None: ...

    assert options_of(Cart).uses == ("payments", "stock")


def test_a_subclass_of_a_service_is_a_service_only_when_marked_itself() -> None:
    @service
    class Base:
        async def pay(self) -> None: ...

    class Plain(Base): ...

    @service
    class Marked(Base): ...

    assert not is_service(Plain)
    with pytest.raises(DefinitionError, match=r"class .*Plain is no service; mark the class itself with @service"):
        options_of(Plain)
    assert options_of(Marked).name == "marked"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "Pay"}, "'Pay' is not a service name"),
        ({"name": "my-service"}, "'my-service' is not a service name"),
        ({"name": "pay\n"}, "is not a service name"),
        ({"name": ""}, "'' is not a service name"),
        ({"name": 3}, "3 is not a service name"),
        ({"name": "homeport_x"}, "'homeport_x' is reserved"),
        ({"replicas": -1}, r"replicas=…\) must be 0 or more, got -1"),
        ({"replicas": True}, r"replicas=…\) must be a whole number, got True"),
        ({"replicas": "2"}, r"replicas=…\) must be a whole number, got '2'"),
        ({"public": 1}, r"public=…\) must be True or False, got 1"),
        ({"version": 2}, r"version=…\) must be a text, got 2"),
        ({"uses": "payments"}, r"uses=…\) must be names of services, as in uses=\[\"payments\"\], got 'payments'"),
        ({"uses": ["Payments"]}, r"uses=…\) names services, and 'Payments' is no service name"),
        ({"uses": [1]}, r"uses=…\) names services, and 1 is no service name"),
        ({"singleton": True, "replicas": 2}, "contradicts itself"),
        ({"replica": 2}, "no option 'replica'; it has name, version, replicas"),
    ],
)
def test_a_wrong_option_is_refused_where_it_stands(options: dict[str, object], message: str) -> None:
    with pytest.raises(DefinitionError, match=rf"{__file__}:\d+: .*{message}"):

        @service(**options)  # type: ignore[call-overload]
        class Payments: ...


def test_only_classes_are_marked() -> None:
    with pytest.raises(DefinitionError, match="@service marks classes, and 'pay' is a function; make it"):

        @service  # type: ignore[type-var]
        async def pay() -> None: ...

    with pytest.raises(DefinitionError, match=r"options by name; write @service\(name='pay'\)"):
        service("pay")  # type: ignore[call-overload]


def test_a_class_is_marked_once() -> None:
    with pytest.raises(DefinitionError, match=r"class .*Payments is marked with @service twice"):

        @service(name="a")
        @service
        class Payments: ...


def test_importing_homeport_imports_almost_nothing() -> None:
    code = (
        "import sys, homeport\n"
        "homeport.service, homeport.method, homeport.dependency\n"
        "heavy = {'starlette', 'uvicorn', 'httpx', 'typer', 'rich', 'pydantic', 'structlog', 'homeport.build'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
