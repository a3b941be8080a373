"""The page of operations: figures of the store, jobs, and what happens when a part of it cannot be read."""

import re
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from apscheduler.triggers.interval import IntervalTrigger
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from leaderboard.archive.job_runs import JobRuns
from leaderboard.checkup import database as databases
from leaderboard.checkup.examination import look, of_store, of_work
from leaderboard.errors import DatabaseUnavailable, StoreUnavailable
from leaderboard.metrics import FOLDER
from leaderboard.running import Run
from leaderboard.services import Services
from leaderboard.store import keys
from leaderboard.store.checkup.check import Wanted, in_memory
from leaderboard.store.checkup.findings import in_order, unknown
from leaderboard.store.job_requests import JobRequests, ScheduledJob, Told
from leaderboard.store.scripts import load
from leaderboard.web import checking, jobstates, operations, processfigures, storefigures
from leaderboard.web.panels import Panels, Part
from scheduler import clockwork as clockwork_module
from scheduler.clockwork import Clockwork
from scheduler.schedule import Job
from tests.conftest import Service
from tests.web.person import Person, words

SECONDS = 10


@pytest.fixture(autouse=True)
def _anew(service: Service) -> Iterator[None]:
    """No part that another test read, and no word of its schedulers."""
    service.app.extensions.pop("leaderboard.panels", None)
    service.services.store.client.delete(keys.jobs_told())
    yield
    service.app.extensions.pop("leaderboard.panels", None)
    service.services.store.client.delete(keys.jobs_told())


@pytest.fixture
def job(service: Service) -> Iterator[str]:
    """A job that a scheduler says it has."""
    name = "job-" + secrets.token_hex(6)
    tell(service, name)
    yield name
    service.services.store.client.delete(keys.job_wanted(name))


def tell(service: Service, name: str) -> None:
    due = service.clock.now() + timedelta(minutes=7)
    told = Told("host:1", service.clock.now(), (ScheduledJob(name, "every 9 min", "Seals <things>.", due),))
    JobRequests(service.services.store).tell(told)


def only_valkey(service: Service) -> None:
    if service.services.settings.in_memory:
        pytest.skip("a store that is no server has no such figures")


def test_figures_of_the_store(service: Service) -> None:
    service.put_board("b")
    service.submit("ada", 1)
    page = words(Person(service, "viewer").get("/operations"))
    assert "Store answers" in page
    assert "Database answers" in page
    if service.services.settings.in_memory:
        assert "The store is in this process's memory: nothing is kept when it ends." in page
        assert "has no servers" in page
        return
    if service.services.store.is_spread:
        found = storefigures.servers(service.services.store)
        assert len(found) == 6
        assert all(one.name in page for one in found)
        assert page.count("Role primary") == page.count("Role replica") == 3
        return
    info: Any = service.services.store.client.info()
    assert f"Valkey {info['valkey_version']}" in page
    for label in (
        "Role primary",
        "Memory limit none",
        "Replication no replica",
        "Append-only log on",
        "Keys evicted 0",
    ):
        assert label in page
    (server,) = storefigures.servers(service.services.store)
    assert server.memory_used == pytest.approx(info["used_memory"], rel=0.2)


def test_slow_commands_go_by_the_names_of_scripts_and_show_nobody(service: Service) -> None:
    only_valkey(service)
    if service.services.store.is_spread:
        pytest.skip("a threshold is set on one server")
    client: Any = service.services.store.client
    service.put_board("b")
    before = client.config_get("slowlog-log-slower-than")["slowlog-log-slower-than"]
    client.slowlog_reset()
    client.config_set("slowlog-log-slower-than", 0)
    try:
        service.submit("secret-player", 77)
        submit = load("submit")
        client.execute_command("EVAL", load("release").text, 1, "session:{s3cret-session}", "token")
        client.get("rl:{g}:b1:secret-player")
    finally:
        client.config_set("slowlog-log-slower-than", before)
    found = {(one.command, one.script, one.owner) for one in storefigures.slow_commands(service.services.store)}
    assert ("EVAL", "release", "session:…") in found
    assert ("GET", "", "rl:…") in found
    assert {("EVALSHA", "submit", f"{service.game}/b"), ("EVAL", "submit", f"{service.game}/b")} & found
    page = Person(service, "viewer").get("/operations")
    section = page[page.index('id="slow"') : page.index('id="processes"')]
    assert "submit" in section
    for hidden in ("secret-player", "s3cret", submit.sha, "redis.call"):
        assert hidden not in page
    client.slowlog_reset()


