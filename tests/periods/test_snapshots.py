"""Snapshots: what comes back reads as it did, and what is damaged changes nothing."""

import io
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import zstandard

from leaderboard.archive.copies import Copies
from leaderboard.boards import rearchiving, restoring, snapshotfile, snapshots
from leaderboard.boards.snapshotfile import DamagedSnapshot
from leaderboard.boards.snapshots import Snapshots
from leaderboard.errors import Conflict, Interrupted, NotFound, StoreUnavailable
from tests.conftest import START, Service
from tests.periods.running import DoomedRun, FreeRun

NAMES = ["ada", "Ödön, 2", "王小明", "🏆👩‍🚀", 'q"uo\\te', "e\u0301", "\u00e9", "a/b", "{x:y}", " pad "]
PERIODS = ["all", "month", "week", "day"]
DEFINITIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "asc": {"order": "asc", "score": {"decimals": 3}},
    "packed": {"ties": "first", "score": {"type": "integer", "min": 0, "max": 10**9}},
    "late": {"ties": "last", "operator": "sum"},
    "sum": {"operator": "sum", "subscore": {"order": "asc", "min": -100, "max": 100}},
    "dense": {"operator": "sum", "ties": "dense", "score": {"decimals": 2}},
    "last": {"operator": "last", "subscore": {"min": 0, "max": 9}},
    "few": {"max_entries": 8},
    "rolling": {"rolling": ["7d", "24h"], "periods": ["all", "day"], "operator": "sum"},
    "hidden": {"rolling": ["7d", "30d", "24h"], "periods": ["all"]},
}


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "_ROWS_AT_ONCE", 7)
    monkeypatch.setattr(restoring, "_PERIODS_AT_ONCE", 3)
    monkeypatch.setattr(restoring, "_RENEWED_EVERY", 2)


def fill(service: Service, **definition: Any) -> None:
    """Three days of scores, some with metadata."""
    service.put_board("b", **{"periods": PERIODS, **definition})
    items = []
    for day in range(3):
        for number, name in enumerate(NAMES):
            item: dict[str, Any] = {"player": name, "score": (number * 7 + day * 3) % 6 + 12345}
            if definition.get("subscore"):
                item["subscore"] = number
            if number % 3 == 0:
                item["metadata"] = {"day": day, "text": "ß💎"}
            at = (START + timedelta(days=day - 2, hours=-number, seconds=number)).isoformat()
            items.append({"board": "b", "at": at, **item})
    service.bulk(items, backfill="true")


def player(service: Service, path: str) -> Any:
    document = service.request("GET", "/v1" + path).json
    return document.get("code", document)


def read_all(service: Service, board: str = "b") -> list[Any]:
    """Every read of every period."""
    shown = service.get(f"/boards/{board}")
    more = "&subscore=1" if shown["subscore"] else ""
    days = (
        [f"period=day&id={(START - timedelta(days=day)):%Y-%m-%d}" for day in range(3)]
        if "day" in shown["periods"]
        else []
    )
    answers: list[Any] = [{name: value for name, value in shown.items() if name != "name"}]
    for period in [
        *(f"period={name}" for name in shown["periods"]),
        *days,
        *(f"window={name}" for name in shown["rolling"]),
    ]:
        path = f"/boards/{board}"
        answers += [
            service.get(f"{path}/top?{period}&limit=50&metadata=true"),
            service.get(f"{path}/rank?{period}&score=12350{more}"),
            service.get(f"{path}/scores?{period}&min=12346&max=12350&limit=9"),
            service.get(f"{path}/percentile?{period}&p=50"),
            service.get(f"{path}/distribution?{period}&bins=3"),
            [player(service, f"{path}/players/{name}?{period}&around=2") for name in (NAMES[1], NAMES[3])],
        ]
    answers += [service.get(f"/boards/{board}/periods?period={name}") for name in shown["periods"]]
    return [repr(answer).replace(f"'board': '{board}'", "") for answer in answers]


def whatever_state(answers: list[str]) -> list[str]:
    """What was read, whether or not it is closed or sealed."""
    return [re.sub("'state': '[a-z]+'", "", answer) for answer in answers]


def snapshot(service: Service, *boards: str, with_archive: bool = False) -> io.BytesIO:
    file = io.BytesIO()
    service.services.snapshots.write(
        service.game, boards or ["b"], file, service.clock.now(), with_archive=with_archive
    )
    return file


def restore(service: Service, file: io.BytesIO, name: str = "b", new_name: str = "", *, replace: bool = False) -> Any:
    return service.services.restoring.restore(
        file, name, service.game, new_name or name, service.clock.now(), replace=replace
    )


