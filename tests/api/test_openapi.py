"""The OpenAPI document is valid, covers every route, and says what the service does."""

import os
import re
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from leaderboard.app import OPERATIONS

EXAMPLES = int(os.environ.get("OPENAPI_EXAMPLES", "40"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
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
    operations = [one.ok() for one in document.get_all_operations()]
    assert len({one.definition.raw["operationId"] for one in operations}) == len(operations)
    for one in operations:
        raw = one.definition.raw
        assert raw["summary"]
        assert all(raw["responses"][status]["description"] for status in raw["responses"])


@pytest.mark.parametrize(("path", "method"), ROUTES)
def test_it_says_what_the_service_does(service: Any, document: Any, path: str, method: str) -> None:
    service.put_board("b", operator="sum")
    operation = document[path][method]
    headers = {"Authorization": f"Bearer {service.keys['server']}"}
    modes = [operation.as_strategy(generation_mode=mode) for mode in GenerationMode.all()]
    cases = modes[0] | modes[1]
    sent = []

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=cases)
    def send(case: Any) -> None:
        response = case.call(headers=headers)
        sent.append((case.path_parameters, case.query, case.body, response.status_code, response.content[:200]))
        case.validate_response(response, checks=CHECKS)

    send()
    for s in sent[:8]: print(str(s)[:300])