def test_a_script_of_somebody_else_is_none_of_ours() -> None:
    row = [1, 1_700_000_000, 2500, [b"EVALSHA", b"0" * 40, b"1", b"lb:{g:b#2}:meta", b"ada"], b"", b""]
    one = storefigures._slow_command("", row)
    assert (one.script, one.owner, one.ms, one.arguments) == ("a script of somebody else", "g/b", 2.5, 2)
    text = load("submit").text.encode()
    cut = text[:128] + b"... (%d more bytes)" % (len(text) - 128)
    assert storefigures._slow_command("", [1, 1, 1, [b"EVAL", cut, b"0"], b"", b""]).script == "submit"
    long = [b"EVALSHA", load("submit").sha.encode(), b"1", *[b"x"] * 28, b"... (69 more arguments)"]
    assert storefigures._slow_command("", [1, 1, 1, long, b"", b""]).arguments == 97
    assert storefigures._slow_command("", [1, 1, 1, [b"PING"], b"", b""]).owner == ""


def test_what_is_wrong_with_a_server_is_said() -> None:
    info = {
        "role": "slave", "master_link_status": "down", "maxmemory": 100, "used_memory": 95, "evicted_keys": 3,
        "aof_last_write_status": "err",
    }  # fmt: skip
    assert [warning.split(" ")[0] for warning in storefigures._warnings(info)] == ["95", "3", "The", "This"]
    assert list(storefigures._warnings({"role": "master", "maxmemory": 0})) == []


def test_a_job_and_its_runs(service: Service, job: str) -> None:
    runs, now = JobRuns(service.services.database), service.clock.now()
    run = runs.start(job, "token", "host:1", now, now)
    runs.finish(run, now + timedelta(seconds=2.5), counts={"sealed_periods": 1234, "dropped": 0})
    visitor = Person(service, "viewer")
    page = words(visitor.get("/operations"))
    assert f"{job} Seals <things>. 2026-11-23 12:00 UTC done 2.5 s sealed periods: 1,234 2026-11-23 12:07 UTC" in page
    assert "Run now" not in page
    failed = runs.start(job, "token2", "host:1", now, now)
    runs.finish(failed, now, error="ValueError: <b>first</b>\nsecond line")
    running = runs.start(job, "token3", "host:1", now, now)
    service.services.store.client.set(keys.job(job), "token3", ex=5)
    try:
        states = {state.job.id: state for state in jobstates.read(service.services).states}
        assert (states[job].state, states[job].seconds) == ("running", None)
        page = visitor.get(f"/operations/jobs/{job}")
        assert "running" in words(page)
    finally:
        service.services.store.client.delete(keys.job(job))
    assert "<b>first" not in page
    history = words(page)
    assert history.index("failed") < history.index("done 2.5 s")
    assert "second line" in history
    states = {state.job.id: state for state in jobstates.read(service.services).states}
    assert states[job].state == "broken off"
    runs.finish(running, now, counts={})
    states = {state.job.id: state for state in jobstates.read(service.services).states}
    assert states[job].detail == "there was nothing to do"
    visitor.get("/operations/jobs/no-such-job", 404)