def keys_of(service: Service, board: str = "b") -> dict[str, int]:
    """Every key of a board and its lifetime."""
    client = service.services.store.client
    prefix = f"lb:{{{service.game}:{board}}}:"
    return {key.decode().removeprefix(prefix): client.ttl(key) for key in client.scan_iter(prefix + "*")}


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_a_board_comes_back_as_it_was(service: Service, kind: str) -> None:
    fill(service, **DEFINITIONS[kind])
    before, known = read_all(service), keys_of(service)
    file = snapshot(service)
    service.submit(NAMES[0], 99999, **({"subscore": 5} if DEFINITIONS[kind].get("subscore") else {}))
    service.submit("later", 99999, **({"subscore": 5} if DEFINITIONS[kind].get("subscore") else {}))
    restore(service, file, replace=True)
    assert read_all(service) == before
    # The windows are built by the first read; there is nothing else but what was there, and the same lives as long.
    again = keys_of(service)
    assert {name for name in again if ":r" not in name} == {name for name in known if ":r" not in name}
    assert all(abs(again[name] - left) < 100 for name, left in known.items())


@pytest.mark.parametrize("kind", ["plain", "dense", "packed", "rolling"])
def test_scores_go_on_after_a_restore_as_they_would_have(service: Service, kind: str) -> None:
    definition = DEFINITIONS[kind]
    fill(service, **definition)
    restore(service, snapshot(service), "b", "other")
    more = {"subscore": 3} if definition.get("subscore") else {}
    for name in ("b", "other"):
        for number, player in enumerate([*NAMES[:4], "new"]):
            service.submit(player, 12340 + 5 * number, name, metadata={"n": number}, **more)
        service.bulk(
            [{"board": name, "player": "ada", "score": 12399, "at": "2026-11-21T10:00:00Z", **more}], backfill="true"
        )
    assert read_all(service, "b") == read_all(service, "other")


def test_large_standings_with_keys_of_17_digits(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "_ROWS_AT_ONCE", 100)
    service.put_board("b", periods=["all"], ties="first", score={"type": "integer", "min": 0, "max": 10**9})
    items = [{"board": "b", "player": f"p{n}", "score": 10**9 - n * 7919} for n in range(700)]
    service.bulk(items)
    client = service.services.store.client
    registry = service.services.registry
    before = client.zrange(registry.get(service.game, "b").keys.standings("all"), 0, -1, withscores=True)
    restore(service, snapshot(service), "b", "other")
    after = client.zrange(registry.get(service.game, "other").keys.standings("all"), 0, -1, withscores=True)
    assert (after, len(after)) == (before, 700)


def test_the_closed_mark_and_the_worklist_come_back(service: Service) -> None:
    fill(service)
    now = START + timedelta(days=1, hours=1)
    service.clock.set(now)
    service.services.sealing.run(now, FreeRun())
    before = read_all(service)
    file = snapshot(service)
    restore(service, file, replace=True)
    # The archive holds nothing of the new board yet, so what was sealed is sealed once more.
    assert whatever_state(read_all(service)) == whatever_state(before)
    late = service.submit("x", 1, at="2026-11-22T10:00:00Z")
    assert "day" not in late["periods"]
    assert service.services.sealing.run(now, FreeRun())["sealed"] >= 3
    board = service.services.registry.get(service.game, "b")
    open_ids = set(service.services.store.client.zrange(board.keys.open, 0, -1))
    assert open_ids == {b"2026-11", b"2026-W48"}
    found = service.services.history._archive.find(service.game, "b", board.born, ["2026-11-21", "2026-11-23"])
    assert set(found) == {"2026-11-21", "2026-11-23"}


def test_what_was_sealed_and_dropped_comes_along_with_the_archive(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rearchiving, "ROWS_AT_ONCE", 8)  # one more row makes a period a large one
    fill(service, retention={"day": 0, "week": 0}, ties="dense")
    service.bulk(
        [{"board": "b", "player": "early", "score": 5, "at": "2026-11-10T10:00:00Z", "metadata": {}}], backfill="true"
    )
    now = START + timedelta(days=9)
    service.clock.set(now)
    assert service.services.sealing.run(now, FreeRun())["dropped"] >= 4
    before = read_all(service)
    file = snapshot(service, with_archive=True)
    restored = restore(service, file, "b", "other")
    assert restored.archived >= 4
    assert whatever_state(read_all(service, "other")) == whatever_state(before)
    service.services.sealing.run(now, FreeRun())
    assert read_all(service, "other") == before
    assert restore(service, snapshot(service), "b", "hot").archived == 0
    history = service.services.history
    for name in ("b", "other"):
        board = service.services.registry.get(service.game, name)
        found = history._archive.newest(service.game, name, board.born, "day", limit=9)
        assert [row.period for row in found] == ["2026-11-23", "2026-11-22", "2026-11-21", "2026-11-10"]
        sheets = [list(history._archive.open(one, "dense").stream()) for one in found]
        if name == "b":
            originals = sheets
    assert sheets == originals


