"""How workers keep limits together: permits taken in advance, and what each does by itself when the store is away."""

import os
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leaderboard.limits import keeper as keepers
from leaderboard.limits.keeper import Wish
from leaderboard.limits.rules import Rule
from tests.limits.conftest import Tap, Workers, limit_of

LARGE = Rule("window", 20_000, 10, 20_000, "20000/10s")
KINDS = [
    Rule("window", 20, 10, 20, "20/10s"),
    Rule("day", 20, 86_400, 20, "20/day"),
    Rule("bucket", 2, 1, 20, "2/s burst 20"),
]
EXAMPLES = int(os.environ.get("LIMITS_EXAMPLES", "20" if os.environ.get("CI") else "2"))
VALKEY = pytest.mark.parametrize("store_url", ["valkey"], indirect=True)  # the scripts are compared on either
POINTED = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@pytest.mark.parametrize("rule", KINDS, ids=lambda rule: rule.kind)
def test_small_limits_are_asked_for_each_time_and_shared(tap: Tap, rule: Rule) -> None:
    workers, limit = Workers(tap, 2), limit_of(rule)
    assert [workers.ask(number % 2, limit) for number in range(25)] == [1] * 20 + [0] * 5
    assert 20 <= tap.calls <= 25
    refused = workers.keepers[0].take_tokens if rule.kind == "bucket" else workers.keepers[0].take
    (grant,) = refused([Wish(limit, 1)])
    assert grant.refused.is_refused
    workers.seconds += grant.refused.seconds - 0.001
    assert workers.ask(0, limit) == 0
    workers.seconds += 0.2  # later than was said, and than refusals are remembered
    assert workers.ask(1, limit) == 1


def test_a_large_limit_does_not_cost_a_call_a_request(tap: Tap) -> None:
    workers, limit = Workers(tap, 2), limit_of(LARGE)
    for _ in range(1500):  # a second, 1,500 requests each
        workers.seconds += 1 / 1500
        assert workers.ask(0, limit) == workers.ask(1, limit) == 1
    assert tap.calls < 60
    assert sum(keeper.figures.asked for keeper in workers.keepers) == tap.calls


@VALKEY
@settings(max_examples=EXAMPLES, **POINTED)
@given(seed=st.integers(0, 2**32))
def test_under_pressure_the_limit_is_reached_and_kept_within_one_percent(tap: Tap, seed: int) -> None:
    chance, workers, limit = Random(seed), Workers(tap, 2), limit_of(Rule("window", 2000, 1, 2000, ""))
    passed: list[float] = []
    began = workers.seconds
    while workers.seconds < began + 2.5:
        workers.seconds += chance.expovariate(1000)
        for worker in range(2):
            passed += [workers.seconds] * workers.ask(worker, limit, chance.choice((1, 1, 1, 20, 40)))
    assert len(passed) >= 3 * 2000 * 0.99  # at once, and after one and two seconds
    for start in (began, *chance.sample(passed, 200)):
        assert sum(start <= at < start + 0.999 for at in passed) <= 2000 * 1.01


@VALKEY
@settings(max_examples=2 * EXAMPLES, **POINTED)
@given(seed=st.integers(0, 2**32), rate=st.integers(1, 1900))
def test_who_stays_under_the_limit_is_never_refused(tap: Tap, seed: int, rate: int) -> None:
    """Permits that were not used are given back, so they do not add up to anything."""
    chance, workers, limit = Random(seed), Workers(tap, 2), limit_of(Rule("window", 2000, 1, 2000, ""))
    for _ in range(min(3 * rate, 1500)):
        workers.seconds += 1 / rate
        if chance.random() < 0.01:
            workers.seconds += chance.random()
        assert workers.ask(chance.randrange(2), limit) == 1
    assert sum(keeper.figures.refusals["key_reads"] for keeper in workers.keepers) == 0


