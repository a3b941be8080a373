"""The three kinds in Python: what they promise, and that the store's scripts decide the same."""

import os
import secrets
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leaderboard.config import Settings
from leaderboard.limits import models
from leaderboard.limits.keeper import Limit, Wish, _bucket_call, _call
from leaderboard.limits.models import Models, Taken, model_of
from leaderboard.limits.rules import Rule
from leaderboard.store.connection import Store

EXAMPLES = int(os.environ.get("LIMITS_EXAMPLES", "500" if os.environ.get("CI") else "50"))
START = 1_795_000_000_000
BACK = 100_000  # how far a clock is set back
AHEAD = st.one_of(st.integers(0, 40), st.integers(0, 4000), st.sampled_from([999, 1000, 1001, 1002]))
STEPS = st.lists(
    st.tuples(
        st.one_of(AHEAD, st.integers(-5000, -1)),
        st.integers(0, 9),  # wanted
        st.integers(0, 3),  # given back
    ),
    max_size=40,
)


def bucket(amount: int, seconds: int, burst: int) -> Rule:
    return Rule("bucket", amount, seconds, burst, "")


def window(amount: int, seconds: int) -> Rule:
    return Rule("window", amount, seconds, amount, "")


def day(amount: int, seconds: int) -> Rule:
    return Rule("day", amount, seconds, amount, "")


BUCKETS = st.builds(bucket, st.integers(1, 50), st.integers(1, 3), st.integers(1, 20))
WINDOWS = st.builds(window, st.integers(1, 20), st.integers(1, 3))
DAYS = st.builds(day, st.integers(1, 20), st.integers(1, 3))
RULES = st.one_of(BUCKETS, WINDOWS, DAYS)


