"""The part of the OpenAPI document that is the same on every node: the registry's routes and shared shapes."""

from __future__ import annotations

from typing import Any

import msgspec

from homeport.http.api import InstanceList, Readiness, ServiceDetail
from homeport.model import Change, Instance, Problem
from homeport.registry.api import Done, OutsideInstance, ServiceAnswer, ServiceSummary, Story

_TYPES = (
    Problem,
    ServiceSummary,
    ServiceDetail,
    Instance,
    InstanceList,
    OutsideInstance,
    Done,
    Story,
    Change,
    ServiceAnswer,
    Readiness,
)
_SCHEMAS, _DEFINITIONS = msgspec.json.schema_components(_TYPES, ref_template="#/components/schemas/{name}")

TAGS = (
    {"name": "registry", "description": "Services and their instances: list, watch, and register from outside."},
    {"name": "node", "description": "How the node is doing."},
)


def _ref(kind: type) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{kind.__name__}"}


def _json(schema: dict[str, Any], description: str = "OK") -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _problem(description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/problem+json": {"schema": _ref(Problem)}}}


def _operation(
    id: str, summary: str, response: dict[str, Any], *parameters: dict[str, Any], tag: str = "registry", **more: Any
) -> dict[str, Any]:
    operation: dict[str, Any] = {"operationId": id, "tags": [tag], "summary": summary}
    if parameters:
        operation["parameters"] = list(parameters)
    responses = {"200": response, "default": {"$ref": "#/components/responses/Problem"}}
    return {**operation, **more, "responses": responses}


def _path(name: str, description: str) -> dict[str, Any]:
    schema = {"type": "string"}
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema}


def _query(name: str, description: str, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema or {"type": "string"}}


_ID = _path("id", "The id of the instance.")
_NAME = _path("name", "The name of a service; for why, also the id of an instance.")
_EVENTS = {
    "description": "`snapshot` (all that is known), then `change`, in order, each once; `id` is the revision.",
    "content": {"text/event-stream": {"schema": {"oneOf": [_ref(ServiceAnswer), _ref(Change)]}}},
}

FIXED_PATHS: dict[str, Any] = {
    "/api/v1/services": {
        "get": _operation("services", "List the services", _json({"type": "array", "items": _ref(ServiceSummary)}))
    },
    "/api/v1/services/{name}": {
        "get": _operation("service", "One service: its instances and its contract", _json(_ref(ServiceDetail)), _NAME)
    },
    "/api/v1/instances": {
        "get": _operation(
            "instances", "List the instances", _json(_ref(InstanceList)), _query("service", "Only of this service.")
        )
    },
    "/api/v1/instances/{id}": {
        "get": _operation("instance", "One instance", _json(_ref(Instance)), _ID),
        "put": _operation(
            "put_instance",
            "Register an outside program, or change what was registered",
            _json(_ref(Done)),
            _ID,
            requestBody={
                "required": True,
                "description": "Without the id, or with the same.",
                "content": {
                    "application/json": {
                        "schema": _ref(OutsideInstance),
                        "example": {"service": "legacy", "endpoints": ["http://127.0.0.1:9000"], "ttl": 30},
                    }
                },
            },
        ),
        "delete": _operation(
            "delete_instance",
            "Take an outside program away",
            _json(_ref(Done)),
            _ID,
            _query("reason", "Kept as the cause."),
        ),
    },
    "/api/v1/instances/{id}/forgive": {
        "post": _operation(
            "forgive_instance",
            "Forget that an instance has been flapping, so that it may be called again",
            _json({"type": "object", "properties": {"held_back": {"type": "boolean"}}}),
            _ID,
            _query("reason", "Kept as the cause."),
        )
    },
    "/api/v1/instances/{id}/heartbeat": {
        "put": _operation(
            "beat_instance",
            "Say that an outside program is alive, at least once per ttl",
            _json({"type": "object", "properties": {"known": {"const": True}}}),
            _ID,
        )
    },
    "/api/v1/watch": {
        "get": _operation(
            "watch",
            "Follow changes as server-sent events",
            _EVENTS,
            _query("service", "Only these services; may be repeated.", {"type": "array", "items": {"type": "string"}}),
            {
                "name": "Last-Event-ID",
                "in": "header",
                "description": "The revision to go on after.",
                "schema": {"type": "integer", "minimum": 0},
            },
        )
    },
    "/api/v1/why/{name}": {
        "get": _operation("why", "Tell the story of a service or an instance", _json(_ref(Story)), _NAME)
    },
    "/healthz": {"get": _operation("healthz", "Whether this process is alive", _json({"type": "object"}), tag="node")},
    "/readyz": {
        "get": _operation(
            "readyz", "Whether the registry is reachable and complete", _json(_ref(Readiness)), tag="node"
        )
    },
}

COMPONENTS: dict[str, Any] = {
    "schemas": dict(sorted(_DEFINITIONS.items())),
    "parameters": {
        "Timeout": {
            "name": "Homeport-Timeout",
            "in": "header",
            "description": "How long the call (of a stream: each item) may take: seconds, or `250ms`, `2m`.",
            "schema": {"type": "string"},
        },
        "Traceparent": {
            "name": "traceparent",
            "in": "header",
            "description": "W3C Trace Context; the call becomes part of this trace.",
            "schema": {"type": "string"},
        },
    },
    "responses": {
        "Problem": _problem("What went wrong, and the next step."),
        "BadArguments": _problem("The arguments do not fit; nothing was run."),
        "Unavailable": _problem("No instance could take the call; it may be sent again after `Retry-After` seconds."),
        "DeadlineExceeded": _problem("The deadline passed before the answer came."),
    },
    "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
}
