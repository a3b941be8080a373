"""The dashboard, the alert rules and their documentation against what a running service really tells."""

import json
import os
import re
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.processes import run, serving

_FOLDER = Path(__file__).parents[2] / "docs" / "monitoring"
_SECONDS = 20
_NAME = re.compile(r"\b(?:leaderboard_[a-z_]+|up)\b(?=[ {)\[]|$)")
_ASKED = 60

Samples = dict[str, list[tuple[dict[str, str], float]]]


def _samples(url: str) -> Samples:
    with urlopen(f"{url}/metrics", timeout=_SECONDS) as answer:
        text = answer.read().decode()
    found: Samples = defaultdict(list)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name].append((sample.labels, sample.value))
    return found


def _sum(found: Samples, name: str, **labels: str) -> float:
    return sum(value for given, value in found.get(name, []) if labels.items() <= given.items())


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Samples]:
    """`/metrics` of two workers that have served both ways, and had refusals and a job."""
    folder = tmp_path_factory.mktemp("metrics")
    with serving(folder, "--workers", "2") as (_, url):
        key = run(folder, "keys", "create", "game").stdout.strip()
        head = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

        def ask(method: str, path: str, body: bytes | None = None) -> None:
            try:
                urlopen(Request(url + path, body, head, method=method), timeout=_SECONDS).close()
            except HTTPError as error:
                error.close()

        ask("PUT", "/v1/boards/b", b"{}")
        for number in range(_ASKED):  # each is a connection of its own, so both workers get some
            ask("POST", "/v1/boards/b/scores", b'{"player":"p%d","score":1}' % number)
        ask("GET", "/v1/boards/nope/top")
        ask("PROPFIND", "/v1/boards/b")
        ask("GET", "/nothing/here")
        deadline = time.monotonic() + _SECONDS
        while True:
            found = _samples(url)
            done = _sum(found, "leaderboard_http_requests_total", route="/v1/boards/{board}/scores") >= _ASKED
            done &= _sum(found, "leaderboard_http_requests_total", status="404") >= 2
            done &= _sum(found, "leaderboard_workers") == 2
            if done and len(found["leaderboard_job_last_success_timestamp_seconds"]) >= 6:
                break
            assert time.monotonic() < deadline, dict(found)
            time.sleep(0.2)
        yield found


