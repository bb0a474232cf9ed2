"""The declared errors of a client: a class for each, which stands for the service's own."""

from __future__ import annotations

from collections.abc import Iterator

from homeport.build.generator.client.catalogue import Catalogue, Error, error_schema
from homeport.build.generator.client.defaults import Defaults
from homeport.build.generator.client.spelling import Imports
from homeport.build.generator.client.text import call, docstring, module
from homeport.build.generator.client.types import Types, or_none, repr_of


def errors_module(catalogue: Catalogue) -> str:
    """The text of ``errors.py``."""
    imports = Imports()
    blocks = [list(_error(error, catalogue, imports)) for error in catalogue.errors]
    return module("The errors that the services declare.", imports, blocks)


def _error(error: Error, catalogue: Catalogue, imports: Imports) -> Iterator[str]:
    declared = error.declared
    schema = error_schema(error.contract, declared)
    fields = schema.get("properties", {})
    imports.enter(fields)
    options = [f"status={declared.status}", f"code={repr_of(declared.code)}", f"key={repr_of(declared.key)}"]
    yield from call(f"class {error.name}", [f"{imports.module('homeport')}.ServiceError", *options], ":", "")
    yield from docstring(f"HTTP status {declared.status}.", blank=bool(fields))
    types = Types(catalogue, error.contract, imports)
    prefix = f"{imports.module('models')}." if "$ref" in str(fields) else ""
    defaults = Defaults(catalogue, error.contract, prefix)
    for name, field in fields.items():
        annotation = types.annotation(field)
        if name in schema.get("required", ()):
            yield f"    {name}: {annotation}"
        elif (default := defaults.expression(field)) is not None:
            yield f"    {name}: {annotation} = {default}"
        else:
            yield f"    {name}: {or_none(annotation)} = None"