def test_a_job_that_is_wanted_is_run_by_a_scheduler(
    service: Service, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clockwork_module, "_FIRST_WITHIN_MS", 1)
    services, visitor = service.services, Person(service)
    ran: list[datetime] = []

    def work(_services: Services, now: datetime, _run: Run) -> Mapping[str, int]:
        ran.append(now)
        return {"done": len(ran)}

    clockwork = Clockwork(services, (Job(job, IntervalTrigger(hours=9, timezone=UTC), work, "Works."),))
    clockwork.start()
    try:
        wait_until(lambda: len(ran) == 1)
        answer = visitor.post(f"/operations/jobs/{job}/run", on="/operations")
        assert (answer.status_code, answer.location) == (303, "/operations#jobs")
        assert f"A scheduler will run {job} within a few seconds." in visitor.get("/operations")
        wait_until(lambda: len(ran) == 2)
    finally:
        clockwork.stop()
    assert JobRuns(services.database).recent(job)[0].counts == {"done": 2}
    assert JobRequests(services.store).wanted([job]) == {}
    state = next(one for one in jobstates.read(services).states if one.job.id == job)
    assert state.job.when == "every 9 h"
    assert state.job.due is not None


def wait_until(is_true: Any) -> None:
    until = time.monotonic() + SECONDS
    while not is_true():
        assert time.monotonic() < until
        threading.Event().wait(0.02)


def test_a_request_waits_and_is_not_made_twice(service: Service, job: str) -> None:
    visitor = Person(service)
    address = f"/operations/jobs/{job}/run"
    assert visitor.post(address, on="/operations").status_code == 303
    page = words(visitor.get("/operations"))
    assert f"wanted now by {visitor.name}" in page
    visitor.post(address, on="/operations")
    assert f"{job} is asked for already" in visitor.get("/operations")
    assert JobRequests(service.services.store).take(job)
    assert not JobRequests(service.services.store).take(job)


def test_without_a_scheduler_nobody_is_asked(service: Service, job: str) -> None:
    visitor = Person(service)
    service.services.store.client.delete(keys.jobs_told())
    visitor.post(f"/operations/jobs/{job}/run", on="/account")
    page = words(visitor.get("/operations"))
    assert "so nobody would run it" in page
    assert "No scheduler has been heard of for 30 seconds." in page
    assert JobRequests(service.services.store).wanted([job]) == {}
    tell(service, job)
    assert visitor.post("/operations/jobs/no-such-job/run", on="/account").status_code == 404


def test_who_may(service: Service, job: str) -> None:
    for role in ("viewer", "editor"):
        visitor = Person(service, role)
        for path in ("/operations", "/operations/parts", "/operations/checkup", "/operations/boards"):
            visitor.get(path)
        assert visitor.post(f"/operations/jobs/{job}/run", on="/account").status_code == 403
    assert Person(service).client.post(f"/operations/jobs/{job}/run").status_code == 400
    assert JobRequests(service.services.store).wanted([job]) == {}
    nobody = Person(service, None)
    assert nobody.client.get("/operations").location.startswith("/signin")


@pytest.mark.parametrize(
    ("module", "name", "says"),
    [
        (storefigures, "servers", "The servers’ figures could not be read"),
        (storefigures, "slow_commands", "The slow commands could not be read"),
        (processfigures, "processes", "What the web processes count could not be read"),
        (jobstates, "read", "The jobs could not be read"),
    ],
)
@pytest.mark.parametrize("error", [StoreUnavailable("The store is away: TimeoutError."), ValueError("secret")])
def test_a_part_that_fails_takes_no_other_along(
    service: Service, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, says: str, error: Exception
) -> None:
    if module is storefigures:
        only_valkey(service)

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(module, name, fail)
    page = words(Person(service, "viewer").get("/operations"))
    assert says in page
    assert "secret" not in page
    assert "Store answers" in page
    assert page.count("could not be read") == 1


