"""The OpenAPI document is valid, covers every route, and says what the service does."""

import os
import re
import socket
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from leaderboard.app import OPERATIONS, create_app
from leaderboard.config import Settings

EXAMPLES = int(os.environ.get("OPENAPI_EXAMPLES", "40" if os.environ.get("CI") else "15"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
PLAYERS = ("ada", "grace", "WAC/St. Andrä", "lin", "tags", "a b", "é")
BOARDS = st.sampled_from([None, "plain", "two", "first", "total"])
PROBES = ("/healthz", "/readyz")
ROUTES = [(f"/v1{one.path}", one.method) for one in OPERATIONS] + [(path, "GET") for path in PROBES]


@pytest.fixture
def document(service: Any) -> Any:
    return schemathesis.openapi.from_wsgi("/openapi.json", service.app)


def test_it_is_valid_and_of_version_3_1(document: Any) -> None:
    assert document.raw_schema["openapi"].startswith("3.1.")
    document.validate()


def test_it_covers_every_route(service: Any, document: Any) -> None:
    routed = set()
    for rule in service.app.url_map.iter_rules():
        if rule.rule.startswith("/v1/") or rule.rule in PROBES:
            path = re.sub(r"<\w+:(\w+)>", r"{\1}", rule.rule)
            routed |= {(path, method) for method in rule.methods - {"HEAD", "OPTIONS"}}
    described = {(path, method.upper()) for path, item in document.raw_schema["paths"].items() for method in item}
    assert described == routed == set(ROUTES)


def test_every_operation_is_described(document: Any) -> None:
    raws = [one.ok().definition.raw for one in document.get_all_operations()]
    names = [raw["operationId"] for raw in raws if raw["tags"] != ["probes"]]
    assert len(set(names)) == len(names) == len(OPERATIONS)
    for raw in raws:
        assert raw["summary"]
        assert all(answer["description"] for answer in raw["responses"].values())
        assert all(
            "application/problem+json" in raw["responses"][code]["content"] for code in raw["responses"] if code >= "4"
        )


def fill(service: Any) -> None:
    service.put_board("plain")
    service.put_board("two", score={"type": "integer", "min": -9, "max": 9}, subscore={"min": 0, "max": 9})
    service.put_board("first", ties="first", order="asc", operator="last")
    service.put_board("total", operator="sum", periods=["year", "hour"], score={"decimals": 2})
    for number, player in enumerate(PLAYERS):
        item = {"player": player, "score": number, "metadata": {"n": number}}
        service.bulk([{"board": board, **item} for board in ("plain", "first", "total")])
        service.bulk([{"board": "two", "subscore": number, **item}])


@pytest.mark.parametrize("store_url", ["valkey"], indirect=True)  # what is documented is the same on either store
@pytest.mark.parametrize(("path", "method"), ROUTES)
def test_the_service_answers_as_it_says(service: Any, document: Any, path: str, method: str) -> None:
    fill(service)
    operation = document[path][method]
    headers = {"Authorization": f"Bearer {service.keys['server']}"}
    cases = st.one_of([operation.as_strategy(generation_mode=mode) for mode in GenerationMode])

    # A stream is listened to for two seconds each time; tests/live has the rest of it.
    examples = EXAMPLES // 10 if path.endswith("/stream") else EXAMPLES

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=cases, board=BOARDS, player=st.none() | st.sampled_from(PLAYERS))
    def send(case: Any, board: str | None, player: str | None) -> None:
        for name, value in (("board", board), ("player", player)):
            if name in case.path_parameters and value:
                case.path_parameters[name] = value
        response = case.call(headers=headers)
        case.validate_response(response, checks=CHECKS)

    send()


@pytest.mark.parametrize("path", ["/v1/boards/{board}/top", "/readyz"])
def test_a_store_that_is_away_is_answered_as_it_says(tmp_path: Path, path: str) -> None:
    with socket.socket() as taken, ExitStack() as stack:
        taken.bind(("127.0.0.1", 0))  # ours, and nobody listens on it
        url = f"redis://127.0.0.1:{taken.getsockname()[1]}"
        app = create_app(Settings(data_dir=tmp_path, redis_url=url, redis_retries=0))
        services = stack.enter_context(closing(app.extensions["leaderboard"]))
        key = services.access.create_key("game", "server", services.clock())
        operation = schemathesis.openapi.from_wsgi("/openapi.json", app)[path]["GET"]
        case = operation.Case(path_parameters={"board": "b"} if "{board}" in path else {})
        response = case.call(headers={"Authorization": f"Bearer {key}"})
        assert response.status_code == 503
        case.validate_response(response, checks=CHECKS[1:])
