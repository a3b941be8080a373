"""The service as processes of its own, and clients that believe no answer they did not get."""

import http.client
import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from tests.e2e.processes import COMMAND, end
from tests.faults.waiting import wait_for

READY_SECONDS = 60
BOUND_SECONDS = 10.0  # no answer takes longer, whatever fails: twice what docs/failures.md says, for a busy machine
CLIENT_SECONDS = 60.0  # who waits that long has found a request that hangs


class Lost(Exception):
    """The connection broke: nobody knows what became of the request."""


@dataclass(frozen=True)
class Answered:
    """What came back, and how long it took."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def is_stale(self) -> bool:
        """Whether it is a last good copy, and says so."""
        return "warning" in self.headers and self.headers["warning"].startswith("110 ") and "age" in self.headers


class Client:
    """Asks the service, each time over a connection of its own; whatever is answered has to be in the contract."""

    def __init__(self, url: str, key: str = "") -> None:
        self.address = urlsplit(url).netloc
        self.key = key

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answered:
        """Raises Lost."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.key:
            sent["Authorization"] = f"Bearer {self.key}"
        if body is not None:
            sent["Content-Type"] = "application/json"
        began = time.monotonic()
        connection = http.client.HTTPConnection(self.address, timeout=CLIENT_SECONDS)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), sent)
            response = connection.getresponse()
            data = response.read()
        except TimeoutError:
            raise AssertionError(f"{method} {path} was not answered within {CLIENT_SECONDS} s") from None
        except (OSError, http.client.HTTPException) as error:
            raise Lost(repr(error)) from error
        finally:
            connection.close()
        if response.getheader("Content-Length") is None:  # as a head that was cut looks to the standard library
            raise Lost("half an answer")
        given = {name.lower(): value for name, value in response.getheaders()}
        answer = Answered(response.status, given, data, time.monotonic() - began)
        check_shape(f"{method} {path}", answer)
        return answer

    def good(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The document of a request that is to succeed at once."""
        answer = self.ask(method, path, body, **headers)
        assert answer.status < 300, (method, path, answer.status, answer.body)
        return answer.json if answer.body else None

    def eventually(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The document of a request that is to succeed soon: one worker may learn later than another what is back."""
        limit = time.monotonic() + BOUND_SECONDS
        while (answer := self.ask(method, path, body, **headers)).status == 503 and time.monotonic() < limit:
            time.sleep(0.1)
        assert answer.status < 300, (method, path, answer.status, answer.body)
        return answer.json

    def score(self, board: str, player: str) -> int:
        """What a player has, as of now; 0 for one who is not there."""
        answer = self.ask("GET", f"/v1/boards/{board}/players/{player}", Cache_Control="no-cache")
        if answer.status == 404 and answer.json["code"] == "unknown_player":
            return 0
        assert answer.status == 200, answer.body
        return int(answer.json["score"])


def check_shape(what: str, answer: Answered) -> None:
    """What holds of every answer, in whatever state the service is."""
    if answer.status < 400:
        return
    assert answer.status != 500, (what, answer.body)
    assert answer.headers["content-type"] == "application/problem+json", (what, answer)
    assert answer.json["status"] == answer.status, (what, answer)
    if answer.status == 503:
        assert int(answer.headers["retry-after"]) >= 1, (what, answer)


@dataclass
class Serving:
    """`leaderboard serve` on a free port; it ends with the block."""

    data_dir: Path
    args: tuple[str, ...] = ()
    settings: dict[str, str] = field(default_factory=dict)
    url: str = ""

    def __enter__(self) -> Self:
        env = {name: value for name, value in os.environ.items() if not name.startswith("LEADERBOARD_")}
        env |= {"LEADERBOARD_DATA_DIR": str(self.data_dir), "PYTHONUNBUFFERED": "1", "LEADERBOARD_LOG_FORMAT": "json"}
        self._env = env | self.settings
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self._log = self.data_dir / "serve.log"
        with self._log.open("wb") as log:  # a file, for a pipe that nobody reads would fill up and stop it
            self.process = subprocess.Popen(
                [*COMMAND, "serve", "--port", "0", *self.args],
                env=self._env, stdout=log, stderr=log, text=True, start_new_session=True,
            )  # fmt: skip
        try:
            self.url = wait_for(self._ready, READY_SECONDS, "serve to be ready")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        end(self.process)

    def _ready(self) -> str:
        assert self.process.poll() is None, self.log
        said = [line for line in self.log.splitlines() if line.startswith("Ready: ")]
        return said[0].removeprefix("Ready: ").strip() if said else ""

    @property
    def log(self) -> str:
        return self._log.read_text()

    def logged(self, event: str) -> list[dict[str, Any]]:
        """The structured lines of one kind."""
        found = [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]
        return [line for line in found if line.get("event") == event]

    def client(self) -> Client:
        """With a server key of a new game."""
        made = subprocess.run(
            [*COMMAND, "keys", "create", "game"], env=self._env, capture_output=True, text=True, timeout=60, check=True
        )
        return Client(self.url, made.stdout.strip())

    @property
    def workers(self) -> list[int]:
        """The web workers' process ids."""
        return [
            pid
            for pid, arguments in children(self.process.pid).items()
            if "-c" not in arguments[:6] and "--until-eof" not in arguments
        ]

    @property
    def scheduler(self) -> int:
        """Its scheduler's process id; 0 where there is none now."""
        return next((pid for pid, one in children(self.process.pid).items() if "--until-eof" in one), 0)


def children(parent: int) -> dict[int, list[str]]:
    """The living child processes and their command lines."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            state, owner = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            arguments = (entry / "cmdline").read_bytes().decode().split("\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(owner) == parent and state != "Z":
            found[int(entry.name)] = arguments
    return found


def kill(pid: int) -> None:
    """As a crash does."""
    os.kill(pid, signal.SIGKILL)