def test_permits_end_after_a_tenth_of_a_second(tap: Tap) -> None:
    workers, limit = Workers(tap, 1), limit_of(LARGE)
    keeper = workers.keepers[0]
    for _ in range(50):
        workers.seconds += 0.001
        assert workers.ask(0, limit) == 1
    assert keeper.decide(limit) is not None
    workers.seconds += 0.101
    assert keeper.decide(limit) is None
    before = tap.calls
    (grant,) = keeper.take([Wish(limit, 1)])
    assert tap.calls == before + 1
    assert grant.standing.left == 20_000 - 52  # what was not used is back


def test_a_refusal_is_remembered_for_a_moment(tap: Tap) -> None:
    workers, limit = Workers(tap, 1), limit_of(KINDS[0])
    assert workers.ask(0, limit, 21) == 20
    calls = tap.calls
    for _ in range(5):
        grant = workers.keepers[0].decide(limit)
        assert grant is not None
        assert grant.granted == 0
        assert 9.9 < grant.refused.seconds <= 10.01
    assert tap.calls == calls
    assert workers.keepers[0].figures.refusals["key_reads"] == 6
    workers.seconds += 0.1
    assert workers.keepers[0].decide(limit) is None


@pytest.mark.parametrize("rule", KINDS, ids=lambda rule: rule.kind)
def test_while_the_store_is_away_each_worker_keeps_its_part(tap: Tap, rule: Rule) -> None:
    workers, limit = Workers(tap, 2), limit_of(rule)
    tap.is_away = True
    assert [workers.ask(worker, limit, 15) for worker in (0, 1, 0, 1)] == [10, 10, 0, 0]
    assert tap.calls == 2  # each has asked once, and leaves the store alone for a moment
    assert sum(keeper.figures.alone for keeper in workers.keepers) == 4
    workers.seconds += 0.6
    assert workers.ask(0, limit) == 0
    assert tap.calls == 3
    tap.is_away = False
    assert workers.ask(0, limit) == 0  # not asked yet
    workers.seconds += 0.6
    assert workers.ask(0, limit, 30) == 20  # the store's word, which knows of nothing yet
    assert workers.ask(1, limit) == 0


def test_many_players_of_one_shard_are_asked_for_in_several_calls(tap: Tap) -> None:
    workers, rule = Workers(tap, 1), KINDS[2]
    wishes = [Wish(limit_of(rule)._replace(key=f"rl:{{same}}:{number}"), number % 3) for number in range(9000)]
    granted = [grant.granted for grant in workers.keepers[0].take_tokens(wishes)]
    assert granted == [wish.wanted for wish in wishes]
    assert tap.calls == 1
    assert workers.keepers[0].figures.asked == 18
    tap.store.client.delete(*(wish.limit.key for wish in wishes))


def test_a_limit_smaller_than_the_workers_lets_something_through(tap: Tap) -> None:
    workers, limit = Workers(tap, 4), limit_of(Rule("window", 1, 60, 1, ""))
    tap.is_away = True
    assert [workers.ask(worker, limit, 3) for worker in range(4)] == [1, 1, 1, 1]


def test_a_store_that_hangs_is_not_waited_for(tap: Tap) -> None:
    workers, limit = Workers(tap, 2), limit_of(KINDS[0])
    assert workers.keepers[0].decide(limit) is None
    assert workers.keepers[0].decide_alone(limit).granted == 1
    assert [workers.keepers[0].decide(limit) is not None for _ in range(3)] == [True] * 3
    assert tap.calls == 0


def test_the_permits_of_a_process_are_bounded(tap: Tap, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keepers, "_MOST_PERMITS", 3)
    workers = Workers(tap, 1)
    for _ in range(5):
        assert workers.ask(0, limit_of(LARGE)) == 1
    assert len(workers.keepers[0]._permits) == 3


def test_a_quota_that_was_lowered_lets_nothing_through_and_a_raised_one_the_rest(tap: Tap) -> None:
    workers, limit = Workers(tap, 1), limit_of(KINDS[1])
    assert workers.ask(0, limit, 10) == 10
    lower, higher = (limit._replace(rule=Rule("day", amount, 86_400, amount, "")) for amount in (5, 30))
    assert workers.ask(0, lower) == 0
    assert workers.ask(0, higher, 30) == 20