def test_a_part_that_hangs_is_not_waited_for(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    release, asked = threading.Event(), []

    def hang() -> None:
        asked.append(1)
        release.wait(SECONDS)

    monkeypatch.setattr(operations, "_WAIT_SECONDS", 0.2)
    monkeypatch.setattr(processfigures, "processes", hang)
    visitor = Person(service, "viewer")
    try:
        for _ in range(3):
            began = time.monotonic()
            page = words(visitor.get("/operations"))
            assert time.monotonic() - began < 3
            assert "What the web processes count could not be read in time." in page
            assert "Store answers" in page
        assert len(asked) == 1  # it is asked by one thread, however many look at the page
    finally:
        release.set()


def test_parts_are_kept_for_a_while_and_failures_for_a_shorter_one() -> None:
    now, made = [100.0], []
    panels = Panels(lambda: now[0])

    def read() -> int:
        made.append(1)
        if len(made) == 2:
            raise ValueError
        return len(made)

    part = {"a": Part(read, 10.0)}
    assert panels.read(part, SECONDS)["a"].value == 1
    now[0] = 109.0
    assert (panels.read(part, SECONDS)["a"].value, panels.read(part, SECONDS)["a"].age_seconds) == (1, 9)
    now[0] = 110.0
    assert not panels.read(part, SECONDS)["a"].is_there
    now[0] = 111.0
    assert not panels.read(part, SECONDS)["a"].is_there
    now[0] = 112.0
    assert panels.read(part, SECONDS)["a"].value == 3
    panels.forget("a")
    assert panels.read(part, SECONDS)["a"].value == 4


def test_the_check_up(service: Service) -> None:
    service.put_board("b")
    service.submit("ada", 1)
    page = words(Person(service, "viewer").get("/operations/checkup"))
    for check in ("database", "migrations", "database durability", "database space", "jobs", "snapshots"):
        assert f" {check} " in page
    if service.services.settings.in_memory:
        assert "Failures 1" in page
        assert "What to do: Leave LEADERBOARD_REDIS_URL empty for the embedded store" in page
        return
    assert "well it answers" in page
    for check in ("sealing", "memory limit", "appendonly", "latency", "lifetimes", "orphans", "slow commands"):
        assert check in page
    assert "Looked at 0 s ago" in page


def test_the_check_up_finds_what_the_doctor_finds(service: Service) -> None:
    settings, now = service.services.settings, service.clock.now()
    service.put_board("b")
    page = Person(service, "viewer").get("/operations/checkup")
    findings, contents = look(settings)
    assert contents is not None
    wanted = Wanted(now=now.timestamp)
    client = service.services.store.client
    of_both = [*findings, *of_work(contents, settings, now)]
    of_both += in_memory().findings if settings.in_memory else of_store(lambda: client, wanted, contents, now)
    shown = [check.replace(" ", "-") for check in re.findall(r'<th scope="row">([a-z -]+)', page)]
    assert shown == [finding.check for finding in in_order(of_both)]


def test_a_check_up_without_the_database(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise DatabaseUnavailable("nobody is at home")

    visitor = Person(service, "viewer")
    visitor.get("/operations")
    monkeypatch.setattr(databases, "ask", away)
    monkeypatch.setattr(checking, "_contents", away)
    page = words(visitor.get("/operations/checkup"))
    assert "database failure it does not answer: nobody is at home" in page
    assert ("appendonly" if service.services.settings.in_memory else "well it answers") in page


def test_a_check_up_that_takes_long(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(operations, "_LONG_WAIT_SECONDS", 0.5)
    monkeypatch.setattr(checking, "of_store", lambda _: release.wait(SECONDS) and [unknown("store", "hm")])
    monkeypatch.setattr(operations, "_costs", lambda _: release.wait(SECONDS) and [])
    visitor = Person(service, "viewer")
    try:
        page = words(visitor.get("/operations/checkup"))
        assert "The store is still being looked at." in page
        assert "The database is still" not in page
        assert "the schema is that of this release" in page
        assert "The boards are being measured" in visitor.get("/operations/boards")
    finally:
        release.set()
    monkeypatch.setattr(operations, "_LONG_WAIT_SECONDS", SECONDS)
    page = words(visitor.get("/operations/checkup"))
    assert "store not asked hm" in page
    assert "still being looked at" not in page
    assert "There are no boards yet." in visitor.get("/operations/boards")


def test_the_largest_boards(alone: Service) -> None:
    alone.put_board("small")
    alone.submit("ada", 1, "small")
    alone.put_board("large", periods=["all", "day"])
    alone.bulk([{"board": "large", "player": f"p{number}", "score": number} for number in range(500)])
    page = words(Person(alone, "viewer").get("/operations/boards"))
    costs = [cost for cost in operations._costs(alone.services) if cost.board.game == alone.game]
    assert [(cost.board.name, cost.entries, cost.periods) for cost in costs][:1] == [("large", 1000, 2)]
    if not alone.services.settings.in_memory:
        assert costs[0].size in page
        assert page.index("large") < page.index("small")


def test_caches_and_limits_of_this_process(service: Service) -> None:
    service.put_board("b")
    service.submit("ada", 1)
    for _ in range(3):
        service.get("/boards/b/percentile", query={"p": 50})
    kept = processfigures.kept(service.services)
    assert kept.asked == kept.hits + kept.misses + kept.early + kept.stale > 0
    page = words(Person(service, "viewer").get("/operations"))
    assert f"Cache of answers this process Were there {kept.hit_share}" in page
    assert "Limits this process" in page
    assert "Refused by player submissions" in page


def test_caches_and_limits_of_all_processes(service: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As two workers of a machine count, each into files of its own."""
    script = """
from leaderboard.metrics import Meters
meters = Meters()
meters.bring({("shared_reads", "hits"): 30, ("shared_reads", "misses"): 10, ("building", ""): 0.5})
meters.bring({("limit_refusals", "player_submissions"): 4, ("limit_asks", ""): 6, ("limit_alone", ""): 1})
"""
    monkeypatch.setenv(FOLDER, str(tmp_path))
    for _ in range(2):
        subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
    found = processfigures.processes()
    assert found.kept == processfigures.Kept(60, 0, 20, 0, 0, 1.0)
    assert found.limited == processfigures.Limited({"player_submissions": 8}, 12, 2)
    page = words(Person(service, "viewer").get("/operations"))
    assert "Cache of answers all web processes Were there 75.0 %" in page
    assert "Limits all web processes Refused by player submissions 8 Questions to the store 12" in page
    assert "answers this process" not in page
    assert "Limits this process" not in page


def test_what_the_processes_count(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = CollectorRegistry()
    requests = Counter("leaderboard_http_requests", "Requests", ["method", "route", "status"], registry=registry)
    for route, status, count in (("/v1/a", 200, 90), ("/v1/a", 404, 8), ("/v1/a", 503, 2), ("/v1/b", 200, 1)):
        requests.labels("GET", route, str(status)).inc(count)
    name, bounds = "leaderboard_http_request_duration_seconds", (0.001, 0.25)
    durations = Histogram(name, "Durations", ["method", "route"], buckets=bounds, registry=registry)
    for seconds, count in ((0.0004, 60), (0.2, 38), (9.0, 2)):
        for _ in range(count):
            durations.labels("GET", "/v1/a").observe(seconds)
    tops = Counter("leaderboard_top_reads", "Tops", ["source"], registry=registry)
    tops.labels("memory").inc(7)
    tops.labels("store").inc(3)
    Counter("leaderboard_sign_ins", "Never counted", ["outcome"], registry=registry).labels("failed")
    Gauge("leaderboard_workers", "Workers", registry=registry).set(2)
    monkeypatch.setattr(processfigures, "exposition", lambda: (generate_latest(registry), ""))
    found = processfigures.processes()
    (first, second) = found.routes
    assert (first.name, first.requests, first.refused, first.failed) == ("GET /v1/a", 100, 8, 2)
    assert (first.within(0.5), first.within(0.98), first.within(0.99)) == ("1 ms", "250 ms", "longer")
    assert (second.name, second.requests, second.within(0.5)) == ("GET /v1/b", 1, "")
    assert [(one.total, dict(one.counts)) for one in found.counters] == [(10, {"memory": 7, "store": 3})]
    assert found.gauges == [("Web processes", 2.0)]
