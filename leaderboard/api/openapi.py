"""The OpenAPI 3.1 document, from the operations and their schemas."""

import re
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema

from leaderboard import __version__
from leaderboard.api.operations import Operation
from leaderboard.api.schemas import ProblemAnswer
from leaderboard.fields import BOARD_NAME
from leaderboard.live.following import CONTENT_TYPE

_TITLES = {
    200: "The answer.",
    201: "Made.",
    204: "Done.",
    304: "Nothing has changed since the ETag that came with the request.",
    400: "The body cannot be read.",
    401: "No key, or one that is not known.",
    403: "The key has no right to this.",
    404: "There is no such thing.",
    405: "Not with this method.",
    409: "Something would change that cannot any more.",
    413: "Too many bytes or items.",
    415: "A media type, charset or encoding that is not taken.",
    422: "Well-formed, but not acceptable.",
    429: "Over a limit; try again after `Retry-After` seconds.",
    503: "A store is away; try again after `Retry-After` seconds.",
}
_NAME = {"type": "string", "pattern": rf"^{BOARD_NAME.replace(chr(92) + 'Z', '$')}$"}
_PATH_PARAMETERS = {
    **dict.fromkeys(("board", "counter", "event", "funnel"), _NAME),
    "player": {
        "type": "string",
        "minLength": 1,
        "maxLength": 128,
        "description": "Always the end of a path, so it may hold slashes, percent-encoded or not.",
    },
}
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "With the same key and request again within 24 h, nothing is applied twice.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200},
}

_LAST_EVENT_ID = {
    "name": "Last-Event-ID",
    "in": "header",
    "description": "The id of the last event that was received: what came after it is told, and nothing twice.",
    "schema": {"type": "string"},
}
_FILES = {
    CONTENT_TYPE: {
        "type": "object",
        "description": "One event; its data is JSON. docs/live.md tells of each of them.",
        "properties": {
            "event": {"type": "string", "enum": ["snapshot", "change", "standing", "overtaken", "gone"]},
            "data": {"type": "string"},
            "id": {"type": "string"},
        },
    }
}

_NUMBER = {"type": "integer", "minimum": 0}
_STANDING = {
    "RateLimit-Limit": {"description": "The most that can be left of the limit told of.", "schema": _NUMBER},
    "RateLimit-Remaining": {"description": "What is left of it.", "schema": _NUMBER},
    "RateLimit-Reset": {"description": "Seconds until all of it is there again; in a 429, one.", "schema": _NUMBER},
    "RateLimit-Policy": {"description": "The limit, such as `6000;w=60`.", "schema": {"type": "string"}},
}
_RETRY_AFTER = {"description": "Seconds until it may work.", "required": True, "schema": {**_NUMBER, "minimum": 1}}


def document(operations: list[Operation]) -> dict[str, Any]:
    """The document of these operations."""
    spec = APISpec(
        title="Leaderboard",
        version=__version__,
        openapi_version="3.1.0",
        plugins=[MarshmallowPlugin(schema_name_resolver=_name)],
        info={"description": "Leaderboards over every period, with exact scores and ties.", "license": {"name": "MIT"}},
        security=[{"key": []}],
    )
    spec.components.security_scheme("key", {"type": "http", "scheme": "bearer"})
    spec.components.schema("Problem", schema=ProblemAnswer)
    for operation in operations:
        spec.path(path=f"/v1{operation.path}", operations={operation.method.lower(): _describe(operation)})
    for path, summary in (("/healthz", "The process lives"), ("/readyz", "Both stores answer")):
        spec.path(path=path, operations={"get": _describe_probe(summary)})
    found = spec.to_dict()
    for operation in operations:
        if (prefix := getattr(operation.query, "open_prefix", None)) is not None:
            _open(found["paths"][f"/v1{operation.path}"][operation.method.lower()]["parameters"], prefix)
    return found


def _open(parameters: list[dict[str, Any]], prefix: str) -> None:
    """Describes parameters whose names are not known beforehand: an object of them, written out one by one."""
    (parameter,) = (one for one in parameters if one["name"] == prefix.rstrip("."))
    schema = {"type": "object", "patternProperties": {f"^{re.escape(prefix)}": {"type": "string"}}}
    parameter |= {"style": "form", "explode": True, "schema": {**schema, "additionalProperties": False}}


def _describe(operation: Operation) -> dict[str, Any]:
    resource = operation.view.__module__.rpartition(".")[2]
    described: dict[str, Any] = {
        "operationId": f"{resource}_{operation.view.__name__}",
        "summary": operation.summary,
        "tags": [resource],
        "parameters": [{"in": "query", "schema": operation.query}] if operation.query().fields else [],
        "responses": _responses(operation),
    }
    for name in re.findall(r"\{(\w+)\}", operation.path):
        described["parameters"].append({"name": name, "in": "path", "required": True, "schema": _PATH_PARAMETERS[name]})
    if operation.body is not None:
        content: dict[str, Any] = {"application/json": {"schema": operation.body}}
        if operation.line is not None:
            content["application/x-ndjson"] = {"schema": operation.line}
        described["requestBody"] = {"required": True, "content": content}
    if CONTENT_TYPE in operation.files:
        described["parameters"].append(_LAST_EVENT_ID)
    if operation.may_repeat:
        described["parameters"].append(_IDEMPOTENCY_KEY)
    return described


def _responses(operation: Operation) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, schema in operation.answers.items():
        responses[str(status)] = {"description": _TITLES[status]}
        content: dict[str, Any] = {} if schema is None else {"application/json": {"schema": schema}}
        if status == 200:
            content |= {kind: {"schema": _FILES.get(kind, {"type": "string"})} for kind in operation.files}
        if content:
            responses[str(status)]["content"] = content
        if operation.is_limited:
            responses[str(status)]["headers"] = _STANDING
    refusals = {401, 422, 503, *operation.refusals}
    if operation.is_limited:
        refusals.add(429)
    if operation.server_only:
        refusals.add(403)
    if operation.body is not None:
        refusals |= {400, 413, 415}
    for status in sorted(refusals):
        responses[str(status)] = _problem(status)
    if operation.is_limited:
        responses["429"]["headers"] = {"Retry-After": _RETRY_AFTER, **_STANDING}
    return responses


def _problem(status: int) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": _TITLES[status], "content": content}


def _describe_probe(summary: str) -> dict[str, Any]:
    answer = {"description": "Yes.", "content": {"application/json": {"schema": {"type": "object"}}}}
    return {"summary": summary, "security": [], "tags": ["probes"], "responses": {"200": answer, "503": _problem(503)}}


def _name(schema: Any) -> str:
    kind = schema if isinstance(schema, type) else type(schema) if isinstance(schema, Schema) else None
    name = kind.__name__ if kind else str(schema)
    return name.removesuffix("Schema")
