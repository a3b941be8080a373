"""Counters: exact to the edge of 64 bits, refused beyond it, and counted once."""

import random
import secrets

import pytest

from leaderboard.config import Settings
from leaderboard.errors import InvalidInput, NotFound, StoreUnavailable
from leaderboard.reports import Marking, Rejection, Report
from leaderboard.stats import counters as counters_module
from leaderboard.stats.counters import Counted, Counters, Increment
from leaderboard.store.connection import Store
from tests.stats.drive import DyingStore

LEAST, MOST = -(2**63), 2**63 - 1


@pytest.fixture
def counters(stat_store: Store) -> Counters:
    return Counters(stat_store)


@pytest.fixture
def name() -> str:
    """Of a game that nobody else has."""
    return "g-" + secrets.token_hex(6)


def marking(request: str = "") -> Marking:
    return Marking(request or secrets.token_hex(6), "digest", 60_000)


def add_many(
    counters: Counters, game: str, *pairs: tuple[str, int], chunk: int = 2, marked: Marking | None = None
) -> Report:
    increments = [Increment(index, name, by) for index, (name, by) in enumerate(pairs)]
    return counters.add_many(game, increments, chunk_items=chunk, marking=marked)


def told(report: Report) -> tuple[int, int, int, list[tuple[int, str]]]:
    rejected = [(one.index, one.refusal.code) for one in report.rejected]
    return report.received, report.applied, report.unchanged, rejected


def code_of(counters: Counters, game: str, name: str, by: int) -> str:
    with pytest.raises(InvalidInput) as refused:
        counters.add(game, name, by)
    return refused.value.code


def test_adding(counters: Counters, name: str) -> None:
    assert [counters.add(name, "deaths", by).value for by in (1, 5, -10, 0)] == [1, 6, -4, -4]
    assert counters.add(name, "a:b", 2) == Counted(2, None)
    assert counters.all(name) == {"a:b": 2, "deaths": -4}
    assert list(counters.all(name)) == ["a:b", "deaths"]
    assert counters.value(name, "deaths") == -4
    assert counters.all(name + "x") == {}


@pytest.mark.parametrize(
    ("by", "more", "edge"), [((MOST - 7), 7, MOST), (LEAST + 7, -7, LEAST), (MOST, 0, MOST), (LEAST, 0, LEAST)]
)
def test_the_edges_of_64_bits(counters: Counters, name: str, by: int, more: int, edge: int) -> None:
    beyond = 1 if edge > 0 else -1
    counters.add(name, "c", by)
    assert counters.add(name, "c", more) == Counted(edge)
    for one in (beyond, edge, beyond * 2**63, beyond * 2**64, beyond * 10**30):
        assert code_of(counters, name, "c", one) == "counter_out_of_range"
        assert counters.all(name) == {"c": edge}
    assert counters.add(name, "c", -edge if edge > 0 else MOST) == Counted(0 if edge > 0 else -1)


def test_what_is_refused_makes_no_counter(counters: Counters, name: str) -> None:
    assert code_of(counters, name, "c", 2**63) == "counter_out_of_range"
    assert counters.all(name) == {}


def test_values_that_no_double_holds(counters: Counters, name: str) -> None:
    chance = random.Random(1)
    wanted: dict[str, int] = {}
    for _ in range(50):
        by, one = chance.randint(-(2**60), 2**60), chance.choice("ab")
        wanted[one] = wanted.get(one, 0) + by
        assert counters.add(name, one, by, marking()).value == wanted[one]
    assert counters.all(name) == wanted


def test_how_many_a_game_may_have(counters: Counters, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counters_module, "MOST_COUNTERS", 2)
    report = add_many(counters, name, ("a", 1), ("b", 2), ("c", 1), ("a", 1), ("d", 0))
    assert told(report) == (5, 3, 1, [(2, "too_many_counters")])
    assert code_of(counters, name, "c", 1) == "too_many_counters"
    assert counters.all(name) == {"a": 2, "b": 2}
    counters.remove(name, "a")
    assert counters.add(name, "c", 3).value == 3
    assert counters.add(name + "x", "c", 3).value == 3


def test_the_report_of_many(counters: Counters, name: str) -> None:
    counters.add(name, "full", MOST)
    pairs = (("a", 2), ("full", 1), ("a", -5), ("full", 0), ("full", -1), ("full", 2), ("b", 2**53 + 1))
    report = add_many(counters, name, *pairs)
    assert told(report) == (7, 4, 1, [(1, "counter_out_of_range"), (5, "counter_out_of_range")])
    assert [one.refusal.field for one in report.rejected] == ["by", "by"]
    assert counters.all(name) == {"a": -3, "b": 2**53 + 1, "full": MOST - 1}
    assert add_many(counters, name) == Report()


def test_a_retry_is_answered_as_the_first_time(counters: Counters, name: str) -> None:
    marked = marking()
    assert counters.add(name, "c", 2**62, marked) == Counted(2**62, None)
    counters.add(name, "c", 1)
    assert counters.add(name, "c", 2**62, marked) == Counted(2**62, "digest")
    assert counters.add(name, "c", 5, Marking(marked.request, "another", 60_000)) == Counted(2**62, "digest")
    assert counters.value(name, "c") == 2**62 + 1
    store = counters._store.client
    (key,) = store.keys(f"ct:{{{name}}}:idem:*")
    assert 0 < store.pttl(key) <= 60_000


def test_what_was_refused_may_come_again(counters: Counters, name: str) -> None:
    marked = marking()
    counters.add(name, "c", MOST)
    for _ in range(2):
        with pytest.raises(InvalidInput):
            counters.add(name, "c", 5, marked)
    counters.add(name, "c", -5)
    assert counters.add(name, "c", 5, marked).value == MOST


def test_many_are_counted_once_wherever_it_broke_off(counters: Counters, stat_store: Store, name: str) -> None:
    pairs = [(one, by) for by in (1, 10, 2**60) for one in "abc"] + [("a", 0), ("a", 2**63)]
    marked = marking()
    for scripts in range(1, 6):
        with pytest.raises(StoreUnavailable):
            add_many(Counters(DyingStore(stat_store, scripts)), name, *pairs, marked=marked)  # type: ignore[arg-type]
    for _ in range(2):
        report = add_many(counters, name, *pairs, marked=marked)
        assert told(report) == (11, 9, 1, [(10, "counter_out_of_range")])
        assert isinstance(report.rejected[0], Rejection)
        assert counters.all(name) == dict.fromkeys("abc", 2**60 + 11)
    assert told(add_many(counters, name, *pairs, marked=marking()))[1] == 9
    assert counters.value(name, "b") == 2**61 + 22


def test_counters_that_are_not_there(counters: Counters, name: str) -> None:
    counters.add(name, "c", 1)
    counters.remove(name, "c")
    for call in (counters.value, counters.remove):
        with pytest.raises(NotFound) as unknown:
            call(name, "c")
        assert unknown.value.code == "unknown_counter"
    assert counters.add(name, "c", 1).value == 1


def test_a_store_that_is_full_says_nothing_of_the_counter(valkey_url: str, name: str) -> None:
    store = Store.connect(Settings(redis_url=valkey_url), valkey_url)
    counters = Counters(store)
    counters.add(name, "c", 1)
    store.client.config_set("maxmemory", 1)
    try:
        with pytest.raises(StoreUnavailable):
            counters.add(name, "c", 1)
        with pytest.raises(StoreUnavailable):
            add_many(counters, name, ("c", 1), ("c", 1), ("c", 1))
    finally:
        store.client.config_set("maxmemory", 0)
    assert counters.value(name, "c") == 1
    store.close()