@pytest.fixture(scope="module")
def dashboard() -> Any:
    return json.loads((_FOLDER / "grafana-dashboard.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def rules() -> Any:
    return [
        rule
        for group in yaml.safe_load((_FOLDER / "alerts.yml").read_text("utf-8"))["groups"]
        for rule in group["rules"]
    ]


@pytest.mark.long
def test_two_workers_are_one_sum(told: Samples) -> None:
    scores = {"method": "POST", "route": "/v1/boards/{board}/scores"}
    assert _sum(told, "leaderboard_http_requests_total", **scores, status="200") == _ASKED
    assert _sum(told, "leaderboard_http_request_duration_seconds_count", **scores) == _ASKED
    assert _sum(told, "leaderboard_http_request_duration_seconds_bucket", **scores, le="+Inf") == _ASKED
    assert 0 < _sum(told, "leaderboard_http_request_duration_seconds_sum", **scores) < _ASKED
    assert _sum(told, "leaderboard_workers") == 2
    ways = {way: _sum(told, "leaderboard_requests_total", way=way) for way in ("short", "long")}
    assert ways["short"] > 0 < ways["long"], "both ways are counted alike"


@pytest.mark.long
def test_what_a_client_makes_up_is_no_label(told: Samples) -> None:
    labels = [labels for labels, _ in told["leaderboard_http_requests_total"]]
    assert {"method": "GET", "route": "(none)", "status": "404"} in labels
    assert {one["method"] for one in labels} <= {"GET", "POST", "PUT", "other"}
    assert "other" in {one["method"] for one in labels}
    assert not [one for one in labels if "nope" in one["route"] or "nothing" in one["route"]]


@pytest.mark.long
def test_stores_and_jobs_are_told_of(told: Samples) -> None:
    assert _sum(told, "leaderboard_store_up") == _sum(told, "leaderboard_database_up") == 1
    assert 0 < _sum(told, "leaderboard_store_ping_seconds") < 1
    assert _sum(told, "leaderboard_store_memory_used_bytes") > 100_000
    jobs = {labels["name"]: at for labels, at in told["leaderboard_job_last_success_timestamp_seconds"]}
    assert set(jobs) == {"seal", "windows", "captures", "stats", "prune", "snapshot"}
    assert all(abs(time.time() - at) < 120 for at in jobs.values())
    assert _sum(told, "leaderboard_job_failures_since_success") == 0


@pytest.mark.long
def test_dashboard_and_rules_name_what_there_is(told: Samples, dashboard: Any, rules: Any) -> None:
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    asked += [rule["expr"] for rule in rules]
    assert len(asked) > 40
    for query in asked:
        names = set(_NAME.findall(query))
        assert names, query
        assert not names - set(told) - {"up"}, query
    assert "label_values(leaderboard_build_info, instance)" in str(dashboard["templating"])


@pytest.mark.long
def test_labels_that_are_asked_for_exist(told: Samples, dashboard: Any, rules: Any) -> None:
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    known = {label for samples in told.values() for labels, _ in samples for label in labels} | {"instance", "job"}
    for query in [*asked, *(rule["expr"] for rule in rules)]:
        used = {name for group in re.findall(r"by \(([a-z, ]+)\)", query) for name in group.split(", ")}
        used |= set(re.findall(r"[{,]([a-z]+)(?==~?\"|!=)", query))
        assert used <= known, query


@pytest.mark.long
def test_every_metric_is_documented(told: Samples) -> None:
    page = (_FOLDER / "README.md").read_text("utf-8")
    ours = {re.sub(r"_(bucket|count|sum)$", "", name) for name in told if name.startswith("leaderboard_")}
    ours = {name for name in ours if not name.endswith("_created")}
    assert len(ours) > 30
    assert {name for name in ours if f"`{name}`" not in page} == set()
    written = set(re.findall(r"`(leaderboard_[a-z_]+)`", page))
    assert written - ours == set(), "and nothing is documented that there is not"


def test_the_dashboard_can_be_imported(dashboard: Any) -> None:
    assert dashboard["schemaVersion"] >= 39
    assert dashboard["title"]
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert len(places) == len(panels), "no panel lies on another"
    for panel in panels:
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
        if panel["type"] != "row":
            assert panel["datasource"]["uid"] == "${datasource}"
    rows = [panel["title"] for panel in panels if panel["type"] == "row"]
    assert {"Traffic", "Latency", "Errors", "Store and database", "Jobs", "Caches"} <= set(rows)


def test_every_rule_says_what_to_do(rules: Any) -> None:
    headings = re.findall(r"^### (.+)$", (_FOLDER / "README.md").read_text("utf-8"), re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert len({rule["alert"] for rule in rules}) == len(rules) >= 11
    used = set()
    for rule in rules:
        assert re.fullmatch(r"[0-9]+[smh]", rule["for"])
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"]["summary"].endswith(".")
        page, _, anchor = rule["annotations"]["remedy"].partition("#")
        assert page == "docs/monitoring/README.md"
        assert anchor in anchors, rule["alert"]
        used.add(anchor)
    assert anchors == used, "what is explained has an alert"


@pytest.mark.long
def test_a_worker_that_died_is_no_worker(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2", "--no-scheduler") as (process, url):
        for _ in range(10):
            urlopen(f"{url}/healthz", timeout=_SECONDS).close()
        _await(url, lambda found: _sum(found, "leaderboard_http_requests_total", route="/healthz") >= 10)
        _await(url, lambda found: _sum(found, "leaderboard_workers") == 2)
        workers = _forks(process.pid)
        os.kill(workers[0], signal.SIGKILL)
        _await(url, lambda _: len(now := _forks(process.pid)) == 2 and workers[0] not in now)
        after = _await(url, lambda found: _sum(found, "leaderboard_workers") == 2)
        asked = _sum(after, "leaderboard_http_requests_total", route="/healthz")
        assert asked == 10, "what it counted stays"
        time.sleep(1.5)  # the new one has reported by then
        assert _sum(_samples(url), "leaderboard_workers") == 2


def _forks(pid: int) -> list[int]:
    """The web processes: children that run what their parent runs."""
    own = Path(f"/proc/{pid}/cmdline").read_bytes()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children if Path(f"/proc/{child}/cmdline").read_bytes() == own]


def _await(url: str, is_so: Callable[[Samples], bool]) -> Samples:
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            found = _samples(url)
            if is_so(found):
                return found
        except OSError:  # the worker that was asked is gone
            found = {}
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
