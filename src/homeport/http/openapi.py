"""The OpenAPI 3.1 document: the fixed routes, and every method of every service with its types."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from homeport.contracts.api import Contract, ErrorContract, MethodContract, Schema
from homeport.http.examples import example_arguments
from homeport.http.fixed_paths import COMPONENTS, FIXED_PATHS, TAGS

_NOT_IN_A_KEY = re.compile(r"[^A-Za-z0-9._-]+")
_PREFIX = "#/$defs/"
_LITERAL = frozenset({"const", "default", "enum", "example", "examples", "required"})  # values, not schemas
_NAMED = frozenset({"properties", "patternProperties", "$defs", "dependentSchemas"})  # names → schemas


def document(contracts: Iterable[Contract], *, version: str, public_only: bool = False) -> dict[str, Any]:
    """Describe the front as it stands; with ``public_only`` only public methods are described."""
    paths: dict[str, Any] = dict(FIXED_PATHS)
    schemas: dict[str, Schema] = dict(COMPONENTS["schemas"])
    tags: list[dict[str, str]] = list(TAGS)
    for contract in sorted(contracts, key=lambda contract: contract.service):
        methods = [m for m in contract.methods if not public_only or contract.public or m.public]
        if not methods:
            continue
        names = _component_names(contract)
        rename = _renamer(names)
        schemas.update({names[name]: _rewrite(schema, rename) for name, schema in contract.definitions.items()})
        tags.append({"name": contract.service, "description": contract.doc})
        for method in methods:
            path = f"/api/v1/call/{contract.service}/{method.name}"
            paths[path] = {"post": _operation(contract, method, rename)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Homeport",
            "version": version,
            "description": "The services of this node, called by name, and the registry that runs them.",
        },
        "servers": [{"url": "/"}],
        "tags": tags,
        "paths": paths,
        "components": {**COMPONENTS, "schemas": schemas},
        **({"security": [{"token": []}]} if public_only else {}),
    }


def _component_names(contract: Contract) -> dict[str, str]:
    """Definition → component key. A service's own begin with ``<service>.``, so no two services can clash."""
    names: dict[str, str] = {}
    for name in sorted(contract.definitions):
        key = base = f"{contract.service}.{_NOT_IN_A_KEY.sub('_', name).strip('_') or 'Type'}"
        count = 1
        while key in names.values():
            count += 1
            key = f"{base}_{count}"
        names[name] = key
    return names


def _renamer(names: Mapping[str, str]) -> Callable[[str], str]:
    def rename(reference: str) -> str:
        if not reference.startswith(_PREFIX):
            return reference
        name = reference.removeprefix(_PREFIX).replace("~1", "/").replace("~0", "~")
        return f"#/components/schemas/{names.get(name, name)}"

    return rename


def _rewrite(schema: Any, rename: Callable[[str], str]) -> Any:
    """The schema with its references renamed; values that only look like references are left alone."""
    if isinstance(schema, list):
        return [_rewrite(part, rename) for part in schema]
    if not isinstance(schema, dict):
        return schema
    rewritten: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "$ref" and isinstance(value, str):
            rewritten[key] = rename(value)
        elif key in _LITERAL:
            rewritten[key] = value
        elif key in _NAMED and isinstance(value, dict):
            rewritten[key] = {name: _rewrite(part, rename) for name, part in value.items()}
        elif key == "discriminator" and isinstance(value, dict):
            mapping = {tag: rename(target) for tag, target in value.get("mapping", {}).items()}
            rewritten[key] = {**value, **({"mapping": mapping} if mapping else {})}
        else:
            rewritten[key] = _rewrite(value, rename)
    return rewritten


def _operation(contract: Contract, method: MethodContract, rename: Callable[[str], str]) -> dict[str, Any]:
    summary, _, description = method.doc.strip().partition("\n")
    operation: dict[str, Any] = {
        "operationId": f"{contract.service}.{method.name}",
        "tags": [contract.service],
        "summary": summary or f"{contract.service}.{method.name}",
        "parameters": [
            {"$ref": "#/components/parameters/Timeout"},
            {"$ref": "#/components/parameters/Traceparent"},
        ],
        "requestBody": _request_body(contract, method, rename),
        "responses": _responses(method, rename),
    }
    notes = [description.strip(), "Idempotent: it may be sent again." if method.idempotent else ""]
    if text := "\n\n".join(note for note in notes if note):
        operation["description"] = text
    return operation


def _request_body(contract: Contract, method: MethodContract, rename: Callable[[str], str]) -> dict[str, Any]:
    required = [parameter.name for parameter in method.parameters if parameter.required]
    schema: Schema = {
        "type": "object",
        "properties": {parameter.name: _rewrite(parameter.schema, rename) for parameter in method.parameters},
        "additionalProperties": False,
    }
    if required:
        schema["required"] = required
    content = {"schema": schema, "example": example_arguments(method, contract.definitions)}
    return {
        "description": "Arguments by name. An array gives them by position.",
        "required": bool(required),
        "content": {"application/json": content},
    }


def _responses(method: MethodContract, rename: Callable[[str], str]) -> dict[str, Any]:
    result = _rewrite(method.result, rename)
    if method.streams:
        success = {
            "description": "A stream; each item is one line, or the data of one event.",
            "content": {"application/x-ndjson": {"schema": result}, "text/event-stream": {"schema": result}},
        }
    else:
        success = {"description": "The result.", "content": {"application/json": {"schema": result}}}
    responses: dict[str, Any] = {"200": success}
    by_status: dict[int, list[ErrorContract]] = {}
    for error in method.raises:
        by_status.setdefault(error.status, []).append(error)
    for status, errors in sorted(by_status.items()):
        responses[str(status)] = _declared_errors(errors, rename)
    for status_text, name in (("422", "BadArguments"), ("503", "Unavailable"), ("504", "DeadlineExceeded")):
        responses.setdefault(status_text, {"$ref": f"#/components/responses/{name}"})
    responses["default"] = {"$ref": "#/components/responses/Problem"}
    return responses


def _declared_errors(errors: list[ErrorContract], rename: Callable[[str], str]) -> dict[str, Any]:
    options: list[Schema] = []
    for error in errors:
        properties: Schema = {"code": {"const": error.code}, "status": {"const": error.status}}
        if error.schema:
            properties["fields"] = _rewrite(error.schema, rename)
        options.append(
            {"allOf": [{"$ref": "#/components/schemas/Problem"}, {"type": "object", "properties": properties}]}
        )
    schema = options[0] if len(options) == 1 else {"oneOf": options}
    return {
        "description": " or ".join(error.code for error in errors),
        "content": {"application/problem+json": {"schema": schema}},
    }
