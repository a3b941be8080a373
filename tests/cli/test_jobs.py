"""`leaderboard jobs`, over a table of fake jobs."""

import json
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from apscheduler.triggers.interval import IntervalTrigger
from click.testing import CliRunner, Result

from leaderboard.archive.job_runs import JobRuns
from leaderboard.cli.main import main
from leaderboard.config import Settings
from leaderboard.running import Run
from leaderboard.services import Services, build
from leaderboard.store import keys
from scheduler import schedule
from scheduler.lease import Claims
from scheduler.schedule import Job

Call = Callable[..., Result]
AT = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)
NAMES = ("copy", "sweep", "broken")


def copy(_services: Services, now: datetime, run: Run) -> Mapping[str, int]:
    run.checkpoint()
    return {"copied": 3, "at": int(now.timestamp())}


def sweep(_services: Services, _now: datetime, run: Run) -> Mapping[str, int]:
    return {"swept": 0}


def broken(_services: Services, _now: datetime, _run: Run) -> Mapping[str, int]:
    raise ValueError("no such thing")


def make(name: str, function: Any) -> Job:
    return Job(name, IntervalTrigger(minutes=1, timezone=UTC), function, "A job of the tests.")


@pytest.fixture
def run(tmp_path: Path, valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> Call:
    monkeypatch.setenv("LEADERBOARD_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("LEADERBOARD_REDIS_URL", valkey_url)
    monkeypatch.setattr(schedule, "JOBS", tuple(map(make, NAMES, (copy, sweep, broken))))

    def call(*args: str, code: int = 0) -> Result:
        result = CliRunner().invoke(main, ["jobs", *args])
        assert result.exit_code == code, (result.output, result.exception)
        return result

    return call


@pytest.fixture
def services(run: Call, valkey_url: str) -> Iterator[Services]:
    services = build(Settings.from_env())
    services.store.client.delete(*map(keys.job, NAMES))
    yield services
    services.store.client.delete(*map(keys.job, NAMES))
    services.close()


def listed(run: Call) -> dict[str, Any]:
    return {job["id"]: job for job in json.loads(run("list", "--json").stdout)}


def test_a_run_prints_its_counts(run: Call, services: Services) -> None:
    said = run("run", "copy", "--now", "2026-11-22T11:15:00+01:00").stdout
    assert said == f"copied: 3\nat: {int(AT.timestamp())}\n"
    said = run("run", "copy", "--json", "--now", "2026-11-22").stdout
    assert json.loads(said) == {"copied": 3, "at": int(AT.replace(hour=0, minute=0).timestamp())}
    before = datetime.now(UTC) - timedelta(seconds=1)
    assert json.loads(run("run", "copy", "--json").stdout)["at"] >= int(before.timestamp())


def test_several_runs_print_theirs_by_job(run: Call, services: Services) -> None:
    at = int(AT.timestamp())
    said = run("run", "sweep", "copy", "sweep", "--now", "2026-11-22T10:15:00Z")
    assert said.stdout == f"sweep.swept: 0\ncopy.copied: 3\ncopy.at: {at}\n"
    said = run("run", "sweep", "copy", "--json", "--now", "2026-11-22T10:15:00Z")
    assert json.loads(said.stdout) == {"sweep": {"swept": 0}, "copy": {"copied": 3, "at": at}}


def test_all_runs_every_job_in_the_order_of_the_table(
    run: Call, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "JOBS", (make("sweep", sweep), make("copy", copy)))
    said = run("run", "all", "--now", "2026-11-22").stdout
    assert [line.split(":")[0] for line in said.splitlines()] == ["sweep.swept", "copy.copied", "copy.at"]
    assert list(json.loads(run("run", "all", "--json").stdout)) == ["sweep", "copy"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["nothing"], "copy, sweep, broken"),
        (["copy", "nothing"], "copy, sweep, broken"),
        ([], "NAME"),
        (["copy", "--now", "yesterday"], "offset"),
        (["copy", "--now", "2026-11-22T10:15:00"], "offset"),
        (["copy", "--now", "2026-02-30"], "2026-02-30"),
        (["copy", "--wait", "-1"], "--wait"),
    ],
)
def test_a_wrong_call_ends_with_2_and_runs_nothing(run: Call, services: Services, args: list[str], said: str) -> None:
    assert said in run("run", *args, code=2).stderr
    assert JobRuns(services.database).last() == {}


