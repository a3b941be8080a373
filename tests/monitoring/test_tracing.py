"""Traces of a served process, as a collector gets them; and that there is nothing of it when it is off."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from http.client import HTTPConnection
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from leaderboard import tracing
from leaderboard.config import Settings
from leaderboard.errors import ConfigError
from tests.e2e.processes import end, run, serving
from tests.monitoring.collector import Collector, collecting

_SERVER, _CLIENT, _ERROR = 2, 3, 2
_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
_PARENT = "00f067aa0ba902b7"
_PLAYER = "ada-lovelace"  # a player: in no span
_SECONDS = 20


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with collecting() as found:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield found


@pytest.mark.long
def test_a_served_process_is_traced(tmp_path: Path, collector: Collector, traced: None) -> None:
    with serving(tmp_path, "--workers", "2") as (process, url):
        key = run(tmp_path, "keys", "create", "chess").stdout.strip()
        head = {
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/json",
            "traceparent": f"00-{_TRACE}-{_PARENT}-01",
        }

        # One connection is one worker, which knows the key and the board from the second request on.
        with closing(HTTPConnection(url.removeprefix("http://"), timeout=_SECONDS)) as connection:

            def ask(method: str, path: str, body: bytes | None = None) -> None:
                connection.request(method, path, body, head)
                connection.getresponse().read()

            ask("PUT", "/v1/boards/b", b"{}")
            for _ in range(3):
                ask("POST", "/v1/boards/b/scores", b'{"player":"%s","score":5}' % _PLAYER.encode())
                ask("GET", f"/v1/boards/b/players/{_PLAYER}")
            ask("GET", f"/v1/boards/nope/players/{_PLAYER}")
        made = collector.wait_for(lambda one: one.name == "PUT /v1/boards/{board}")[0]
        reads = collector.wait_for(lambda one: one.name == "GET /v1/boards/{board}/players/{player}", 4)
        writes = collector.wait_for(lambda one: one.name == "POST /v1/boards/{board}/scores", 3)
        collector.wait_for(lambda one: one.name == "job seal")
        urlopen(Request(f"{url}/healthz"), timeout=_SECONDS).close()
        end(process)  # what is left is sent at the end
    collector.wait_for(lambda one: one.name == "GET /healthz")
    requests = [made, *reads, *writes]
    assert {(one.trace, one.parent, one.kind) for one in requests} == {(_TRACE, _PARENT, _SERVER)}
    assert {one.about["leaderboard.game"] for one in requests} == {"chess"}
    assert sorted(one.about["http.response.status_code"] for one in reads) == [200, 200, 200, 404]
    assert all(one.status != _ERROR and one.service == "leaderboard" and one.process == "web" for one in requests)
    assert all(0 < one.seconds < _SECONDS for one in requests)
    short = [one for one in collector.spans if one.name in ("reads", "writes")]
    assert short, "what goes the short way is traced as well"
    assert {one.parent for one in short} <= {one.id for one in requests}
    submits = [one for one in collector.spans if one.name == "store submit"]
    inside = {one.id for one in (*short, *writes)}
    assert submits
    assert {one.parent for one in submits} <= inside
    assert {one.kind for one in submits} == {_CLIENT}
    assert {one.about["db.operation.name"] for one in submits} == {"submit"}
    jobs = [one for one in collector.spans if one.name.startswith("job ")]
    assert {one.process for one in jobs} == {"scheduler"}
    assert not [one.name for one in collector.spans if _PLAYER in one.text or key in one.text]


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> None:
    # `tests.e2e.processes` hands on what is not ours; this is.
    from tests.e2e import processes  # noqa: PLC0415

    given = processes._env
    monkeypatch.setattr(processes, "_env", lambda folder: {**given(folder), "LEADERBOARD_TRACES": "otlp"})


@pytest.mark.long
def test_a_collector_that_is_away_harms_nobody(tmp_path: Path, traced: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    with serving(tmp_path, "--workers", "1", "--no-scheduler") as (process, url):
        for _ in range(5):
            with urlopen(f"{url}/readyz", timeout=_SECONDS) as answer:
                assert answer.status == 200
            with suppress(HTTPError):
                urlopen(f"{url}/v1/boards/b/top", timeout=_SECONDS).close()
        began = time.monotonic()
        end(process)
        assert process.returncode == 0
        assert time.monotonic() - began < 8


def test_off_nothing_of_it_is_imported() -> None:
    code = (
        "import sys, leaderboard.app, leaderboard.serving.worker, scheduler.process; "
        "print(*[one for one in sys.modules if one.startswith(('opentelemetry.sdk.trace', 'opentelemetry.exporter'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == ""


def test_asked_for_without_the_extra_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(ConfigError, match=r"leaderboard\[tracing\]"):
        tracing.check(Settings(traces="otlp"))
    tracing.check(Settings())


def test_the_setting_is_off_or_otlp() -> None:
    with pytest.raises(ConfigError, match="LEADERBOARD_TRACES is off or otlp, not 'on'"):
        Settings.from_env({"LEADERBOARD_TRACES": "on"})
    assert Settings.from_env({"LEADERBOARD_TRACES": "otlp"}).traces == "otlp"