@pytest.fixture(scope="module")
def store(store_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = Store.connect(Settings(data_dir=tmp_path_factory.mktemp("data"), redis_url=store_url), store_url)
    yield store
    store.close()


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(rule=RULES, steps=STEPS)
def test_the_scripts_decide_as_the_models_do(store: Store, rule: Rule, steps: list[tuple[int, int, int]]) -> None:
    limit, model, now = Limit("any", rule, f"rl:{{{secrets.token_hex(8)}}}"), model_of(rule), START
    for step, wanted, back in steps:
        now += step
        if rule.kind == "bucket":
            call = _bucket_call([Wish(limit, wanted)], str(now))
        else:
            call = _call(limit, wanted, back, str(now))
        answer = store.run(call.script, call.keys, call.args)
        assert Taken(*map(int, answer)) == model.take(wanted, now, back)
        assert store.client.pttl(limit.key) != -1  # there with a lifetime, or not there


@pytest.mark.parametrize("rule", [bucket(3, 2, 5), window(5, 60), day(5, 86_400)])
def test_the_store_has_a_clock_of_its_own(store: Store, rule: Rule) -> None:
    limit = Limit("any", rule, f"rl:{{{secrets.token_hex(8)}}}")
    wishes = [Wish(limit, 4)]
    call = _bucket_call(wishes, "") if rule.kind == "bucket" else _call(limit, 4, 0, "")
    first, second = (Taken(*map(int, store.run(call.script, call.keys, call.args))) for _ in range(2))
    assert (first.granted, first.left) == (4, 1)
    assert second.granted in ((1, 2) if rule.kind == "bucket" else (1,))
    longest = rule.seconds * 1000 * (1.01 if rule.kind == "window" else 2)
    assert 0 < second.wait_ms <= second.reset_ms <= longest
    assert 0 < store.client.pttl(limit.key) <= longest + 2000


def test_many_buckets_go_in_one_call(store: Store) -> None:
    rule = bucket(1, 1, 3)
    limits = [Limit("any", rule, f"rl:{{{secrets.token_hex(8)}}}") for _ in range(1)]
    limits += [Limit("any", rule, limits[0].key + name) for name in "abc"]
    wishes = [Wish(limit, wanted) for wanted, limit in enumerate(limits, 1)]
    call = _bucket_call(wishes, str(START))
    assert [int(one) for one in store.run(call.script, call.keys, call.args)][::4] == [1, 2, 3, 3]


@given(rule=WINDOWS, steps=st.lists(st.tuples(AHEAD, st.integers(0, 9)), max_size=60))
def test_no_window_ever_has_more_than_the_limit(rule: Rule, steps: list[tuple[int, int]]) -> None:
    model, now, passed = model_of(rule), START, []
    for step, wanted in steps:
        now += step
        passed += [now] * model.take(wanted, now).granted
        assert sum(one > now - rule.seconds * 1000 for one in passed) <= rule.amount


@given(rule=WINDOWS, offset=st.integers(0, 5000))
def test_a_window_that_slid_away_lets_all_through_again(rule: Rule, offset: int) -> None:
    model, now = model_of(rule), START + offset
    assert model.take(rule.amount + 1, now).granted == rule.amount
    full = model.take(1, now)
    assert full.granted == full.left == 0
    assert rule.seconds * 1000 <= full.wait_ms == full.reset_ms <= rule.seconds * 1001  # a thousandth late at most
    assert model.take(1, now + full.wait_ms - 1).granted == 0
    assert model.take(rule.amount + 1, now + full.wait_ms).granted == rule.amount


@given(rule=BUCKETS, steps=st.lists(st.tuples(AHEAD, st.integers(0, 9)), max_size=60))
def test_a_bucket_never_gives_more_than_its_burst_and_what_flows_in(rule: Rule, steps: list[tuple[int, int]]) -> None:
    model, now, passed = model_of(rule), START, []
    for step, wanted in steps:
        now += step
        taken = model.take(wanted, now)
        passed += [now] * taken.granted
        since = 0
        for place, at in enumerate(passed):  # in every stretch that begins with a submission
            since = len(passed) - place
            assert since * rule.seconds * 1000 <= rule.burst * rule.seconds * 1000 + (now - at) * rule.amount
        if taken.granted < wanted:
            assert model.take(1, now).granted == 0


@given(rule=BUCKETS)
def test_who_comes_as_often_as_the_tokens_is_never_refused(rule: Rule) -> None:
    model, step = model_of(rule), -(-rule.seconds * 1000 // rule.amount)
    assert all(model.take(1, START + number * step).granted for number in range(100))
    taken = model.take(rule.burst, START + 100 * step)
    empty = model.take(1, START + 100 * step)
    assert taken.granted == rule.burst
    assert empty.granted == 0
    assert model.take(1, START + 100 * step + empty.wait_ms - 1).granted == 0
    assert model.take(1, START + 100 * step + empty.wait_ms).granted == 1


@given(rule=DAYS, steps=st.lists(st.tuples(AHEAD, st.integers(0, 9)), max_size=60))
def test_a_day_has_its_quota_and_the_next_one_a_new_one(rule: Rule, steps: list[tuple[int, int]]) -> None:
    model, now, passed = model_of(rule), START, dict[int, int]()
    for step, wanted in steps:
        now += step
        number = now // (rule.seconds * 1000)
        taken = model.take(wanted, now)
        assert taken.granted == min(wanted, rule.amount - passed.get(number, 0))
        passed[number] = passed.get(number, 0) + taken.granted
        assert (now + taken.reset_ms) % (rule.seconds * 1000) == 0


@given(rule=RULES, steps=STEPS, back=st.integers(1, BACK))
def test_a_clock_set_back_locks_nobody_out_for_long(rule: Rule, steps: list[tuple[int, int, int]], back: int) -> None:
    model, now = model_of(rule), START
    for step, wanted, _ in steps:
        now += step
        model.take(wanted, now)
    now -= back
    refused = model.take(rule.most, now)
    assert refused.wait_ms <= refused.reset_ms <= max(rule.seconds * 1001, rule.burst * rule.seconds * 1000)
    again = model.take(1, now + refused.wait_ms)
    assert again.granted == 1 or refused.granted  # it was let through at once, or as soon as was said


@given(rule=RULES, workers=st.integers(1, 9))
def test_the_shares_of_all_workers_are_the_limit_but_one_is_something(rule: Rule, workers: int) -> None:
    share = rule.share_of(workers)
    assert 1 <= share.most <= max(1, rule.most // workers)
    assert share.amount * workers * rule.seconds <= max(rule.amount, workers) * share.seconds


def test_what_a_worker_keeps_by_itself_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "_MOST_MODELS", 3)
    kept, rule = Models(2), window(4, 60)
    assert [kept.take("a", rule, 3, START).granted, kept.take("a", rule, 3, START).granted] == [2, 0]
    for key in "bcade":
        kept.take(key, rule, 1, START)
    assert len(kept._kept) == 3
    assert kept.take("a", rule, 1, START).granted == 0  # used more recently than b and c
    assert kept.take("b", rule, 1, START).granted == 1