def test_a_job_that_somebody_else_is_running(run: Call, services: Services) -> None:
    lease = Claims(services.store).take("copy")
    assert lease is not None
    result = run("run", "copy", "--wait", "0", code=1)
    assert result.stderr == "Error: copy is being run by another process.\n"
    JobRuns(services.database).start("copy", lease.token, "elsewhere:17", AT, AT)
    result = run("run", "copy", "--wait", "0.2", code=1)
    assert result.stderr == "Error: copy is being run by elsewhere:17, since 2026-11-22T10:15:00Z.\n"
    assert result.stdout == ""
    services.store.client.pexpire(keys.job("copy"), 300)
    assert "copied: 3" in run("run", "copy").stdout


def test_ctrl_c_ends_a_run_between_two_pieces(run: Call, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: list[int] = []

    def long(_services: Services, _now: datetime, run: Run) -> Mapping[str, int]:
        for number in range(9):
            run.checkpoint()
            pieces.append(number)
            if number == 2:
                os.kill(os.getpid(), signal.SIGINT)
        return {"pieces": len(pieces)}

    monkeypatch.setattr(schedule, "JOBS", (make("copy", long), make("sweep", sweep)))
    before = signal.getsignal(signal.SIGINT)
    result = run("run", "all", code=1)
    assert (result.stdout, pieces) == ("", [0, 1, 2])
    assert signal.getsignal(signal.SIGINT) is before
    last = JobRuns(services.database).last()
    assert list(last) == ["copy"]
    assert (last["copy"].error or "").startswith("interrupted: ")


def test_after_ctrl_c_no_other_job_begins(run: Call, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    def short(_services: Services, _now: datetime, _run: Run) -> Mapping[str, int]:
        os.kill(os.getpid(), signal.SIGTERM)
        return {"done": 1}

    monkeypatch.setattr(schedule, "JOBS", (make("copy", short), make("sweep", sweep)))
    result = run("run", "all", code=1)
    assert (result.stdout, result.stderr) == ("copy.done: 1\n", "Error: sweep was not begun.\n")
    assert list(JobRuns(services.database).last()) == ["copy"]


def test_a_failing_job_fails_and_is_recorded(run: Call, services: Services) -> None:
    assert isinstance(run("run", "broken", code=1).exception, ValueError)
    assert listed(run)["broken"]["error"] == "ValueError: no such thing"


def test_the_list_of_jobs_that_never_ran(run: Call, services: Services) -> None:
    lines = run("list").stdout.splitlines()
    assert [line.split() for line in lines] == [[name, "every", "1", "min", "never"] for name in NAMES]
    assert listed(run)["copy"] == {
        "id": "copy",
        "when": "every 1 min",
        "help": "A job of the tests.",
        "started_at": None,
        "as_of": None,
        "seconds": None,
        "counts": None,
        "error": None,
        "running": False,
        "runner": None,
    }


def test_the_list_tells_the_last_run(run: Call, services: Services) -> None:
    run("run", "copy", "--now", "2026-11-22")
    run("run", "broken", code=1)
    jobs = listed(run)
    assert jobs["copy"]["counts"]["copied"] == 3
    assert jobs["copy"]["as_of"] == "2026-11-22T00:00:00Z"
    assert jobs["copy"]["seconds"] >= 0
    assert jobs["copy"]["runner"].endswith(f":{os.getpid()}")
    assert (jobs["broken"]["counts"], jobs["sweep"]["started_at"]) == (None, None)
    copied, _, failed = run("list").stdout.splitlines()
    assert "copied: 3" in copied
    assert failed.endswith("ValueError: no such thing")


def test_the_list_tells_what_is_running_and_what_was_killed(run: Call, services: Services) -> None:
    lease = Claims(services.store).take("copy")
    assert lease is not None
    JobRuns(services.database).start("copy", lease.token, "elsewhere:17", AT, AT)
    job = listed(run)["copy"]
    assert (job["running"], job["runner"], job["error"]) == (True, "elsewhere:17", None)
    assert run("list").stdout.splitlines()[0].endswith("running on elsewhere:17")
    lease.release()
    job = listed(run)["copy"]
    assert (job["running"], job["error"], job["seconds"]) == (False, "did not finish", None)
    assert run("list").stdout.splitlines()[0].endswith("did not finish")


def test_with_the_store_away_the_list_tells_what_is_recorded(run: Call, services: Services) -> None:
    run("run", "copy")
    result = run("list", "--json", "--redis-url", "unix:///nonexistent/valkey.sock")
    job = json.loads(result.stdout)[0]
    assert (job["counts"]["copied"], job["running"]) == (3, None)
    assert "is not known" in result.stderr