def test_a_board_with_scores_or_archived_periods_is_not_replaced_unasked(service: Service) -> None:
    fill(service, retention={"day": 0}, periods=["day"])
    file = snapshot(service)
    before = read_all(service)
    with pytest.raises(Conflict):
        restore(service, file)
    assert read_all(service) == before
    now = START + timedelta(days=9)
    service.clock.set(now)
    service.services.sealing.run(now, FreeRun())
    board = service.services.registry.get(service.game, "b")
    assert not service.services.store.client.exists(board.keys.known)
    with pytest.raises(Conflict):
        restore(service, file)
    restore(service, file, replace=True)
    assert service.get("/boards/b/top?period=day&id=2026-11-22")["total"] == len(NAMES)
    assert not service.services.history._archive.has_any(service.game, "b", board.born)
    with pytest.raises(NotFound, match="no board 'nope', only b"):
        restore(service, file, "nope", "other")
    service.put_board("empty")
    restore(service, file, "b", "empty")


def test_a_damaged_file_changes_nothing(service: Service) -> None:
    fill(service)
    before, keys = read_all(service), keys_of(service)
    whole = snapshot(service).getvalue()
    plain = zstandard.ZstdDecompressor().decompressobj().decompress(whole)
    lines = plain.splitlines(keepends=True)
    packed = zstandard.ZstdCompressor().compress
    damaged = [
        b"",
        b"nonsense",
        whole[:-1],
        whole[: len(whole) // 2],
        whole + b"x",
        whole + whole,
        whole[:300] + bytes([whole[300] ^ 1]) + whole[301:],
        packed(plain.replace(b'"ada"', b'"adb"', 1)),
        packed(b"".join(lines[:-1])),
        packed(b"".join(lines[:3] + lines[4:])),
        packed(b"".join(lines) + lines[-1]),
        packed(lines[0] + lines[-1]),
        packed(b"[]\n" + plain),
        packed(plain.replace(b'"version":1', b'"version":2', 1)),
        packed(plain[:-1]),
        packed(b"\xff\n"),
    ]
    for number, body in enumerate(damaged):
        with pytest.raises(DamagedSnapshot):
            restore(service, io.BytesIO(body), replace=True)
        assert keys_of(service).keys() == keys.keys(), number
    assert read_all(service) == before


def test_a_restore_that_ends_half_way_leaves_the_board_as_it_was(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(service)
    file = snapshot(service)
    service.submit("later", 99999)
    before = read_all(service)
    monkeypatch.setattr(restoring.Restoring, "_renew", _fail)
    with pytest.raises(StoreUnavailable):
        restore(service, file, replace=True)
    assert read_all(service) == before
    left = [name for name in keys_of(service) if name.startswith("new:")]
    assert left
    assert all(0 < keys_of(service)[name] <= 3600 for name in left)
    monkeypatch.undo()
    restore(service, file, replace=True)
    assert "later" not in repr(read_all(service))


def _fail(*_args: object) -> None:
    raise StoreUnavailable("The test ends it here.")


def test_nobody_reads_a_board_that_is_being_put_into_place(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(service)
    file = snapshot(service)
    board = service.services.registry.get(service.game, "b")
    revs: list[bytes | None] = []
    run = service.services.store.run

    def watched(name: str, keys: Any, args: Any, **more: Any) -> Any:
        if name == "adopt":
            revs.append(service.services.store.client.hget(board.keys.meta, "rev"))
        return run(name, keys, args, **more)

    monkeypatch.setattr(service.services.store, "run", watched)
    restore(service, file, replace=True)
    assert len(revs) > 1
    assert set(revs) == {None}


def test_a_call_whose_answer_was_lost_is_carried_out_once(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(service)
    before, file = read_all(service), snapshot(service)
    run = service.services.store.run

    def again(name: str, *args: Any, **more: Any) -> Any:
        first = run(name, *args, **more)
        return run(name, *args, **more) if name == "adopt" else first

    monkeypatch.setattr(service.services.store, "run", again)
    restore(service, file, replace=True)
    assert read_all(service) == before


def test_a_player_forgotten_meanwhile_turns_the_short_cut_off(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(service)
    board = service.services.registry.get(service.game, "b")
    hot_rows = Snapshots._hot_rows

    def reading(self: Snapshots, known: Any, period_id: str) -> Any:
        if period_id == "2026-11":
            service.services.removal.forget(board, "ada")
        return hot_rows(self, known, period_id)

    monkeypatch.setattr(Snapshots, "_hot_rows", reading)
    file = snapshot(service)
    restored = restore(service, file, "b", "other")
    assert restored.board.trimmed
    score = service.get("/boards/other/players/ada?period=day")["score"]
    service.submit("ada", score, "other")
    assert service.get("/boards/other/players/ada?period=all")["score"] == score


def test_a_board_that_changes_meanwhile_is_written_once_more(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(service)
    hot_rows, changes = Snapshots._hot_rows, iter([20, 21])

    def reading(self: Snapshots, known: Any, period_id: str) -> Any:
        if period_id == "all" and (days := next(changes, None)):
            service.put_board("b", periods=PERIODS, retention={"day": days})
        return hot_rows(self, known, period_id)

    monkeypatch.setattr(Snapshots, "_hot_rows", reading)
    file = snapshot(service)
    contents = snapshotfile.verify(file)
    assert contents.boards["b"].number == 3
    before = read_all(service)
    restore(service, file, "b", "other")
    assert read_all(service, "other") == before


def test_a_period_dropped_while_it_is_read_is_left_out(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(service)
    keys = service.services.registry.get(service.game, "b").keys
    hot_rows = Snapshots._hot_rows

    def reading(self: Snapshots, known: Any, period_id: str) -> Any:
        yield from hot_rows(self, known, period_id)
        if period_id == "2026-11-22":
            service.services.store.client.delete(keys.standings(period_id))

    monkeypatch.setattr(Snapshots, "_hot_rows", reading)
    restored = restore(service, snapshot(service), "b", "other")
    other = restored.board.keys
    assert not service.services.store.client.exists(other.standings("2026-11-22"))
    assert service.services.store.client.exists(other.standings("2026-11-21"))


def test_who_comes_twice_stands_as_they_came_last(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    service.put_board("b", periods=["all"], ties="dense")
    service.submit("ada", 1, metadata={"old": True})
    hot_rows = Snapshots._hot_rows

    def reading(self: Snapshots, known: Any, period_id: str) -> Any:
        yield from hot_rows(self, known, period_id)
        service.submit("ada", 2)
        yield from hot_rows(self, known, period_id)

    monkeypatch.setattr(Snapshots, "_hot_rows", reading)
    file = snapshot(service)
    monkeypatch.undo()
    restored = restore(service, file, "b", "other")
    client, keys = service.services.store.client, restored.board.keys
    assert restored.entries == 1
    assert (
        service.get("/boards/other/top?metadata=true")["entries"]
        == service.get("/boards/b/top?metadata=true")["entries"]
    )
    assert client.zcard(keys.dense("all")) == 1
    assert client.exists(keys.metadata("all")) == 0


def nightly(service: Service, folder: Path, keep: int = 2) -> Snapshots:
    services = service.services
    return Snapshots(services.store, services.registry, services.history._archive, folder, keep)


def test_every_night_a_file_a_game_and_the_newest_stay(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(service)
    mine = [service.services.registry.get(service.game, "b")]
    monkeypatch.setattr(service.services.registry, "everywhere", lambda: mine)
    folder = tmp_path / "deep" / "snapshots"
    (tmp_path / "deep").mkdir()
    snapshots_of = nightly(service, folder)
    for night in range(4):
        at = START + timedelta(days=night)
        counts = snapshots_of.nightly(at, FreeRun())
        assert (counts["boards"], counts["removed"]) == (1, int(night >= 2))
        assert counts["entries"] >= 30
    names = sorted(path.name for path in folder.iterdir())
    assert names == [f"{service.game}-2026112{day}T120000Z.ndjson.zst" for day in (5, 6)]
    assert counts["bytes"] == (folder / names[1]).stat().st_size
    stranger = folder / "other-game-20260101T000000Z.ndjson.zst"
    stranger.write_bytes(b"")
    before = read_all(service)
    with (folder / names[0]).open("rb") as file:
        service.services.restoring.restore(file, "b", service.game, "b", service.clock.now(), replace=True)
    assert read_all(service) == before
    again = snapshots_of.nightly(START + timedelta(days=3, hours=10), FreeRun())  # a scheduler that starts
    assert again == {"boards": 0, "entries": 0, "bytes": 0, "removed": 0}
    assert stranger.exists()
    assert len(list(folder.iterdir())) == 3


def test_a_nightly_run_that_is_killed_anywhere_leaves_nothing_half(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(service)
    mine = [service.services.registry.get(service.game, "b")]
    monkeypatch.setattr(service.services.registry, "everywhere", lambda: mine)
    snapshots_of = nightly(service, tmp_path)
    free = FreeRun()
    snapshots_of.nightly(START, free)
    for last in range(1, free.checkpoints + 1):
        with pytest.raises(Interrupted):
            snapshots_of.nightly(START + timedelta(days=1), DoomedRun(last))
        assert [path.name for path in tmp_path.iterdir()] == [f"{service.game}-20261123T120000Z.ndjson.zst"]
    with monkeypatch.context() as killed:  # nothing is cleaned up
        killed.setattr(Path, "unlink", lambda *_args, **_more: None)
        with pytest.raises(Interrupted):
            snapshots_of.nightly(START + timedelta(days=1), DoomedRun(3))
    assert len(list(tmp_path.glob(".nightly-*.partial"))) == 1
    counts = snapshots_of.nightly(START + timedelta(days=1), FreeRun())
    assert counts["removed"] == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"{service.game}-2026112{day}T120000Z.ndjson.zst" for day in (3, 4)
    ]


def test_an_archived_period_comes_back_and_stays_for_a_while(service: Service) -> None:
    fill(service, retention={"day": 1})
    now = START + timedelta(days=5)
    service.clock.set(now)
    sealing = service.services.sealing
    sealing.run(now, FreeRun())
    board = service.services.registry.get(service.game, "b")
    period = board.named("2026-11-22")
    client, standings = service.services.store.client, board.keys.standings("2026-11-22")
    assert not client.exists(standings)
    before = read_all(service)
    put_back = service.services.restoring.put_back
    assert put_back(board, period, now, keep=timedelta(days=7)) == len(NAMES)
    assert client.exists(standings)
    assert client.ttl(standings) > 7 * 86_400
    assert read_all(service) == before
    with pytest.raises(Conflict, match="in the store already"):
        put_back(board, period, now, keep=timedelta(days=7))
    with pytest.raises(NotFound, match="not in the archive"):
        put_back(board, board.named("2026-11-01"), now, keep=timedelta(days=7))
    for days in (0, 6.9, 7.1):
        at = now + timedelta(days=days)
        service.clock.set(at)
        sealing.run(at, FreeRun())
        assert bool(client.exists(standings)) is (days < 7)
    assert not client.exists(board.keys.held)
    service.clock.set(now)
    assert whatever_state(read_all(service)) == whatever_state(before)


def test_a_reopened_period_takes_scores_and_is_sealed_again(service: Service) -> None:
    fill(service, retention={"day": 1}, periods=["day"])
    now = START + timedelta(days=5)
    service.clock.set(now)
    services = service.services
    services.sealing.run(now, FreeRun())
    board = services.registry.get(service.game, "b")
    period = board.named("2026-11-22")
    services.restoring.put_back(board, period, now, keep=timedelta(days=2), reopen=True)
    assert services.store.client.zscore(board.keys.open, "2026-11-22") is not None
    service.bulk([{"board": "b", "player": "x", "score": 1, "at": "2026-11-22T10:00:00Z"}], backfill="true")
    assert services.sealing.run(now, FreeRun()) == {"sealed": 1, "entries": len(NAMES) + 1, "dropped": 0}
    later = now + timedelta(days=2, minutes=1)
    assert services.sealing.run(later, FreeRun())["dropped"] == 1
    found = services.history._archive.find(service.game, "b", board.born, ["2026-11-22"])
    assert found["2026-11-22"].total == len(NAMES) + 1


def test_a_pruned_period_and_a_deleted_board_have_nothing_to_hold(service: Service) -> None:
    fill(service, retention={"day": 0})
    now = START + timedelta(days=5)
    service.clock.set(now)
    services = service.services
    services.sealing.run(now, FreeRun())
    board = services.registry.get(service.game, "b")
    services.restoring.put_back(board, board.named("2026-11-22"), now, keep=timedelta(days=2))
    assert services.store.client.ttl(board.keys.held) > 0 or services.store.client.exists(board.keys.held)
    Copies(services.database).retire({"day": 3.6}, now, checkpoint=lambda: None)
    with pytest.raises(NotFound, match="removed from the archive"):
        services.restoring.put_back(board, board.named("2026-11-21"), now, keep=timedelta(days=2))
    services.registry.delete(service.game, "b")
    assert keys_of(service) == {}
