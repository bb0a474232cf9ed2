"""The services of a client: a class with ``async`` methods for each, and a twin of it that blocks."""

from __future__ import annotations

from collections.abc import Iterator

from homeport.build.generator.client.catalogue import Catalogue
from homeport.build.generator.client.defaults import Defaults
from homeport.build.generator.client.spelling import BUILTINS, MODULES, Imports, class_name, distinct
from homeport.build.generator.client.text import call, docstring, module
from homeport.build.generator.client.types import Types, repr_of
from homeport.contracts.api import Contract, MethodContract, Parameter

_DEFAULT = "OWN_DEFAULT"


def service_classes(catalogue: Catalogue) -> dict[str, str]:
    """The name of each service's class."""
    services = [contract.service for contract in catalogue.contracts]
    taken = BUILTINS | MODULES | {"Any", _DEFAULT}
    return dict(zip(services, distinct(map(class_name, services), taken), strict=True))


def services_module(catalogue: Catalogue, *, blocking: bool = False) -> str:
    """The text of ``services.py``, or of ``blocking.py``."""
    imports = Imports()
    names = service_classes(catalogue)
    blocks = [
        list(_Writer(catalogue, contract, imports, blocking=blocking).service(names[contract.service]))
        for contract in catalogue.contracts
    ]
    if any(_DEFAULT in line for block in blocks for line in block):
        imports.enter(())
        any_type = f"{imports.module('typing')}.Any"
        blocks.insert(0, [f"{_DEFAULT}: {any_type} = ...  # the service's own, which only the service knows"])
    doc = "The services, called without await." if blocking else "The services and their methods."
    return module(doc, imports, blocks)


class _Writer:
    """Writes the class of one service."""

    def __init__(self, catalogue: Catalogue, contract: Contract, imports: Imports, *, blocking: bool) -> None:
        self._catalogue, self._contract, self._imports = catalogue, contract, imports
        self._blocking = blocking
        self._types = Types(catalogue, contract, imports)

    def service(self, name: str) -> Iterator[str]:
        self._imports.enter(method.name for method in self._contract.methods)
        yield f"class {name}:"
        yield from docstring(self._contract.doc or f"The service {self._contract.service!r}.")
        for method in sorted(self._contract.methods, key=lambda method: method.name):
            yield ""
            if not self._blocking:
                yield from self._options(method)
            yield from self._method(method)

    def _options(self, method: MethodContract) -> Iterator[str]:
        options: list[str | list[str]] = [f"timeout={method.timeout!r}"] * (method.timeout is not None)
        options += ["idempotent=True"] * method.idempotent
        options += [f"route_by={repr_of(method.route_by)}"] * bool(method.route_by)
        if method.raises:
            errors = self._imports.module("errors")
            names = [f"{errors}.{self._catalogue.error_name(error.key)}" for error in method.raises]
            # A tuple, since of a list of two such classes mypy makes another type than the one that is wanted.
            options.append(["raises=", *names] if len(names) > 1 else f"raises={names[0]}")
        if options:
            yield from call(f"@{self._imports.module('homeport')}.method", options, "", "    ")

    def _method(self, method: MethodContract) -> Iterator[str]:
        result = self._types.annotation(method.result)
        if method.streams:
            kind = "Iterator" if self._blocking else "AsyncIterator"
            result = f"{self._imports.module('typing')}.{kind}[{result}]"
        head = f"{'' if self._blocking else 'async '}def {method.name}"
        yield from call(head, ["self", *self._parameters(method)], f" -> {result}:", "    ")
        yield from docstring(self._doc(method), "        ")
        yield "        raise NotImplementedError"
        if method.streams and not self._blocking:
            yield "        yield"

    def _parameters(self, method: MethodContract) -> Iterator[str]:
        named = False
        for parameter in method.parameters:
            if parameter.keyword_only and not named:
                named = True
                yield "*"
            text = f"{parameter.name}: {self._types.annotation(parameter.schema)}"
            yield text if parameter.required else f"{text} = {self._default(parameter)}"

    def _default(self, parameter: Parameter) -> str:
        prefix = f"{self._imports.module('models')}." if "$ref" in str(parameter.schema) else ""
        return Defaults(self._catalogue, self._contract, prefix).expression(parameter.schema) or _DEFAULT

    def _doc(self, method: MethodContract) -> str:
        parts = [method.doc.strip() or (f"Call ``{self._contract.service}.{method.name}``." if method.raises else "")]
        if method.raises and "Raises:" not in method.doc:
            lines = [f"    {self._catalogue.error_name(e.key)}: HTTP status {e.status}." for e in method.raises]
            parts.append("\n".join(["Raises:", *lines]))
        return "\n\n".join(part for part in parts if part)
